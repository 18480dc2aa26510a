"""Hidden states of prompts, pooled over the positions of each."""

from collections.abc import Sequence
from typing import Literal, TypeAlias

import torch
from torch import Tensor
from transformers import PreTrainedModel

from offdiag.models._forward import left_padded

Positions: TypeAlias = Literal["last", "mean"]


def pooled(
    model: PreTrainedModel, prompts: Sequence[Sequence[int]], layers: Sequence[int], positions: Sequence[Positions]
) -> Tensor:
    """Hidden states [R, len(positions), len(layers), d] in float32; layer 0 is the embeddings, as in transformers."""
    ids, padding = left_padded(prompts, 0, model.device)
    seen = torch.arange(ids.shape[1], device=ids.device) >= padding[:, None]
    states = model.base_model(
        input_ids=ids,
        attention_mask=seen.long(),
        position_ids=(seen.long().cumsum(1) - 1).clamp(min=0),
        output_hidden_states=True,
        use_cache=False,
    ).hidden_states
    return torch.stack([torch.stack([_pool(states[i], seen, way) for i in layers], 1) for way in positions], 1)


def _pool(state: Tensor, seen: Tensor, way: Positions) -> Tensor:
    if way == "last":
        return state[:, -1].float()
    return (state.float() * seen.unsqueeze(-1)).sum(1) / seen.sum(1, keepdim=True)
