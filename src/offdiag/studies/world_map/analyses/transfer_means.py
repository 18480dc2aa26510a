"""The means behind the statistics of transfer, each with those of its seeds and its cells."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from offdiag.analyses.transfer_matrix import Matrix, TransferMatrices
from offdiag.analyses.transfer_spread import Spread, means_of_seeds, spread
from offdiag.stats import FloatArray


class Part(NamedTuple):
    """Some cells of a matrix.

    Attributes:
        key: of the arm. name: of the cells. spread: their statistics. by_seed: means of the seeds.
        values: of the cells, averaged over seeds. taught: whether a cell was trained.
    """

    key: tuple[Any, ...]
    name: str
    spread: Spread
    by_seed: FloatArray
    values: FloatArray
    taught: NDArray[np.bool_]


def halves(found: dict[tuple[Any, ...], TransferMatrices], which: str) -> Iterator[Part]:
    """The trained and the transfer cells of each arm's ``single`` or ``pair`` matrix."""
    for key, matrices in found.items():
        matrix: Matrix = getattr(matrices, which)
        yield _part(key, "trained", matrix, matrix.trained)
        yield _part(key, "transfer", matrix, ~matrix.trained)


def split(found: dict[tuple[Any, ...], TransferMatrices], by: str) -> Iterator[Part]:
    """The differences of each arm's pairs that have the task ``by``, and of those that have not."""
    for key, matrices in found.items():
        having = np.broadcast_to(matrices.difference.having(by), matrices.difference.trained.shape)
        yield _part(key, f"with {by}", matrices.difference, having)
        yield _part(key, f"without {by}", matrices.difference, ~having)


def _part(key: tuple[Any, ...], name: str, matrix: Matrix, chosen: NDArray[np.bool_]) -> Part:
    return Part(
        key=key,
        name=name,
        spread=spread(matrix, chosen),
        by_seed=means_of_seeds(matrix, chosen),
        values=matrix.mean[chosen],
        taught=matrix.trained[chosen],
    )
