"""First weights and learning rates that suit every width: the maximal update parametrisation.

After Yang et al. 2022 (arXiv 2203.03466), Table 3 for Adam, relative to a base width at which nothing is scaled. With
r = base width / width:

    weights                      standard deviation    learning rate
    embeddings, norms, biases    1                     1
    matrices of the layers       sqrt(r)               r
    head                         r                     r

so that an update changes activations and logits as much at any width. The size of a head of attention must be the same
at all widths (more heads, not larger ones), and the feed-forward layer the same multiple. Weights decay as fast as
at the base width: AdamW decays by rate times decay, so the decay is divided by r.
"""

from typing import Any, TypeAlias

import torch
from torch import nn
from transformers import PreTrainedModel

Weights: TypeAlias = list[torch.Tensor]


@torch.no_grad()
def scale_first_weights(model: PreTrainedModel, ratio: float) -> None:
    """Scale freshly drawn weights, in place, to a width that is the base width over ``ratio``."""
    _, hidden, head, _ = _by_role(model)
    for weight in hidden:
        weight.mul_(ratio**0.5)
    head.mul_(ratio)


def weight_groups(model: PreTrainedModel, ratio: float, weight_decay: float) -> list[dict[str, Any]]:
    """The weights in AdamW's groups, each with its ``scale`` of the learning rate; vectors do not decay."""
    embeddings, hidden, head, vectors = _by_role(model)
    return [
        {"params": embeddings, "scale": 1.0, "weight_decay": weight_decay},
        {"params": [*hidden, head], "scale": ratio, "weight_decay": weight_decay / ratio},
        {"params": vectors, "scale": 1.0, "weight_decay": 0.0},
    ]


def _by_role(model: PreTrainedModel) -> tuple[Weights, Weights, torch.Tensor, Weights]:
    """Embeddings (of tokens and of places), matrices of the layers, the head, and vectors (norms and biases)."""
    head: torch.Tensor = model.get_output_embeddings().weight  # type: ignore[no-untyped-call]
    embeddings = [module.weight for module in model.modules() if isinstance(module, nn.Embedding)]
    others = [w for w in model.parameters() if w is not head and not any(w is e for e in embeddings)]
    return embeddings, [w for w in others if w.ndim > 1], head, [w for w in others if w.ndim <= 1]
