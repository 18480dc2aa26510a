"""Accuracy over the values of each measure of hardness, in bins where there are many values."""

import math
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import numpy as np

from offdiag.analyses.analysis import StudyAnalysis
from offdiag.analyses.answer_grids import answer_grids
from offdiag.analyses.frames import Frames
from offdiag.analyses.seed_variance import clusters_of
from offdiag.analyses.selection import DONE, Where, select, state_of
from offdiag.stats import FloatArray, normal_quantile
from offdiag.stats.replicated import accuracy
from offdiag.studies.easy_to_hard.analyses.accuracy_over_draws import DRAWS, one_learner, with_learners
from offdiag.studies.easy_to_hard.analyses.item_hardness import hardness_of, measured_values
from offdiag.studies.easy_to_hard.task.measures import value_name

if TYPE_CHECKING:
    import pandas as pd

MANY = 9  # a measure with as many distinct values, or more, is cut into bins
N_BINS = 4
LARGEST_ERROR = 0.1  # standard error of a bin, from which on its accuracy says little
UNSURE = "interval too long"
NO_ITEM = "no item"
COLUMNS = (
    *("measure", "arm", "stratum", "label", "state", "n_items", "n_seeds", "n_planned_seeds"),
    *("accuracy", "ci_low", "ci_high"),
)


class _Bin(NamedTuple):
    """Items of like hardness: the middle of their values, their name, and their ids."""

    middle: float
    label: str
    items: "pd.Index[Any]"


class AccuracyByHardness(StudyAnalysis):
    """The accuracy of some arms over the values of each measure of hardness.

    A measure has one bin per value; one with nine values or more has four bins of equal width.

    Attributes:
        dataset: the data set of the items. measures: names; all that are measured by default.
        arms: name -> (column -> value). Cells of one arm are its draws. Cells whose test was cut by a measure count for
            that measure; where no cell was, all cells count.
        most: measure -> a value; larger values count as this one.
    """

    tag: ClassVar[str] = "accuracy-by-hardness"
    dataset: str
    measures: tuple[str, ...] = ()
    arms: Mapping[str, Where]
    most: Mapping[str, float] = {}

    def table(self, frames: Frames) -> "pd.DataFrame":
        """Return one row per measure, arm and bin.

        Columns: ``measure, arm, stratum`` (the value, or the middle of the bin), ``label`` (in words), ``state``
        (``done``; why there is no number; ``no item``; or ``interval too long`` where the standard error of a bin
        reaches 0.1), ``n_items`` that any arm answered, ``n_seeds`` (draws that are done) and ``n_planned_seeds``,
        ``accuracy`` (0 to 1) with its 95 % interval ``ci_low, ci_high`` (:func:`mean_accuracy`). A measure or arm
        without results that has no bins yet is one row without a stratum.

        Raises:
            UserError: an arm selects nothing, or the hardness of the data set is not measured by the study.
        """
        import pandas as pd

        if frames.cells.empty:
            return pd.DataFrame(columns=COLUMNS)
        hardness = hardness_of(frames, self.dataset)
        states = dict(zip(hardness["measure"], hardness["state"], strict=True))
        values = measured_values(hardness)
        shared = {**self.where, "eval_dataset": self.dataset}
        arms = {
            name: with_learners(select(frames.cells, {**shared, **where}, self.match_on))
            for name, where in self.arms.items()
        }
        rows = []
        for measure in self.measures or states:
            if states[measure] != DONE:
                rows += [_row(measure, name, None, str(states[measure]), len(cells)) for name, cells in arms.items()]
            else:
                rows += self._rows(measure, values[measure].dropna(), _cells_for(arms, measure), frames)
        return pd.DataFrame(rows, columns=COLUMNS)

    def _rows(
        self, measure: str, values: "pd.Series[float]", arms: Mapping[str, "pd.DataFrame"], frames: Frames
    ) -> Iterator[dict[str, Any]]:
        import pandas as pd

        done = {name: cells[cells["state"] == DONE] for name, cells in arms.items()}
        answers = frames.answers(cell for cells in done.values() for cell in cells["cell"])
        tested = values[values.index.isin(answers["example"])] if len(answers) else values.iloc[:0]
        most = self.most.get(measure, math.inf)
        tested = tested.clip(upper=most)
        bins = list(_bins(tested, measure, most))
        for name, cells in arms.items():
            planned = len(cells)
            if done[name].empty or not bins:
                state = state_of(cells["state"], "not planned")
                rows: list[_Bin | None] = [*bins] or [None]
                yield from (_row(measure, name, one, state, planned) for one in rows)
                continue
            grid = self._grid(done[name], frames)
            for one in bins:
                known = pd.DataFrame(grid.loc[:, grid.columns.isin(one.items)].dropna(axis=1, how="all"))
                yield _estimate(measure, name, one, known, planned, frames.records, binned=_is_binned(tested))

    def _grid(self, done: "pd.DataFrame", frames: Frames) -> "pd.DataFrame":
        """Return verdicts ``[draws, items]`` with the items' ids; untrained cells are one draw, tested in parts."""
        import pandas as pd

        ((grid,), _) = answer_grids([done], frames, {}, self.name)
        ids = sorted(frames.answers(done["cell"])["example"].unique())
        if done[list(DRAWS)].isna().all(axis=None):
            grid = one_learner(grid)
        return pd.DataFrame(grid, columns=ids)


def _cells_for(arms: Mapping[str, "pd.DataFrame"], measure: str) -> dict[str, "pd.DataFrame"]:
    """Return the cells whose test was cut by the measure; all cells where no arm has such a cell."""
    own = {name: cells[(cells["eval_hardness"] == measure).fillna(False).astype(bool)] for name, cells in arms.items()}
    return {name: cells for name, cells in own.items() if not cells.empty} or dict(arms)


def _is_binned(values: "pd.Series[float]") -> bool:
    return values.nunique() >= MANY


def _bins(values: "pd.Series[float]", measure: str, most: float) -> Iterator[_Bin]:
    if not _is_binned(values):
        for value in sorted(values.unique()):
            label = value_name(measure, value) + ("+" if value == most else "")
            yield _Bin(float(value), label, values[values == value].index)
        return
    edges = np.linspace(float(values.min()), float(values.max()), N_BINS + 1)
    number = np.clip(np.searchsorted(edges, values.to_numpy(np.float64), side="right") - 1, 0, N_BINS - 1)
    for i in range(N_BINS):
        items = values.index[number == i]
        if len(items):
            low, high = float(values[items].min()), float(values[items].max())
            label = f"{low:.3g} to {high:.3g}" if low < high else f"{low:.3g}"
            yield _Bin(float(edges[i : i + 2].mean()), label, items)


def _estimate(
    measure: str,
    arm: str,
    one: _Bin,
    known: "pd.DataFrame",
    planned: int,
    answers: "pd.DataFrame",
    *,
    binned: bool,
) -> dict[str, Any]:
    grid: FloatArray = known.dropna(axis=0, how="all").to_numpy(np.float64)
    if not grid.size:
        return _row(measure, arm, one, NO_ITEM, planned)
    mean, low, high = accuracy(grid, clusters=clusters_of(answers, known.columns.tolist()))[:3]
    unsure = binned and (high - low) / (2 * normal_quantile(0.95)) >= LARGEST_ERROR
    numbers = {"accuracy": mean, "ci_low": low, "ci_high": high, "n_seeds": len(grid)}
    return {**_row(measure, arm, one, UNSURE if unsure else DONE, planned), **numbers}


def _row(measure: str, arm: str, one: _Bin | None, state: str, planned: int) -> dict[str, Any]:
    middle, label, n_items = (None, None, 0) if one is None else (one.middle, one.label, len(one.items))
    row = (measure, arm, middle, label, state, n_items, 0, planned, math.nan, math.nan, math.nan)
    return dict(zip(COLUMNS, row, strict=True))
