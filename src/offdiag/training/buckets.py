"""Cut the rows of an update into buckets of similar length, so that little is computed on padding."""

from typing import Any, NamedTuple, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray

from offdiag.training.batches import IGNORED

# Token ids and targets, both integers of shape [rows, columns]; a target of -100 is none.
Arrays: TypeAlias = tuple[Any, Any]
IntArray: TypeAlias = NDArray[np.int64]


class Bucket(NamedTuple):
    """Rows of similar length that pass through the model together.

    Attributes:
        ids: [rows, columns]. places: of the targets, in the flattened ids. targets: one per place.
        tokens: of the rows, without what fills them up.
    """

    ids: torch.Tensor
    places: torch.Tensor
    targets: torch.Tensor
    tokens: int


def lengths_of(targets: IntArray) -> IntArray:
    """Return the columns of each row up to its last target: in a causal model what follows changes nothing."""
    columns = np.arange(1, targets.shape[1] + 1)
    return np.asarray(np.maximum((columns * (targets != IGNORED)).max(axis=1), 1))


def in_shards(batch: Arrays, shards: int, most: int, device: torch.device) -> list[list[Bucket]]:
    """Deal the rows out to shards by length, so that all have about the same work, and cut each into buckets.

    A shard without a row is left out.
    """
    ids, targets = (np.asarray(array) for array in batch)
    order = np.argsort(lengths_of(targets), kind="stable")
    dealt = (order[shard::shards] for shard in range(shards))
    return [in_buckets((ids[rows], targets[rows]), most, device) for rows in dealt if len(rows)]


def in_buckets(batch: Arrays, most: int, device: torch.device) -> list[Bucket]:
    """Cut the rows of a batch into at most ``most`` buckets, with the least padding that is possible."""
    ids, targets = (np.asarray(array) for array in batch)
    lengths = lengths_of(targets)
    order = np.argsort(lengths, kind="stable")
    buckets, begin = [], 0
    for end in _cuts(lengths[order].tolist(), most):
        rows, columns = order[begin:end], int(lengths[order[end - 1]])
        wanted = targets[rows, :columns].ravel()
        places = np.flatnonzero(wanted != IGNORED)
        kept, where, what = (torch.as_tensor(a, device=device) for a in (ids[rows, :columns], places, wanted[places]))
        buckets.append(Bucket(kept, where, what, int(lengths[rows].sum())))
        begin = end
    return buckets


def _cuts(lengths: list[int], most: int) -> tuple[int, ...]:
    """Return where each bucket ends, for increasing lengths: dynamic programming over the rows of a new length."""
    n = len(lengths)
    ends = [i for i in range(1, n) if lengths[i] != lengths[i - 1]] + [n]
    best: dict[int, tuple[int, tuple[int, ...]]] = {0: (0, ())}  # rows that are cut: tokens, ends
    for _ in range(min(most, len(ends))):
        best = {
            end: min(
                (cost + (end - begin) * lengths[end - 1], (*cuts, end))
                for begin, (cost, cuts) in best.items()
                if begin < end
            )
            for end in ends
            if end > min(best)
        }
    return best[n][1]
