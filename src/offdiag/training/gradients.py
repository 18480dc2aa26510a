"""Gradients as things to keep and to take from each other."""

from typing import TypeAlias

import torch

Gradients: TypeAlias = dict[torch.nn.Parameter, torch.Tensor]


def take_gradients(model: torch.nn.Module) -> Gradients:
    """The gradients of a model's weights, which have none afterwards."""
    taken = {weight: weight.grad for weight in model.parameters() if weight.grad is not None}
    for weight in taken:
        weight.grad = None
    return taken


@torch.no_grad()
def project_away(others: Gradients) -> None:
    """Take from each weight's gradient g its part along the other one, a: g - (<g, a> / <a, a>) a; g where a is 0."""
    for weight, other in others.items():
        if weight.grad is not None:
            square = other.square().sum()
            along = torch.where(square > 0, (weight.grad * other).sum() / square, 0)
            weight.grad -= along * other
