"""Accuracies over several draws of training data, on some of the items that were asked."""

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from offdiag.analyses.analysis import StudyAnalysis
from offdiag.analyses.frames import Frames
from offdiag.analyses.selection import Where, require, select
from offdiag.errors import UserError
from offdiag.stats import FloatArray, hierarchical_bootstrap, wilson
from offdiag.stats.means import mean_interval

if TYPE_CHECKING:
    import pandas as pd

DRAWS = ("train_bootstrap", "seed")
COLUMNS = ("state", "accuracy", "low", "high", "n_items", "n_draws", "n_planned")


class AccuracyOverDraws(StudyAnalysis):
    """The accuracy of learners that were trained on several draws: learning, cost and noise curves, bars by training.

    Attributes:
        by: columns with one row of the table a combination; untrained cells lack some of them (NA), which counts as a
            value. ``learner`` is the method and whether it was taught to reason.
        draws: columns that tell apart the draws within a row.
        items: column -> value, of the records that count; all by default.
    """

    tag: ClassVar[str] = "accuracy-over-draws"
    shown: ClassVar[tuple[str, ...]] = (
        *("model", "method", "eval_dataset", "eval_hardness", "train_level", "n_train", "noise"),
        *("accuracy", "low", "high", "n_draws"),
    )
    by: tuple[str, ...] = ("model", "method", "eval_dataset", "eval_hardness", "train_level")
    draws: tuple[str, ...] = DRAWS
    items: Mapping[str, str | int | float | bool] = {}

    def table(self, frames: Frames) -> "pd.DataFrame":
        """One row a combination of ``by`` in order of appearance.

        ``accuracy`` is the mean over draws and items with its 95 % interval ``low, high``: Wilson's of one draw, the
        hierarchical bootstrap over draws and items of several. ``state`` is ``done`` as soon as one draw is.

        Raises:
            UserError: a column is missing, two cells claim one draw, or finished cells have no such items.
        """
        import pandas as pd

        columns = [*self.by, *COLUMNS]
        if frames.cells.empty:
            return pd.DataFrame(columns=columns)
        cells = with_learners(select(frames.cells, self.where, self.own))
        for column in self.by:
            require(cells, column)
        rows = []
        for key, group in cells.groupby(list(self.by), sort=False, dropna=False):
            check_draws(group, self.draws, self.name)
            rows.append({**dict(zip(self.by, key, strict=True)), **self._row(group, frames.records)})
        table = pd.DataFrame(rows, columns=columns)
        return table.astype(dict(table[list(self.by)].convert_dtypes().dtypes))

    def _row(self, cells: "pd.DataFrame", records: "pd.DataFrame") -> dict[str, Any]:
        done = cells[cells["state"] == "done"]
        counts = {"n_draws": len(done), "n_planned": len(cells)}
        if done.empty:
            nothing = dict.fromkeys(("accuracy", "low", "high"), math.nan)
            return {"state": state_of([cells]), **nothing, "n_items": 0, **counts}
        (grid,) = answer_grids([done], records, self.items, self.name)
        if done[list(self.draws)].isna().all(axis=None):
            grid = mean_interval(grid.T).mean[None]  # several untrained cells are one learner, asked in parts
        known = ~np.isnan(grid)
        mean, n = float(grid[known].mean()), int(known.any(axis=0).sum())
        if len(grid) == 1:
            low, high = (float(end) for end in wilson(mean * n, n))
        else:
            found = hierarchical_bootstrap(grid, names=("accuracy over draws", *sorted(map(str, done["cell"]))))
            low, high = max(0.0, found.low), min(1.0, found.high)
        return {"state": "done", "accuracy": mean, "low": low, "high": high, "n_items": n, **counts}


def with_learners(cells: "pd.DataFrame") -> "pd.DataFrame":
    """The cells with a column ``learner``: the method, and whether it was taught to reason."""
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


def answer_grids(parts: "Sequence[pd.DataFrame]", records: "pd.DataFrame", items: Where, name: str) -> list[FloatArray]:
    """Verdicts on the items that count, ``[cells, items]`` each, of the same items; NaN where not asked.

    Raises:
        UserError: none of the cells has such an item.
    """
    names = [sorted(cells["cell"]) for cells in parts]
    answers = records[records["cell"].isin([cell for part in names for cell in part])]
    answers = answers[matching(answers, items)]
    if answers.empty:
        raise UserError(f"{name}: no record of {names[0][0]} and its like has {dict(items)}: name others with items=")
    wide = answers.assign(correct=answers["correct"].astype(float))
    wide = wide.pivot(index="cell", columns="example", values="correct")
    return [wide.reindex(part).to_numpy(np.float64) for part in names]


def matching(frame: "pd.DataFrame", wanted: Where) -> "pd.Series[bool]":
    """Which rows have all the values; unlike :func:`select` it may be none.

    Raises:
        UserError: a column is missing.
    """
    import pandas as pd

    found = pd.Series(True, index=frame.index)
    for column, value in wanted.items():
        require(frame, column)
        found &= (frame[column] == value).fillna(False).astype(bool)
    return found


def state_of(parts: "Sequence[pd.DataFrame]") -> str:
    """Why there is no number: ``failed`` before all else, ``missing``, or ``not planned``."""
    states = [str(state) for cells in parts for state in cells["state"] if state != "done"]
    return "failed" if "failed" in states else states[0] if states else "not planned"
