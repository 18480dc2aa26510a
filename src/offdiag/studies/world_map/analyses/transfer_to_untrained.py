"""What one geometry that new cities were taught through hands on to the others."""

from typing import TYPE_CHECKING, ClassVar

import numpy as np

from offdiag.analyses.frames import Frames
from offdiag.analyses.transfer_matrix import SEPARATOR
from offdiag.stats import crossed_mean
from offdiag.studies.world_map.analyses.transfer_statistics import OfMatrices, matrices

if TYPE_CHECKING:
    import pandas as pd


class HandedOn(OfMatrices):
    """Mean improvement on the geometries that were not taught, for each fine-tuning on one or two."""

    tag: ClassVar[str] = "handed-on"
    terminal_columns: ClassVar[tuple[str, ...]] = ("model", "trained", "mean", "low", "high", "n_asked", "n_seeds")

    def table(self, frames: Frames) -> "pd.DataFrame":
        """One row an arm and training; ``low, high``: 95 % for new seeds and new geometries to be asked about.

        See :func:`offdiag.stats.crossed_mean`; a training of which nothing is done has no numbers.
        """
        import pandas as pd

        rows = []
        for key, found in matrices(frames.cells, self).items():
            for matrix in (found.single, found.pair):
                for row, taught, values in zip(matrix.rows, matrix.trained, matrix.by_seed.swapaxes(0, 1), strict=True):
                    of = crossed_mean(values[:, ~taught])
                    known = ~np.isnan(values[:, ~taught])
                    rows.append(
                        {**dict(zip(self.arms, key, strict=True)), "trained": SEPARATOR.join(row), "mean": of.mean,
                         "low": of.low, "high": of.high, "n_asked": int(known.any(axis=0).sum()),
                         "n_seeds": int(known.any(axis=1).sum())}
                    )  # fmt: skip
        return pd.DataFrame(rows)
