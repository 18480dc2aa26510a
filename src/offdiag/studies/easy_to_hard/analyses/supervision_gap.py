"""The supervision gap recovered: how near training on easy items comes to training on hard ones, on hard items."""

import math
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import Field

from offdiag.analyses.frames import Frames
from offdiag.analyses.mean_accuracy import answer_grids
from offdiag.studies.easy_to_hard.analyses.accuracy_over_draws import one_learner, state_of
from offdiag.studies.easy_to_hard.analyses.gap_recovered import supervision_gap
from offdiag.studies.easy_to_hard.analyses.supervision import OfSupervision, Supervised

if TYPE_CHECKING:
    import pandas as pd

NUMBERS = (
    *("unsupervised", "easy", "hard", "gain", "gain_low", "gain_high", "gap", "gap_low", "gap_high"),
    *("recovered", "median", "low", "high"),
)
COUNTS = ("n_items", "n_easy", "n_hard", "n_planned")
NOT_SIGNIFICANT = "gap not significant"


class SupervisionGapRecovered(OfSupervision):
    """:func:`supervision_gap` of every learner that is trained on easy and on hard items.

    Attributes:
        n_resamples, seed: of the bootstrap.
    """

    tag: ClassVar[str] = "supervision-gap-recovered"
    terminal_columns: ClassVar[tuple[str, ...]] = (
        *("model", "method", "learner", "eval_dataset", "eval_hardness", "unsupervised", "easy", "hard"),
        *("recovered", "low", "high", "note"),
    )
    n_resamples: int = Field(default=10_000, ge=100)
    seed: int = 0

    def table(self, frames: Frames) -> "pd.DataFrame":
        """One row a combination of ``by`` that is trained on both.

        Columns: ``by``, ``state`` (``done``; otherwise of the cells that are not), the accuracies ``unsupervised, easy,
        hard`` on the items that all three were asked, ``gain`` (easy minus unsupervised) and ``gap`` (hard minus
        unsupervised) with their 95 % intervals, ``recovered`` (gain / gap) with ``median, low, high`` of its resamples,
        ``note`` (``gap not significant`` where the ratio means nothing), ``n_items``, ``n_easy`` and ``n_hard`` (draws
        that are done) and ``n_planned`` (draws of the two together). Whatever draws are done count.

        Raises:
            UserError: a column is missing, two cells claim one draw, or finished cells have no such items.
        """
        import pandas as pd

        rows = [{**found.key, **self._row(found, frames)} for found in self.learners(frames)]
        return pd.DataFrame(rows, columns=[*self.by, "state", *NUMBERS, "note", *COUNTS])

    def _row(self, learners: Supervised, frames: Frames) -> dict[str, Any]:
        cells = (learners.untrained, learners.easy, learners.hard)
        parts = [part[part["state"] == "done"] for part in cells]
        planned = len(learners.easy) + len(learners.hard)
        counts = {"n_easy": len(parts[1]), "n_hard": len(parts[2]), "n_planned": planned}
        if any(done.empty for done in parts):
            nothing = dict.fromkeys(NUMBERS, math.nan)
            return {"state": state_of(cells), **nothing, "note": "", "n_items": 0, **counts}
        before_grid, easy_grid, hard_grid = answer_grids(parts, frames, self.items, self.name)
        names = tuple(sorted(str(name) for done in parts for name in done["cell"]))
        resampled: dict[str, Any] = {"n_resamples": self.n_resamples, "seed": self.seed, "names": names}
        found = supervision_gap(one_learner(before_grid)[0], easy_grid, hard_grid, **resampled)
        return {
            "state": "done",
            "unsupervised": found.unsupervised, "easy": found.easy, "hard": found.hard,
            "gain": found.gain.value, "gain_low": found.gain.low, "gain_high": found.gain.high,
            "gap": found.gap.value, "gap_low": found.gap.low, "gap_high": found.gap.high,
            "recovered": found.recovered.value, "median": found.median,
            "low": found.recovered.low, "high": found.recovered.high,
            "note": "" if found.significant else NOT_SIGNIFICANT,
            "n_items": found.n_items,
            **counts,
        }  # fmt: skip
