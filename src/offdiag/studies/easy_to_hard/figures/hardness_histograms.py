"""Histograms of the items of a data set by each measure of hardness, with the cuts between levels."""

from itertools import pairwise
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from offdiag.analyses import Frames, StudyAnalysis
from offdiag.analyses.selection import DONE
from offdiag.errors import NotPlannedError
from offdiag.figures.figure import StudyFigure
from offdiag.figures.style import GREY, footnote, grid_shape, heading, legend, new_figure, noun, panels, styled
from offdiag.stats import FloatArray
from offdiag.studies.easy_to_hard.analyses.accuracy_by_hardness import MANY
from offdiag.studies.easy_to_hard.analyses.item_hardness import hardness_of
from offdiag.studies.easy_to_hard.figures.style import LEVEL_LOOKS, UNTRAINED, level_entry
from offdiag.studies.easy_to_hard.task.measures import value_name
from offdiag.studies.easy_to_hard.task.strata import LEVELS

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

N_BINS = 24
WIDTH = 0.8  # of a bar that stands for one value


class HardnessHistograms(StudyFigure):
    """Histograms, one panel per measure on a scale of its own, with the counts and cuts of the levels.

    Attributes:
        of: a table with ``dataset, item, measure, value`` and, if items are cut into levels, ``level``; by default the
            rows of the measurement of hardness.
        dataset: the data set of the items.
    """

    tag: ClassVar[str] = "hardness-histograms"
    of: StudyAnalysis | None = None
    dataset: str

    def plot(self, frames: Frames) -> "Figure":
        """Draw one bar per value, or bins of equal width for nine values or more; a panel without values says why.

        Raises:
            UserError: the study measures no hardness of the data set.
        """
        hardness = hardness_of(frames, self.dataset) if self.of is None else self._rows(frames.table(self.of))
        measures = list(dict.fromkeys(hardness["measure"]))
        rows, columns = grid_shape(len(measures))
        with styled():
            figure = new_figure(max(1.6 + 3.2 * columns, 6.4), 1.3 + 2.7 * rows)
            for axes, measure in zip(panels(figure, len(measures), same_height=False), measures, strict=True):
                _panel(axes, measure, hardness[hardness["measure"] == measure])
                axes.set_title(noun(measure), loc="left", pad=16)
            cut = "level" in hardness
            note = "dashed: where a level ends and the next begins" if cut else "larger is harder"
            heading(figure, f"Hardness of the items of {self.dataset}", footnote("number of items by value", note))
            if cut:
                legend(figure, {}, *map(level_entry, LEVELS), where="outside right upper")
        return figure

    def _rows(self, table: "pd.DataFrame") -> "pd.DataFrame":
        rows = table[table["dataset"] == self.dataset]
        if rows.empty:
            raise NotPlannedError(f"figure {self.name}: no item of {self.dataset} has a measure")
        return rows.assign(state=DONE)


def _panel(axes: "Axes", measure: str, rows: "pd.DataFrame") -> None:
    done = rows[rows["state"] == DONE]
    if done.empty:
        axes.text(0.5, 0.5, str(rows["state"].iloc[0]), transform=axes.transAxes, ha="center", color=GREY)
        axes.set(xticks=[], yticks=[])
        return
    values = done["value"].to_numpy(np.float64)
    parts, looks = {"items": values}, [LEVEL_LOOKS[UNTRAINED]]
    if "level" in done:
        parts = {level: values[(done["level"] == level).to_numpy(bool)] for level in LEVELS}
        looks = [LEVEL_LOOKS[level] for level in parts]
    edges = _edges(values)
    distinct = np.unique(values)
    shared: dict[str, Any] = {"rwidth": WIDTH if len(distinct) < MANY else 1.0, "ec": "white", "lw": 0.4}
    colours = [look.colour for look in looks]
    _, _, bars = axes.hist(list(parts.values()), bins=edges.tolist(), stacked=True, color=colours, **shared)
    series: Any = bars if len(parts) > 1 else [bars]
    for container, look in zip(series, looks, strict=True):
        for bar in container:
            bar.set_hatch(look.hatch)
    for cut in _cuts(parts):
        axes.axvline(cut, color="black", lw=1, ls="--", gid="cut")
    counts = " · ".join(f"{len(part)} {level}" for level, part in parts.items())
    axes.annotate(counts, (0, 1), xycoords="axes fraction", xytext=(0, 4), textcoords="offset points", fontsize=8.5,
                  color=GREY, gid="counts")  # fmt: skip
    if len(distinct) < MANY:
        axes.set_xticks(distinct, [value_name(measure, value) for value in distinct])
    if len(distinct) == 1:
        axes.set_xlim(distinct[0] - 2, distinct[0] + 2)
    axes.set_ylabel("items")


def _edges(values: FloatArray) -> FloatArray:
    """Return the edges of bars: halfway between the values where these are few, else of equal width."""
    distinct = np.unique(values)
    if len(distinct) >= MANY:
        low, high = float(distinct[0]), float(distinct[-1])
        whole = bool(np.all(distinct == np.round(distinct)))
        if whole:  # each bin has as many whole numbers, or bars would differ by the numbers in them
            width = max(1, round((high - low + 1) / N_BINS))
            return np.arange(low - 0.5, high + width, width)
        return np.linspace(low, high, N_BINS + 1)
    if len(distinct) == 1:
        return np.array([distinct[0] - 0.5, distinct[0] + 0.5])
    between = (distinct[:-1] + distinct[1:]) / 2
    first, last = distinct[0] - (between[0] - distinct[0]), distinct[-1] + (distinct[-1] - between[-1])
    return np.array([first, *between, last])


def _cuts(parts: dict[str, FloatArray]) -> list[float]:
    """Return the cuts: halfway between the largest value of a level and the smallest of the next."""
    known = [part for part in parts.values() if len(part)]
    return [float(one.max() + other.min()) / 2 for one, other in pairwise(known)]
