"""Table of mean transfer between geometries: trained against untrained, one against two."""

from abc import ABC
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import Field

from offdiag.analyses.frames import Frames
from offdiag.analyses.transfer_matrix import MOST_TASKS, SEPARATOR, TransferMatrices, transfer_matrices
from offdiag.analyses.transfer_spread import statistics
from offdiag.studies.world_map.analyses.city_cells import Centre, CityAnalysis
from offdiag.studies.world_map.analyses.improvement import cell_scores

if TYPE_CHECKING:
    import pandas as pd


class TransferAnalysis(CityAnalysis, ABC):
    """Base class of the analyses of transfer matrices, whose values are normalised improvements.

    Attributes:
        centre: errors by their mean, as published, or their median.
        clipped: improvements count from 0 to 1.5, as published; otherwise as they are.
    """

    centre: Centre = "mean"
    clipped: bool = True

    @property
    def column(self) -> str:
        """The column of the scores that holds the values of the matrices."""
        return "clipped" if self.clipped else "unclipped"


class TransferStatistics(TransferAnalysis):
    """Means of the single-task matrix, the two-task matrix and their difference, over trained and transfer cells.

    Two tasks are compared with the better of their specialists of the same width and seed. Fine-tunings on more than
    two geometries are left out.

    Attributes:
        split_by: a geometry; two-task rows are also given for those with it and those without it; "" does not split.
        level: coverage of the intervals over seeds.
    """

    tag: ClassVar[str] = "transfer-statistics"
    terminal_columns: ClassVar[tuple[str, ...]] = (
        "model", "matrix", "rows", "cells", "mean", "mean_low", "mean_high", "std", "n_cells", "n_missing", "n_seeds",
    )  # fmt: skip
    split_by: str = "distance"
    level: float = Field(default=0.95, gt=0, lt=1)

    def table(self, frames: Frames) -> "pd.DataFrame":
        """Return one row per arm and statistic of :func:`offdiag.analyses.transfer_spread.statistics`.

        Cells are averaged over seeds first; ``std`` is the population's over cells, as published; the interval is over
        seeds, empty for one seed.
        """
        import pandas as pd

        parts = []
        for key, matrices in matrices_by_arm(frames.cells, self).items():
            part = statistics(matrices, self.split_by, self.level)
            arm = dict(zip(self.arms, key, strict=True))
            parts.append(part[part["n_cells"] + part["n_missing"] > 0].assign(**arm)[[*arm, *part.columns]])
        return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()


def matrices_by_arm(cells: "pd.DataFrame", settings: TransferAnalysis) -> dict[tuple[Any, ...], TransferMatrices]:
    """Return the transfer matrices of each arm (by the values of its columns), in the order of the cells.

    Raises:
        UserError: as :func:`offdiag.studies.world_map.analyses.city_cells.fine_tuned`.
    """
    table = cell_scores(cells, settings, settings.centre)
    if table.empty:
        return {}
    table = table[[len(str(text).split(SEPARATOR)) <= MOST_TASKS for text in table["train_geometry"]]]
    sources = {"trained": "train_geometry", "evaluated": "eval_geometry", "value": settings.column}
    table = table.assign(**{name: table[column] for name, column in sources.items()})
    groups = table.groupby(list(settings.arms), sort=False, dropna=False)
    return {key: transfer_matrices(rows) for key, rows in groups}
