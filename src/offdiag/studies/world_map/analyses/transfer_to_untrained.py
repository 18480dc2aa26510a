"""Mean transfer from the trained geometries to the untrained ones, on new cities."""

from typing import TYPE_CHECKING, ClassVar

import numpy as np

from offdiag.analyses.frames import Frames
from offdiag.analyses.transfer_matrix import SEPARATOR
from offdiag.stats import crossed_mean
from offdiag.studies.world_map.analyses.city_cells import TransferAnalysis
from offdiag.studies.world_map.analyses.transfer_statistics import matrices_by_arm

if TYPE_CHECKING:
    import pandas as pd


class TransferToUntrained(TransferAnalysis):
    """Mean improvement on the geometries that were not trained, for each fine-tuning on one to three of them."""

    tag: ClassVar[str] = "handed-on"
    terminal_columns: ClassVar[tuple[str, ...]] = ("model", "trained", "mean", "low", "high", "n_asked", "n_seeds")

    def table(self, frames: Frames) -> "pd.DataFrame":
        """Return one row per arm and training; ``low, high``: 95 % for new seeds and new untrained geometries.

        See :func:`offdiag.stats.crossed_mean`. A training without any finished cell has no numbers.
        """
        import pandas as pd

        rows = []
        for key, matrices in matrices_by_arm(frames, self).items():
            for matrix in (matrices.single, matrices.pair, matrices.triple):
                for row, taught, values in zip(matrix.rows, matrix.trained, matrix.by_seed.swapaxes(0, 1), strict=True):
                    untrained = values[:, ~taught]  # [seeds, geometries]
                    mean, known = crossed_mean(untrained), ~np.isnan(untrained)
                    rows.append(
                        {**dict(zip(self.arms, key, strict=True)), "trained": SEPARATOR.join(row), "mean": mean.value,
                         "low": mean.low, "high": mean.high, "n_asked": int(known.any(axis=0).sum()),
                         "n_seeds": int(known.any(axis=1).sum())}
                    )  # fmt: skip
        return pd.DataFrame(rows)
