"""Supervision gap recovered: the gain on hard items from easy training data, over that from hard."""

import math
from typing import TYPE_CHECKING, Any, ClassVar

from offdiag.analyses.answer_grids import answer_grids
from offdiag.analyses.frames import Frames
from offdiag.analyses.selection import DONE, state_of
from offdiag.stats.gain_ratio import gain_ratio
from offdiag.studies.easy_to_hard.analyses.accuracy_over_draws import one_learner
from offdiag.studies.easy_to_hard.analyses.supervision import Supervised, SupervisionAnalysis

if TYPE_CHECKING:
    import pandas as pd

NUMBERS = (
    *("unsupervised", "easy", "hard", "gain", "gain_low", "gain_high", "gap", "gap_low", "gap_high"),
    *("recovered", "low", "high"),
)
COUNTS = ("n_items", "n_easy", "n_hard", "n_planned")
NOT_SIGNIFICANT = "gap not significant"


class SupervisionGapRecovered(SupervisionAnalysis):
    """The supervision gap recovered by every learner that is trained on both easy and hard items.

    SGR = (easy - unsupervised) / (hard - unsupervised), after Hase et al. (2024, arXiv 2401.06751).
    """

    tag: ClassVar[str] = "supervision-gap-recovered"
    terminal_columns: ClassVar[tuple[str, ...]] = (
        *("model", "method", "learner", "eval_dataset", "eval_hardness", "unsupervised", "easy", "hard"),
        *("recovered", "low", "high", "note"),
    )

    def table(self, frames: Frames) -> "pd.DataFrame":
        """Return one row per combination of ``by`` that is trained on both.

        Columns: ``by``, ``state`` (``done``, or that of cells that are not), the accuracies ``unsupervised, easy,
        hard`` on the items that all three answered, ``gain`` (easy minus unsupervised) and ``gap`` (hard minus
        unsupervised) with their 95 % intervals, ``recovered`` (gain / gap) with the interval ``low, high`` of
        :func:`offdiag.stats.gain_ratio.gain_ratio` (infinite where the gap may be 0), ``note`` (``gap not significant``
        where the interval has no end, or the gap is below 0), ``n_items``, ``n_easy`` and ``n_hard`` (draws
        that are done) and ``n_planned`` (draws of the two together). Whatever draws are done count.

        Raises:
            UserError: a column is missing, two cells are the same draw, or finished cells have no such items.
        """
        import pandas as pd

        rows = [{**learners.key, **self._row(learners, frames)} for learners in self.learners(frames)]
        return pd.DataFrame(rows, columns=[*self.by, "state", *NUMBERS, "note", *COUNTS])

    def _row(self, learners: Supervised, frames: Frames) -> dict[str, Any]:
        cells = (learners.untrained, learners.easy, learners.hard)
        parts = [part[part["state"] == DONE] for part in cells]
        planned = len(learners.easy) + len(learners.hard)
        counts = {"n_easy": len(parts[1]), "n_hard": len(parts[2]), "n_planned": planned}
        if any(done.empty for done in parts):
            nothing = dict.fromkeys(NUMBERS, math.nan)
            state = state_of((state for part in cells for state in part["state"]), "not planned")
            return {"state": state, **nothing, "note": "", "n_items": 0, **counts}
        (before_grid, easy_grid, hard_grid), _ = answer_grids(parts, frames, self.items, self.name)
        found = gain_ratio(one_learner(before_grid)[0], easy_grid, hard_grid)
        gain, gap = found.gains
        bounded = math.isfinite(found.ratio.low) and gap.value > 0
        return {
            "state": DONE,
            "unsupervised": found.before, "easy": found.first, "hard": found.second,
            "gain": gain.value, "gain_low": gain.low, "gain_high": gain.high,
            "gap": gap.value, "gap_low": gap.low, "gap_high": gap.high,
            "recovered": found.ratio.value, "low": found.ratio.low, "high": found.ratio.high,
            "note": "" if bounded else NOT_SIGNIFICANT,
            "n_items": gap.n,
            **counts,
        }  # fmt: skip
