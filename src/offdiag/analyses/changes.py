"""Table of what a training changes: accuracy before and after it, and the paired change, by columns of the cells."""

from typing import TYPE_CHECKING, Any, ClassVar

from offdiag.analyses.analysis import StudyAnalysis
from offdiag.analyses.estimates import estimate
from offdiag.analyses.frames import Frames
from offdiag.analyses.selection import require, select_final
from offdiag.stats import UNKNOWN, holm

if TYPE_CHECKING:
    import pandas as pd

NUMBERS = ("before", "before_low", "before_high", "after", "after_low", "after_high", "change", "change_low",
           "change_high", "p_value")  # fmt: skip
COUNTS = ("n_items", "n_seeds", "state", "note")

READ = ("cell", "example", "correct", "score", "cluster")  # of the records


class Changes(StudyAnalysis):
    """Accuracy of trained cells, that of their baselines, and the difference on the same items, averaged over seeds.

    Accuracies are fractions, the change is ``after`` minus ``before``; intervals are 95 %, see
    :func:`offdiag.analyses.estimates.estimate`. ``p_value`` tests that nothing changes, by the same items and seeds as
    the interval; ``p_holm`` is adjusted for all rows. ``note`` says where an interval covers more or less than 95 %.

    Attributes:
        method: of the cells. by: columns that tell rows apart; each row is one cell, or one per seed.
    """

    tag: ClassVar[str] = "changes"
    takes_scores: ClassVar[bool] = True
    terminal_columns: ClassVar[tuple[str, ...]] = ()
    method: str = "fine-tuning"
    by: tuple[str, ...] = ("train", "eval")

    def table(self, frames: Frames) -> "pd.DataFrame":
        """Return one row per value of the columns ``by``; ``state`` says why a number is missing."""
        import pandas as pd

        if frames.cells.empty:
            return pd.DataFrame(columns=[*self.by, *NUMBERS, "p_holm", *COUNTS])
        chosen = select_final(frames.cells, {"method": self.method, **self.where}, self.match_on)
        for column in self.by:
            require(chosen, column)
        rows = [
            {**dict(zip(self.by, values, strict=True)), **self._row(group, frames)}
            for values, group in chosen.groupby(list(self.by), dropna=False, sort=True)
        ]
        table = pd.DataFrame(rows, columns=[*self.by, *NUMBERS, "p_holm", *COUNTS])
        return table.assign(p_holm=holm(table["p_value"])) if rows else table

    def _row(self, cells: "pd.DataFrame", frames: Frames) -> dict[str, Any]:
        named = cells["baseline"].dropna()
        first = frames.cells[frames.cells["cell"].isin(named)]
        read = [name for name in READ if name in frames.held.columns]
        records = frames.answers([*cells["cell"], *first["cell"]], read)
        after, change = estimate(cells, records), estimate(cells, records, "difference", baselines=first)
        before = estimate(first, records) if len(first) else UNKNOWN
        numbers = (number for one in (before, after, change) for number in one[:3])
        counts = {"n_items": after.n_items, "n_seeds": after.n_done}
        return {
            **dict(zip(NUMBERS, [*numbers, change.p_value], strict=True)),
            **counts,
            "state": change.state,
            "note": change.remark,
        }
