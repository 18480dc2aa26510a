"""Mean accuracies over draws of training data, on all test items or on those of a level."""

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from pydantic import Field

from offdiag.analyses.analysis import StudyAnalysis
from offdiag.analyses.answer_grids import answer_grids, matching
from offdiag.analyses.frames import Frames
from offdiag.analyses.seed_variance import seed_variances, usable
from offdiag.analyses.selection import DONE, ZERO_SHOT, Where, one_per, require, select, state_of
from offdiag.stats import FloatArray
from offdiag.stats.components import SeedVariance
from offdiag.stats.means import mean_interval
from offdiag.stats.replicated import accuracy

if TYPE_CHECKING:
    import pandas as pd

DRAWS = ("train_bootstrap", "seed")
TRAINING = ("train_dataset", "train_hardness", "train_level", *DRAWS)
ALL = "all"
COLUMNS = ("state", "accuracy", "low", "high", "n_items", "n_draws", "n_planned")


class AccuracyOverDraws(StudyAnalysis):
    """The accuracy of learners as a mean over draws of training data and items.

    Attributes:
        by: columns; the table has one row per combination of their values. Untrained cells lack some of them (NA),
            which counts as a value. ``learner`` is the method, and whether it was trained to reason.
        draws: columns that tell apart the draws within a row.
        items: column -> value, of the records that count; all by default.
        levels: levels of the test items, with one row each per combination, in the column ``asked``; ``all`` stands for
            all levels.
    """

    tag: ClassVar[str] = "accuracy-over-draws"
    terminal_columns: ClassVar[tuple[str, ...]] = (
        *("model", "method", "learner", "eval_dataset", "eval_hardness", "train_level", "n_train", "noise", "asked"),
        *("accuracy", "low", "high", "n_draws"),
    )
    value: ClassVar[str] = "accuracy"
    by: tuple[str, ...] = ("model", "method", "eval_dataset", "eval_hardness", "train_level")
    draws: tuple[str, ...] = DRAWS
    items: Where = Field(default={})
    levels: tuple[str, ...] = ()

    def table(self, frames: Frames) -> "pd.DataFrame":
        """Return one row per combination of ``by``, in order of appearance.

        ``accuracy`` (0 to 1) is the mean over draws and items with its 95 % interval ``low, high``
        (:func:`offdiag.stats.replicated.accuracy`). ``state`` is ``done`` as soon as one draw is; ``n_planned`` counts
        the draws planned.

        Raises:
            UserError: a column is missing, two cells are the same draw, or finished cells have no such items.
        """
        import pandas as pd

        columns = [*self.by, *(["asked"] if self.levels else []), *COLUMNS]
        if frames.cells.empty:
            return pd.DataFrame(columns=columns)
        cells = with_learners(select(frames.cells, self.where, self.match_on))
        for column in self.by:
            require(cells, column)
        variances = self._variances(frames)
        rows = []
        for key, group in cells.groupby(list(self.by), sort=False, dropna=False):
            check_draws(group, self.draws, self.name)
            named = dict(zip(self.by, key, strict=True))
            if not self.levels:
                rows.append({**named, **self._row(group, frames, self.items, variances[None])})
            for level in self.levels:
                items = self.items if level == ALL else {**self.items, "level": level}
                rows.append({**named, "asked": level, **self._row(group, frames, items, variances[level])})
        table = pd.DataFrame(rows, columns=columns)
        return table.astype(dict(table[list(self.by)].convert_dtypes().dtypes))

    def _variances(self, frames: Frames) -> dict[str | None, Mapping[str, SeedVariance | None]]:
        """Return what arms of each kind have in common on the items that count (None), and on those of each level."""
        found = {}
        for level in (None, *self.levels):
            items = self.items if level in (None, ALL) else {**self.items, "level": str(level)}
            records = frames.records
            found[level] = seed_variances(frames.cells, records if records.empty else records[matching(records, items)])
        return found

    def _row(
        self, cells: "pd.DataFrame", frames: Frames, items: Where, variances: Mapping[str, SeedVariance | None]
    ) -> dict[str, Any]:
        done = cells[cells["state"] == DONE]
        counts = {"n_draws": len(done), "n_planned": len(cells)}
        pooled = usable(variances.get(str(done["cell"].iloc[0]))) if len(cells) > 1 and len(done) else None
        if done.empty:
            nothing = dict.fromkeys(("accuracy", "low", "high"), math.nan)
            return {"state": state_of(cells["state"], "not planned"), **nothing, "n_items": 0, **counts}
        (grid,), clusters = answer_grids([done], frames, items, self.name)
        if done[list(self.draws)].isna().all(axis=None):
            grid = one_learner(grid)
        mean, low, high, n = accuracy(grid, clusters=clusters, pooled=pooled)[:4]
        return {"state": DONE, "accuracy": mean, "low": low, "high": high, "n_items": n, **counts}


def with_learners(cells: "pd.DataFrame") -> "pd.DataFrame":
    """Return the cells with a column ``learner``: the method, and whether it was trained to reason.

    Where no cell is trained at all, the columns of training data are added without a value.
    """
    if (cells["method"] == ZERO_SHOT).all():
        cells = cells.assign(**dict.fromkeys((name for name in TRAINING if name not in cells), None))
    names = cells["method"].astype("string")
    if "rationale" in cells:
        names = names.mask(cells["rationale"].fillna(False).astype(bool), names + " + rationale")
    return cells.assign(learner=names)


def check_draws(cells: "pd.DataFrame", draws: Sequence[str], name: str) -> None:
    """Check that no two cells are the same draw; untrained cells have none.

    Raises:
        UserError: two cells are, or a column is missing.
    """
    for column in draws:
        require(cells, column)
    one_per(cells[cells[list(draws)].notna().any(axis=1)], draws, name, "by= or where=")


def one_learner(grid: FloatArray) -> FloatArray:
    """Return the mean verdict per item, ``[1, items]``; several untrained cells are one learner."""
    return np.asarray(mean_interval(grid.T).mean[None])
