"""Generalisation gap: accuracy on hard items minus accuracy on items of the training level."""

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from offdiag.analyses.analysis import StudyAnalysis
from offdiag.analyses.answer_grids import answer_grids
from offdiag.analyses.frames import Frames
from offdiag.analyses.selection import DONE, require, select, state_of
from offdiag.stats import FloatArray
from offdiag.stats.contrast import contrast
from offdiag.studies.easy_to_hard.analyses.accuracy_over_draws import ALL, DRAWS, check_draws, with_learners

if TYPE_CHECKING:
    import pandas as pd

TRAIN_LEVEL = "train_level"
BOTH = {"easy_and_hard": ("easy", "hard")}  # training data of two levels, half and half
NUMBERS = ("tested", "own", "gap", "low", "high")
COLUMNS = ("state", *NUMBERS, "n_items", "n_draws", "n_planned")


class GeneralisationGap(StudyAnalysis):
    """Accuracy on items of one level minus that on the training level, by the same learners.

    Attributes:
        by: columns; the table has one row per combination of their values. The training level is among them.
        draws: columns that tell apart the draws of training data within a row.
        tested: the level on which all learners are compared.
    """

    tag: ClassVar[str] = "generalisation-gap"
    terminal_columns: ClassVar[tuple[str, ...]] = (
        "model",
        "learner",
        "eval_dataset",
        "eval_hardness",
        TRAIN_LEVEL,
        *NUMBERS,
    )
    value: ClassVar[str] = "gap"
    by: tuple[str, ...] = ("model", "learner", "eval_dataset", "eval_hardness", TRAIN_LEVEL)
    draws: tuple[str, ...] = DRAWS
    tested: str = "hard"

    def table(self, frames: Frames) -> "pd.DataFrame":
        """Return one row per combination of ``by`` that is trained on another level than ``tested``.

        Columns: ``by``, ``state``, the accuracies ``tested`` (on the level that is compared) and ``own`` (on the
        training level: all items for ``all``, the mean of both levels for ``easy_and_hard``), ``gap`` (tested minus
        own) with its 95 % interval ``low, high`` (:func:`offdiag.stats.contrast.contrast`), ``n_items`` of both, and
        the draws that are done and planned.

        Raises:
            UserError: a column is missing, two cells are the same draw, or finished cells have no such items.
        """
        import pandas as pd

        columns = [*self.by, *COLUMNS]
        if frames.cells.empty:
            return pd.DataFrame(columns=columns)
        cells = with_learners(select(frames.cells, self.where, self.match_on))
        for column in (*self.by, TRAIN_LEVEL):
            require(cells, column)
        rows = []
        cells = cells[cells[TRAIN_LEVEL].notna() & (cells[TRAIN_LEVEL] != self.tested)]
        for key, group in cells.groupby(list(self.by), sort=False, dropna=False):
            check_draws(group, self.draws, self.name)
            rows.append({**dict(zip(self.by, key, strict=True)), **self._row(group, frames)})
        return pd.DataFrame(rows, columns=columns)

    def _row(self, cells: "pd.DataFrame", frames: Frames) -> dict[str, Any]:
        done = cells[cells["state"] == DONE]
        counts = {"n_draws": len(done), "n_planned": len(cells)}
        if done.empty:
            return {
                "state": state_of(cells["state"], "not planned"),
                **dict.fromkeys(NUMBERS, math.nan),
                "n_items": 0,
                **counts,
            }
        levels = self._levels(done, frames)
        asked = {
            level: answer_grids([done], frames, {"level": level}, self.name) for level in {self.tested: 0, **levels}
        }
        grids = {level: grid for level, ((grid,), _) in asked.items()}
        means = {level: float(np.nanmean(grid)) for level, grid in grids.items()}
        weights = _weights(levels, grids)
        own = sum(weight * means[level] for level, weight in weights.items())
        sums = [float(level == self.tested) - weights.get(level, 0.0) for level in grids]
        difference = contrast(list(grids.values()), sums, clusters=[of.clusters for of in asked.values()])
        n_items = sum(int((~np.isnan(grid)).any(axis=0).sum()) for grid in grids.values())
        numbers = (means[self.tested], own, difference.value, difference.low, difference.high)
        return {"state": DONE, **dict(zip(NUMBERS, numbers, strict=True)), "n_items": n_items, **counts}

    def _levels(self, done: "pd.DataFrame", frames: Frames) -> dict[str, float | None]:
        """Return the training levels with their weights; None stands for the level's share of the answers."""
        trained_on = str(done[TRAIN_LEVEL].iloc[0])
        if trained_on == ALL:
            tested = frames.answers(done["cell"])["level"]
            return dict.fromkeys(sorted(tested.dropna().unique()))
        levels = BOTH.get(trained_on, (trained_on,))
        return dict.fromkeys(levels, 1 / len(levels))


def _weights(levels: Mapping[str, float | None], grids: Mapping[str, FloatArray]) -> dict[str, float]:
    answers = {level: int((~np.isnan(grids[level])).sum()) for level in levels}
    total = sum(answers.values())
    return {level: answers[level] / total if weight is None else weight for level, weight in levels.items()}
