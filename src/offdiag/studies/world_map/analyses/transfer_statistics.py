"""Table of mean transfer between geometries: trained against untrained, one against two."""

from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import Field

from offdiag.analyses.frames import Frames
from offdiag.analyses.transfer_matrix import MOST_TASKS, SEPARATOR, TransferMatrices, transfer_matrices
from offdiag.analyses.transfer_spread import statistics
from offdiag.studies.world_map.analyses.city_cells import TransferAnalysis
from offdiag.studies.world_map.analyses.improvement import cell_scores, scores_of_arms
from offdiag.studies.world_map.analyses.specialists import held_out_by_cell

if TYPE_CHECKING:
    import pandas as pd


class TransferStatistics(TransferAnalysis):
    """Means of the matrices of one task and of several, and of the differences, over trained and transfer cells.

    Several tasks are compared with the best of their specialists of the same width and seed: by the scores themselves
    (``difference``, as published, and too low, since the best of noisy scores is too high), and with the one that other
    answers chose (``held-out``, see :mod:`offdiag.studies.world_map.analyses.specialists`). Fine-tunings on more than
    three geometries are left out. Cells without a scale are in no mean; ``n_undefined`` counts them.

    Attributes:
        split_by: a geometry; two-task rows are also given for those with it and those without it; "" does not split.
        level: coverage of the intervals over seeds.
    """

    tag: ClassVar[str] = "transfer-statistics"
    terminal_columns: ClassVar[tuple[str, ...]] = (
        "model", "matrix", "rows", "cells", "mean", "mean_low", "mean_high", "std", "n_cells", "n_undefined",
        "n_missing", "n_seeds",
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
        for key, matrices in matrices_by_arm(frames, self).items():
            part = statistics(matrices, self.split_by, self.level)
            arm = dict(zip(self.arms, key, strict=True))
            some = part[["n_cells", "n_missing", "n_undefined"]].sum(axis=1) > 0
            parts.append(part[some].assign(**arm)[[*arm, *part.columns]])
        return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()


def matrices_by_arm(frames: Frames, settings: TransferAnalysis) -> dict[tuple[Any, ...], TransferMatrices]:
    """Return the transfer matrices of each arm (by the values of its columns), in the order of the cells.

    Raises:
        UserError: as :func:`offdiag.studies.world_map.analyses.city_cells.fine_tuned`.
    """
    table = cell_scores(frames, settings, settings.centre)
    if table.empty:
        return {}
    table = table[[len(str(text).split(SEPARATOR)) <= MOST_TASKS for text in table["train_geometry"]]]
    table = table.assign(held_out=held_out_by_cell(table, scores_of_arms(table, settings), frames, settings))
    sources = {"trained": "train_geometry", "evaluated": "eval_geometry", "value": settings.column}
    table = table.assign(**{name: table[column] for name, column in sources.items()})
    groups = table.groupby(list(settings.arms), sort=False, dropna=False)
    return {key: transfer_matrices(rows) for key, rows in groups}
