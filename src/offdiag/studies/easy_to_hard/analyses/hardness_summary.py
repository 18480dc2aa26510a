"""What was measured of the hardness of items, and what was not."""

from typing import TYPE_CHECKING, ClassVar

from offdiag.analyses.analysis import StudyAnalysis
from offdiag.analyses.frames import Frames
from offdiag.studies.easy_to_hard.analyses.hardness import TABLE

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = ("dataset", "measure", "state", "items", "mean", "low", "high", "sd")


class HardnessSummary(StudyAnalysis):
    """The mean of each measure over the items of each data set."""

    tag: ClassVar[str] = "hardness-summary"
    terminal_columns: ClassVar[tuple[str, ...]] = COLUMNS

    def table(self, frames: Frames) -> "pd.DataFrame":
        """One row a data set and measure.

        Columns: ``dataset, measure, state`` (``done``, ``missing``, ``failed``), ``items``, ``mean`` with ``low, high``
        (95 %, Student's t over items; NaN where nothing is measured) and ``sd`` over items.
        """
        import numpy as np
        import pandas as pd

        from offdiag.stats.means import mean_interval

        measured = frames.measured(TABLE)
        rows = []
        for (dataset, measure, state), found in measured.groupby(["dataset", "measure", "state"], sort=False):
            m = mean_interval(found["value"].to_numpy(float, na_value=np.nan) if "value" in found else np.array([]))
            rows.append((dataset, measure, state, int(m.n), float(m.mean), float(m.low), float(m.high), float(m.sd)))
        return pd.DataFrame(rows, columns=COLUMNS)
