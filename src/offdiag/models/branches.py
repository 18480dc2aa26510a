"""Predict after many short continuations (branches) of one text (the trunk) in one forward pass."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import PreTrainedModel

IntArray = NDArray[np.int64]


@torch.inference_mode()
def predict_branches(
    model: PreTrainedModel, trunk: IntArray, branches: IntArray, forks: Sequence[int], *, token_budget: int
) -> IntArray:
    """Return the most probable next token at every position of every branch.

    A branch follows the first ``forks[b]`` tokens of its row's trunk: it has the positions that it would have there,
    and its mask shows it these tokens and itself, nothing else. So one pass gives what a pass for each branch would.

    Args:
        model: a decoder that takes a mask of four dimensions.
        trunk: ``[rows, columns]`` token ids.
        branches: ``[rows, B, length]`` token ids.
        forks: B numbers of trunk tokens, from 0 to columns.
        token_budget: most tokens of one pass.

    Returns:
        ``[rows, B, length]`` token ids: entry ``t`` follows token ``t`` of the branch.
    """
    rows, number, length = branches.shape
    columns = trunk.shape[1]
    shown, positions = _layout(columns, forks, length)
    mask = torch.as_tensor(shown, device=model.device)[None, None]
    places = torch.as_tensor(positions, device=model.device)[None]
    ids = np.concatenate([trunk, branches.reshape(rows, -1)], axis=1)
    step = max(1, token_budget // ids.shape[1])
    found = []
    for start in range(0, rows, step):
        some = torch.as_tensor(ids[start : start + step], device=model.device)
        output: Any = model(
            input_ids=some,
            attention_mask=mask.expand(len(some), -1, -1, -1),
            position_ids=places,
            logits_to_keep=number * length,
            use_cache=False,
        )
        found.append(output.logits.argmax(-1).cpu().numpy())
    return np.concatenate(found).reshape(rows, number, length)


def _layout(columns: int, forks: Sequence[int], length: int) -> tuple[NDArray[np.bool_], IntArray]:
    """Return which key each query sees, ``[query, key]``, and the position of every token, trunk first."""
    fork = np.repeat(np.asarray(forks, np.int64), length)
    branch = np.repeat(np.arange(len(forks)), length)
    within = np.tile(np.arange(length), len(forks))
    along = np.arange(columns)
    shown = np.zeros((columns + fork.size, columns + fork.size), np.bool_)
    shown[:columns, :columns] = along[:, None] >= along
    shown[columns:, :columns] = along < fork[:, None]
    shown[columns:, columns:] = (branch[:, None] == branch) & (within[:, None] >= within)
    return shown, np.concatenate([along, fork + within])
