"""Paired tests on hard items: easy training data against none, and hard against easy."""

import math
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from offdiag.analyses.answer_grids import answer_grids
from offdiag.analyses.frames import Frames
from offdiag.analyses.seed_variance import common_variance
from offdiag.analyses.selection import DONE, state_of
from offdiag.stats import holm
from offdiag.stats.learner_difference import LENT_COVERS, learner_difference
from offdiag.studies.easy_to_hard.analyses.accuracy_over_draws import one_learner
from offdiag.studies.easy_to_hard.analyses.supervision_gap import NAMED, SupervisionAnalysis

if TYPE_CHECKING:
    import pandas as pd

COMPARISONS = {"easy - untrained": ("easy", "untrained"), "hard - easy": ("hard", "easy")}
NUMBERS = ("first", "second", "difference", "low", "high", "p_value")
COLUMNS = ("comparison", "state", *NUMBERS, "p_holm", "n_items", "n_draws", "note")


class SupervisionTests(SupervisionAnalysis):
    """Differences of two learners on shared items, with tests; see :mod:`offdiag.stats.learner_difference`."""

    tag: ClassVar[str] = "supervision-tests"
    terminal_columns: ClassVar[tuple[str, ...]] = (
        *(name for name in NAMED if name != "method"),
        *("comparison", "difference", "low", "high", "p_value", "p_holm", "note"),
    )

    def table(self, frames: Frames) -> "pd.DataFrame":
        """Return two rows per combination of ``by``: easy data against none, and hard data against easy.

        Columns: ``by``, ``comparison``, ``state`` (``done``, or that of cells that are not), the accuracies ``first``
        and ``second`` on the items that both answered, ``difference`` (first minus second) with its 95 %
        interval, ``p_value``, ``p_holm`` (adjusted for all tests of the table by Holm's method), ``n_items``,
        ``n_draws`` (of training data, of both together) and a ``note`` where so few draws cannot give 95 %.

        Raises:
            UserError: a column is missing, two cells are the same draw, or finished cells have no such items.
        """
        import pandas as pd

        rows = []
        for learners in self.learners(frames):
            for name, (first, second) in COMPARISONS.items():
                compared = self._compared(getattr(learners, first), getattr(learners, second), frames)
                rows.append({**learners.key, "comparison": name, **compared})
        table = pd.DataFrame(rows, columns=[*self.columns, *COLUMNS])
        return table.assign(p_holm=holm(table["p_value"].to_numpy(np.float64)))

    def _compared(self, first: "pd.DataFrame", second: "pd.DataFrame", frames: Frames) -> dict[str, Any]:
        parts = [cells[cells["state"] == DONE] for cells in (first, second)]
        n_draws = sum(int(done[list(self.draws)].notna().any(axis=1).sum()) for done in parts)
        if any(done.empty for done in parts):
            nothing = dict.fromkeys(NUMBERS, math.nan)
            state = state_of([*first["state"], *second["state"]], "not planned")
            return {"state": state, **nothing, "n_items": 0, "n_draws": n_draws, "note": ""}
        grids, clusters = answer_grids(parts, frames, self.items, self.name)
        untrained = bool(parts[1][list(self.draws)].isna().all(axis=None))
        if untrained:
            grids[1] = one_learner(grids[1])
        kinds: dict[str, Any] = {"untrained": (False, untrained), "clusters": clusters}
        if not self.items:  # as everywhere else; of some items the variance between seeds is their own
            kinds["pooled"] = common_variance(parts[0])
        one, other, found = learner_difference(grids[0], grids[1], **kinds)
        numbers = dict(zip(NUMBERS, (one, other, found.value, found.low, found.high, found.p_value), strict=True))
        few = kinds.get("pooled") is None and not untrained and sorted(map(len, grids)) == [1, 2]
        note = f"2 draws against 1: such intervals cover {LENT_COVERS}" if few else ""
        return {"state": DONE, **numbers, "n_items": found.n, "n_draws": n_draws, "note": note}
