"""Hidden states of prompts, at their last token or as a mean over tokens, and of continuations."""

from collections.abc import Sequence
from typing import Literal, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from transformers import PreTrainedModel

from offdiag.models.inference.forward import Rows, alone, left_padded, of_layers

Positions: TypeAlias = Literal["last", "mean"]


def pooled(
    model: PreTrainedModel,
    prompts: Sequence[Sequence[int]],
    layers: Sequence[int],
    positions: Sequence[Positions],
    *,
    padded: bool,
) -> Tensor:
    """Return hidden states [R, len(positions), len(layers), d] in float32; layer 0 is the embeddings.

    Prompts of equal length need no mask: they can be read without one (``padded=False``).
    """
    ids, padding = left_padded(prompts, 0, model.device)
    seen = torch.arange(ids.shape[1], device=ids.device) >= padding[:, None]
    if padded:
        states = model.base_model(
            input_ids=ids,
            attention_mask=seen.long(),
            position_ids=(seen.long().cumsum(1) - 1).clamp(min=0),
            output_hidden_states=True,
            use_cache=False,
        ).hidden_states
    else:
        states = alone(model, ids, states=True).hidden_states
    chosen = of_layers(states, layers, ids.shape)
    return torch.stack([torch.stack([_pool(state, seen, way) for state in chosen], 1) for way in positions], 1)


def ending_states(
    rows: Rows, endings: Sequence[Sequence[Sequence[int]]], layers: Sequence[int], device: torch.device
) -> list[NDArray[np.float32]]:
    """Return the hidden states of the last token of each ending, per prefilled row ``[endings, len(layers), d]``."""
    rows.keep([row for row, own in enumerate(endings) for _ in own])
    flat = [ending for own in endings for ending in own]
    width = max(map(len, flat))
    ids = torch.tensor([[*ending, *[0] * (width - len(ending))] for ending in flat], device=device)
    last = torch.tensor([len(ending) - 1 for ending in flat], device=device)
    states = rows.read(ids, layers)[torch.arange(len(flat), device=device), last].float().cpu().numpy()
    return np.split(states, np.cumsum([len(own) for own in endings])[:-1])


def _pool(state: Tensor, seen: Tensor, way: Positions) -> Tensor:
    if way == "last":
        return state[:, -1].float()
    return (state.float() * seen.unsqueeze(-1)).sum(1) / seen.sum(1, keepdim=True)
