"""Base class of transfer figures, and means over groups of cells of a transfer matrix."""

from abc import ABC
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from offdiag.analyses.transfer_matrix import Matrix, TransferMatrices
from offdiag.analyses.transfer_spread import Spread, means_of_seeds, spread
from offdiag.figures.figure import StudyFigure
from offdiag.stats import FloatArray
from offdiag.studies.world_map.analyses.city_cells import ARMS, Centre
from offdiag.studies.world_map.analyses.transfer_statistics import TransferStatistics


class TransferFigure(StudyFigure, ABC):
    """Base class of the figures of :class:`TransferStatistics`.

    Attributes:
        arms: columns; each combination of their values has a panel, or a place along x, of its own.
        centre, clipped, split_by: see :class:`TransferStatistics`.
    """

    arms: tuple[str, ...] = ARMS
    centre: Centre = "mean"
    clipped: bool = True
    split_by: str = "distance"

    @property
    def settings(self) -> TransferStatistics:
        """The analysis with the same settings."""
        shared = {"name": self.name, "where": self.where, "match_on": self.match_on, "arms": self.arms}
        return TransferStatistics(**shared, centre=self.centre, clipped=self.clipped, split_by=self.split_by)


class CellGroup(NamedTuple):
    """Some cells of a transfer matrix and their mean.

    Attributes:
        key: of the arm. name: of the group, such as ``trained``. spread: the mean of the cells with its interval.
        by_seed: the mean of each seed ``[seeds]``.
        values: of the cells, averaged over seeds ``[cells]``; NaN where there is none.
        taught: whether a cell's geometry was trained ``[cells]``.
    """

    key: tuple[Any, ...]
    name: str
    spread: Spread
    by_seed: FloatArray
    values: FloatArray
    taught: NDArray[np.bool_]


def by_training(found: dict[tuple[Any, ...], TransferMatrices], which: str) -> Iterator[CellGroup]:
    """Yield the trained and the transfer cells of each arm's ``single`` or ``pair`` matrix."""
    for key, matrices in found.items():
        matrix: Matrix = getattr(matrices, which)
        yield _group(key, "trained", matrix, matrix.trained)
        yield _group(key, "transfer", matrix, ~matrix.trained)


def by_task(
    found: dict[tuple[Any, ...], TransferMatrices], task: str, which: str = "difference"
) -> Iterator[CellGroup]:
    """Yield the differences of each arm's pairs with ``task``, and of those without it; or those that are held out."""
    for key, matrices in found.items():
        matrix: Matrix = getattr(matrices, which)
        having = np.broadcast_to(matrix.having(task), matrix.trained.shape)
        yield _group(key, f"with {task}", matrix, having)
        yield _group(key, f"without {task}", matrix, ~having)


def _group(key: tuple[Any, ...], name: str, matrix: Matrix, chosen: NDArray[np.bool_]) -> CellGroup:
    return CellGroup(
        key=key,
        name=name,
        spread=spread(matrix, chosen),
        by_seed=means_of_seeds(matrix, chosen),
        values=matrix.mean[chosen],
        taught=matrix.trained[chosen],
    )
