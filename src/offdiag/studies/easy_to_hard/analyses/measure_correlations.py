"""Rank correlations of the measures of hardness."""

from itertools import combinations
from typing import TYPE_CHECKING, ClassVar

from offdiag.analyses.analysis import StudyAnalysis
from offdiag.analyses.frames import Frames
from offdiag.analyses.selection import DONE, state_of
from offdiag.stats import UNKNOWN, holm
from offdiag.stats.correlation import rank_correlation
from offdiag.studies.easy_to_hard.analyses.item_hardness import TABLE, hardness_of, measured_values

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = ("dataset", "first", "second", "state", "spearman", "low", "high", "items", "p_value", "p_holm")


class MeasureCorrelations(StudyAnalysis):
    """Spearman's rank correlation of every two measures over the items of a data set.

    Attributes:
        datasets: names of data sets; all that are measured by default.
    """

    tag: ClassVar[str] = "measure-correlations"
    datasets: tuple[str, ...] = ()

    def table(self, frames: Frames) -> "pd.DataFrame":
        """Return one row per pair of measures of a data set, in the order in which these are measured.

        Columns: ``dataset, first, second``, ``state`` (done, missing, failed), ``spearman`` (NaN where a measure is the
        same for all items) with its 95 % interval ``low, high``
        (:func:`offdiag.stats.correlation.rank_correlation`), ``items`` that have both, the ``p_value`` of no
        correlation, and ``p_holm``, adjusted for all pairs of the data set.
        """
        import pandas as pd

        rows = []
        names = self.datasets or tuple(dict.fromkeys(frames.measured(TABLE)["dataset"]))
        for dataset in names:
            hardness = hardness_of(frames, dataset)
            states = dict(zip(hardness["measure"], hardness["state"], strict=True))
            values = measured_values(hardness)
            pairs = list(combinations(states, 2))
            found = [state_of([states[first], states[second]]) for first, second in pairs]
            estimates = [
                rank_correlation(values[first], values[second]) if state == DONE else UNKNOWN
                for (first, second), state in zip(pairs, found, strict=True)
            ]
            adjusted = holm([estimate.p_value for estimate in estimates])
            for pair, state, estimate, p_holm in zip(pairs, found, estimates, adjusted, strict=True):
                rows.append((dataset, *pair, state, *estimate, float(p_holm)))
        return pd.DataFrame(rows, columns=COLUMNS)
