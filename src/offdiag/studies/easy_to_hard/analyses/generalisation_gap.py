"""What a learner loses between items like those that it learnt from and hard ones."""

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from offdiag.analyses.analysis import StudyAnalysis
from offdiag.analyses.frames import Frames
from offdiag.analyses.mean_accuracy import answer_grids
from offdiag.analyses.selection import require, select
from offdiag.stats import FloatArray
from offdiag.stats.contrast import contrast
from offdiag.studies.easy_to_hard.analyses.accuracy_over_draws import ALL, DRAWS, check_draws, state_of, with_learners

if TYPE_CHECKING:
    import pandas as pd

TAUGHT = "train_level"
BOTH = {"easy_and_hard": ("easy", "hard")}  # strata that are levels half and half
NUMBERS = ("tested", "own", "gap", "low", "high")
COLUMNS = ("state", *NUMBERS, "n_items", "n_draws", "n_planned")


class GeneralisationGap(StudyAnalysis):
    """Accuracy on items of one level minus that on the level that was learnt from, by the same learners.

    Attributes:
        by: columns with one row of the table a combination; the level that was learnt from is among them.
        draws: columns that tell apart the draws of training data within a row.
        tested: the level that all are compared on.
    """

    tag: ClassVar[str] = "generalisation-gap"
    terminal_columns: ClassVar[tuple[str, ...]] = (
        "model",
        "learner",
        "eval_dataset",
        "eval_hardness",
        TAUGHT,
        *NUMBERS,
    )
    value: ClassVar[str] = "gap"
    by: tuple[str, ...] = ("model", "learner", "eval_dataset", "eval_hardness", TAUGHT)
    draws: tuple[str, ...] = DRAWS
    tested: str = "hard"

    def table(self, frames: Frames) -> "pd.DataFrame":
        """One row a combination of ``by`` that is trained on another level.

        Columns: ``by``, ``state``, the accuracies ``tested`` (on the level that is compared) and ``own`` (on the level
        that was learnt from: all items for ``all``, the mean of both for ``easy_and_hard``), ``gap`` (tested minus own)
        with its 95 % interval ``low, high`` (see :func:`offdiag.stats.contrast.contrast`), ``n_items`` of both, and the
        draws that are done and planned.

        Raises:
            UserError: a column is missing, two cells claim one draw, or finished cells have no such items.
        """
        import pandas as pd

        columns = [*self.by, *COLUMNS]
        if frames.cells.empty:
            return pd.DataFrame(columns=columns)
        cells = with_learners(select(frames.cells, self.where, self.match_on))
        for column in (*self.by, TAUGHT):
            require(cells, column)
        rows = []
        cells = cells[cells[TAUGHT].notna() & (cells[TAUGHT] != self.tested)]
        for key, group in cells.groupby(list(self.by), sort=False, dropna=False):
            check_draws(group, self.draws, self.name)
            rows.append({**dict(zip(self.by, key, strict=True)), **self._row(group, frames)})
        return pd.DataFrame(rows, columns=columns)

    def _row(self, cells: "pd.DataFrame", frames: Frames) -> dict[str, Any]:
        done = cells[cells["state"] == "done"]
        counts = {"n_draws": len(done), "n_planned": len(cells)}
        if done.empty:
            return {"state": state_of([cells]), **dict.fromkeys(NUMBERS, math.nan), "n_items": 0, **counts}
        levels = self._levels(done, frames)
        grids = {
            level: answer_grids([done], frames, {"level": level}, self.name)[0] for level in {self.tested: 0, **levels}
        }
        means = {level: float(np.nanmean(grid)) for level, grid in grids.items()}
        weights = _weights(levels, grids)
        own = sum(weight * means[level] for level, weight in weights.items())
        sums = [float(level == self.tested) - weights.get(level, 0.0) for level in grids]
        found = contrast(list(grids.values()), sums, names=tuple(sorted(map(str, done["cell"]))))
        n_items = sum(int((~np.isnan(grid)).any(axis=0).sum()) for grid in grids.values())
        numbers = (means[self.tested], own, found.value, found.low, found.high)
        return {"state": "done", **dict(zip(NUMBERS, numbers, strict=True)), "n_items": n_items, **counts}

    def _levels(self, done: "pd.DataFrame", frames: Frames) -> dict[str, float | None]:
        """The levels that were learnt from, and the weight of each; None for its share of the answers."""
        taught = str(done[TAUGHT].iloc[0])
        if taught == ALL:
            asked = frames.answers(done["cell"])["level"]
            return dict.fromkeys(sorted(asked.dropna().unique()))
        levels = BOTH.get(taught, (taught,))
        return dict.fromkeys(levels, 1 / len(levels))


def _weights(levels: Mapping[str, float | None], grids: Mapping[str, FloatArray]) -> dict[str, float]:
    answers = {level: int((~np.isnan(grids[level])).sum()) for level in levels}
    total = sum(answers.values())
    return {level: answers[level] / total if weight is None else weight for level, weight in levels.items()}
