"""Accuracies laid out as in a paper: a row a learner, a column a data set."""

from typing import TYPE_CHECKING, Any, ClassVar

from offdiag.analyses.analysis import StudyAnalysis
from offdiag.analyses.frames import Frames
from offdiag.errors import UserError
from offdiag.studies.easy_to_hard.analyses.accuracy_over_draws import AccuracyOverDraws

if TYPE_CHECKING:
    import pandas as pd


class AccuracyGrid(StudyAnalysis):
    """``61.2 [55.1, 67.0]`` (per cent, 95 % interval) for each, or why there is none.

    Attributes:
        of: the accuracies. rows, columns: columns of it.
    """

    tag: ClassVar[str] = "accuracy-grid"
    of: AccuracyOverDraws
    rows: tuple[str, ...] = ("model", "learner")
    columns: str = "eval_dataset"

    def table(self, frames: Frames) -> "pd.DataFrame":
        """One row a combination of ``rows``, one column a value of ``columns``; empty where nothing is planned.

        Raises:
            UserError: two accuracies claim one place.
        """
        import pandas as pd

        table = frames.table(self.of)
        keys = [*self.rows, self.columns]
        if table.duplicated(keys).any():
            raise UserError(f"{self.name}: rows that agree in {', '.join(keys)} claim one place; name more in rows=")
        rows: dict[tuple[Any, ...], dict[str, Any]] = {}
        for row in table.to_dict("records"):
            key = tuple(row[name] for name in self.rows)
            rows.setdefault(key, dict(zip(self.rows, key, strict=True)))[row[self.columns]] = _text(row)
        columns = [*self.rows, *dict.fromkeys(table[self.columns])]
        return pd.DataFrame(list(rows.values()), columns=columns).astype("string").fillna("")


def _text(row: dict[Any, Any]) -> str:
    if row["state"] != "done":
        return str(row["state"])
    value, low, high = (100 * row[name] for name in ("accuracy", "low", "high"))
    return f"{value:.1f} [{low:.1f}, {high:.1f}]"
