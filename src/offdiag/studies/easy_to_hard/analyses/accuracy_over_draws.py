"""Accuracies over several draws of training data, on some of the items that were asked."""

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from offdiag.analyses.analysis import StudyAnalysis
from offdiag.analyses.frames import Frames
from offdiag.analyses.mean_accuracy import answer_grids, mean_accuracy
from offdiag.analyses.selection import ZERO_SHOT, Where, require, select
from offdiag.errors import UserError
from offdiag.stats import FloatArray
from offdiag.stats.means import mean_interval

if TYPE_CHECKING:
    import pandas as pd

DRAWS = ("train_bootstrap", "seed")
TRAINING = ("train_dataset", "train_hardness", "train_level", *DRAWS)
ALL = "all"
COLUMNS = ("state", "accuracy", "low", "high", "n_items", "n_draws", "n_planned")


class AccuracyOverDraws(StudyAnalysis):
    """The accuracy of learners that were trained on several draws: learning, cost and noise curves, bars by training.

    Attributes:
        by: columns with one row of the table a combination; untrained cells lack some of them (NA), which counts as a
            value. ``learner`` is the method and whether it was taught to reason.
        draws: columns that tell apart the draws within a row.
        items: column -> value, of the records that count; all by default.
        levels: of the items that are asked, with a row each for every combination, in the column ``asked``; ``all`` for
            those of every level.
    """

    tag: ClassVar[str] = "accuracy-over-draws"
    terminal_columns: ClassVar[tuple[str, ...]] = (
        *("model", "method", "learner", "eval_dataset", "eval_hardness", "train_level", "n_train", "noise", "asked"),
        *("accuracy", "low", "high", "n_draws"),
    )
    value: ClassVar[str] = "accuracy"
    by: tuple[str, ...] = ("model", "method", "eval_dataset", "eval_hardness", "train_level")
    draws: tuple[str, ...] = DRAWS
    items: Mapping[str, str | int | float | bool] = {}
    levels: tuple[str, ...] = ()

    def table(self, frames: Frames) -> "pd.DataFrame":
        """One row a combination of ``by`` in order of appearance.

        ``accuracy`` is the mean over draws and items with its 95 % interval ``low, high`` (:func:`mean_accuracy`).
        ``state`` is ``done`` as soon as one draw is.

        Raises:
            UserError: a column is missing, two cells claim one draw, or finished cells have no such items.
        """
        import pandas as pd

        columns = [*self.by, *(["asked"] if self.levels else []), *COLUMNS]
        if frames.cells.empty:
            return pd.DataFrame(columns=columns)
        cells = with_learners(select(frames.cells, self.where, self.match_on))
        for column in self.by:
            require(cells, column)
        rows = []
        for key, group in cells.groupby(list(self.by), sort=False, dropna=False):
            check_draws(group, self.draws, self.name)
            named = dict(zip(self.by, key, strict=True))
            if not self.levels:
                rows.append({**named, **self._row(group, frames, self.items)})
            for level in self.levels:
                items = self.items if level == ALL else {**self.items, "level": level}
                rows.append({**named, "asked": level, **self._row(group, frames, items)})
        table = pd.DataFrame(rows, columns=columns)
        return table.astype(dict(table[list(self.by)].convert_dtypes().dtypes))

    def _row(self, cells: "pd.DataFrame", frames: Frames, items: Where) -> dict[str, Any]:
        done = cells[cells["state"] == "done"]
        counts = {"n_draws": len(done), "n_planned": len(cells)}
        if done.empty:
            nothing = dict.fromkeys(("accuracy", "low", "high"), math.nan)
            return {"state": state_of([cells]), **nothing, "n_items": 0, **counts}
        (grid,) = answer_grids([done], frames, items, self.name)
        if done[list(self.draws)].isna().all(axis=None):
            grid = one_learner(grid)
        mean, low, high, n = mean_accuracy(grid, ("accuracy over draws", *sorted(map(str, done["cell"]))))
        return {"state": "done", "accuracy": mean, "low": low, "high": high, "n_items": n, **counts}


def with_learners(cells: "pd.DataFrame") -> "pd.DataFrame":
    """The cells with a column ``learner``: the method, and whether it was taught to reason.

    Where nothing is trained at all, the columns of training data are there without a value.
    """
    if (cells["method"] == ZERO_SHOT).all():
        cells = cells.assign(**dict.fromkeys((name for name in TRAINING if name not in cells), None))
    names = cells["method"].astype("string")
    if "rationale" in cells:
        names = names.mask(cells["rationale"].fillna(False).astype(bool), names + " + rationale")
    return cells.assign(learner=names)


def check_draws(cells: "pd.DataFrame", draws: Sequence[str], name: str) -> None:
    """See that no two cells are the same draw; untrained ones have none.

    Raises:
        UserError: two are, or a column is missing.
    """
    for column in draws:
        require(cells, column)
    drawn = cells[cells[list(draws)].notna().any(axis=1)]
    if drawn.duplicated(list(draws)).any():
        found = ", ".join(drawn["cell"].astype(str))
        raise UserError(
            f"{name}: {len(drawn)} cells claim one draw of {', '.join(draws)} ({found}): tell them apart with by= or "
            "where="
        )


def one_learner(grid: FloatArray) -> FloatArray:
    """Several untrained cells as the one learner that they are, asked in parts: ``[1, items]``."""
    return np.asarray(mean_interval(grid.T).mean[None])


def state_of(parts: "Sequence[pd.DataFrame]") -> str:
    """Why there is no number: ``failed`` before all else, ``missing``, or ``not planned``."""
    states = [str(state) for cells in parts for state in cells["state"] if state != "done"]
    return "failed" if "failed" in states else states[0] if states else "not planned"
