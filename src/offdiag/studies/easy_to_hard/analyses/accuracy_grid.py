"""Accuracies laid out as in a paper: one row per learner, one column per data set."""

from typing import TYPE_CHECKING, Any, ClassVar

from offdiag.analyses.analysis import StudyAnalysis
from offdiag.analyses.frames import Frames
from offdiag.analyses.selection import DONE, one_per
from offdiag.studies.easy_to_hard.analyses.accuracy_over_draws import AccuracyOverDraws

if TYPE_CHECKING:
    import pandas as pd


class AccuracyGrid(StudyAnalysis):
    """Accuracies as texts, ``61.2 [55.1, 67.0]`` (per cent, 95 % interval), or why there is none.

    Attributes:
        of: the accuracies. rows, columns: columns of its table.
    """

    tag: ClassVar[str] = "accuracy-grid"
    of: AccuracyOverDraws
    rows: tuple[str, ...] = ("model", "learner")
    columns: str = "eval_dataset"

    def table(self, frames: Frames) -> "pd.DataFrame":
        """Return one row per combination of ``rows``, one column per value of ``columns``.

        A combination that is not planned is empty.

        Raises:
            UserError: two accuracies have the same row and column.
        """
        import pandas as pd

        table = frames.table(self.of)
        one_per(table, [*self.rows, self.columns], self.name, "rows=")
        rows: dict[tuple[Any, ...], dict[str, Any]] = {}
        for row in table.to_dict("records"):
            key = tuple(row[name] for name in self.rows)
            rows.setdefault(key, dict(zip(self.rows, key, strict=True)))[row[self.columns]] = _text(row)
        columns = [*self.rows, *dict.fromkeys(table[self.columns])]
        return pd.DataFrame(list(rows.values()), columns=columns).astype("string").fillna("")


def _text(row: dict[Any, Any]) -> str:
    if row["state"] != DONE:
        return str(row["state"])
    value, low, high = (100 * row[name] for name in ("accuracy", "low", "high"))
    return f"{value:.1f} [{low:.1f}, {high:.1f}]"
