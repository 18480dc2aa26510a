"""Accuracy over draws of training data: bars by what was trained on, and curves over size, cost or label noise."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from offdiag.analyses import Frames
from offdiag.errors import UserError
from offdiag.figures.figure import StudyFigure
from offdiag.figures.style import GREY, PALE, Look, heading, new_figure, noun, styled
from offdiag.stats import FloatArray
from offdiag.studies.easy_to_hard.analyses.accuracy_over_draws import AccuracyOverDraws
from offdiag.studies.easy_to_hard.figures.draws_footnote import draws_footnote
from offdiag.studies.easy_to_hard.figures.levels import series_looks

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

DODGE = 0.16  # between series beside one another, where x is a word
APART = 0.02  # of the range, between series, where x is a number
FEW = 9
LONG = 8  # times the smallest number, from where on an axis of numbers is logarithmic


class OverDraws(StudyFigure):
    """Points with intervals, joined where ``x`` is a number; an untrained learner is a dashed line.

    Attributes:
        of: what is drawn. x: column of it along the page; where it is missing the learner is untrained.
        series: column with a colour and marker a value. panels: column with one panel a value.
        factors: value of ``series`` -> what its ``x`` is multiplied by: hard items that cost twice as much, say.
        labelled: whether the values stand beside the points, in per cent.
        title, x_label: in words; ``x_label`` is the column's name by default.
    """

    tag: ClassVar[str] = "over-draws"
    of: AccuracyOverDraws
    x: str = "n_train"
    series: str = "train_level"
    panels: str = "eval_hardness"
    factors: Mapping[str, float] = {}
    labelled: bool = False
    title: str
    x_label: str = ""

    def plot(self, frames: Frames) -> "Figure":
        """The points; those without a result are crosses on the axis."""
        table = frames.table(self.of)
        trained = table[table[self.x].notna()] if self.x in table else table.iloc[:0]
        if trained.empty:
            raise UserError(f"figure {self.name}: no trained cell has {self.x}: expected a column of by= of its table")
        self._check(trained)
        panels = list(dict.fromkeys(trained[self.panels]))
        styles = series_looks(list(dict.fromkeys(trained[self.series])))
        places = None if _is_number(trained[self.x]) else list(dict.fromkeys(trained[self.x]))
        with styled():
            figure = new_figure(2.4 + 3.1 * len(panels), 4.2)
            row = list(figure.subplots(1, len(panels), sharey=True, squeeze=False).flat)
            for axes, panel in zip(row, panels, strict=True):
                self._panel(axes, table[table[self.panels] == panel], styles, places)
                axes.set_title(str(panel).replace("_", " "), loc="left")
            row[0].set_ylabel("accuracy")
            heading(figure, self.title, draws_footnote(trained, "point"))
            _legend(figure, table, styles, untrained=len(trained) < len(table))
        return figure

    def _panel(self, axes: "Axes", table: "pd.DataFrame", styles: Mapping[Any, Look], places: list[Any] | None) -> None:
        untrained = table[self.x].isna()
        rows = table[~untrained]
        if places is None:
            factors = [self.factors.get(str(value), 1.0) for value in rows[self.series]]
            rows = rows.assign(at=rows[self.x].to_numpy(np.float64) * factors).sort_values("at")
        else:
            rows = rows.assign(at=[float(places.index(one)) for one in rows[self.x]])
        ticks = np.unique(rows["at"].to_numpy(np.float64))
        for number, (value, look) in enumerate(styles.items()):
            own, shift = rows[rows[self.series] == value], number - (len(styles) - 1) / 2
            x = own["at"].to_numpy(np.float64)
            x = _apart(x, shift, ticks) if places is None else x + DODGE * shift
            _points(axes, x, own, look, joined=places is None)
            if self.labelled:
                _label(axes, x, own, look, left=number == 0 and len(styles) > 1)
        for value, low, high in table.loc[untrained, ["accuracy", "low", "high"]].dropna().to_numpy(np.float64):
            axes.axhline(value, color=GREY, lw=1.2, ls="--", zorder=1, gid="untrained")
            axes.axhspan(low, high, color=PALE, alpha=0.25, lw=0, zorder=0)
        if places is None:
            _number_axis(axes, ticks)
        else:
            axes.set_xticks(range(len(places)), [str(place).replace("_", " ") for place in places])
            axes.set_xlim(-0.5, len(places) - 0.5)
        axes.set_xlabel(self.x_label or noun(self.x))

    def _check(self, table: "pd.DataFrame") -> None:
        columns = [self.x, self.series, self.panels]
        if table.duplicated(columns).any():
            others = ", ".join(name for name in self.of.by if name not in columns)
            raise UserError(
                f"figure {self.name}: rows that differ in {others} claim one spot: single one out with where= of its "
                "table"
            )


def _points(axes: "Axes", x: FloatArray, rows: "pd.DataFrame", look: Look, *, joined: bool) -> None:
    value, low, high = (rows[name].to_numpy(np.float64) for name in ("accuracy", "low", "high"))
    done = (rows["state"] == "done").to_numpy()
    if joined:
        axes.plot(x[done], value[done], color=look.colour, lw=1.4, alpha=0.6, zorder=2, gid="joined")
    axes.vlines(x[done], low[done], high[done], color=look.colour, lw=1.3, zorder=2)
    mark: dict[str, Any] = {"marker": look.marker, "ms": 7, "mfc": look.colour, "mec": "white"}
    axes.plot(x[done], value[done], ls="", zorder=3, gid="points", **mark)
    absent = axes.get_xaxis_transform()
    axes.plot(x[~done], [0.02] * int((~done).sum()), "x", color=look.colour, ms=6, transform=absent, gid="absent")


def _label(axes: "Axes", x: FloatArray, rows: "pd.DataFrame", look: Look, *, left: bool) -> None:
    side: dict[str, Any] = {"xytext": (-5 if left else 5, 4), "ha": "right" if left else "left"}
    for at, value in zip(x, rows["accuracy"].to_numpy(np.float64), strict=True):
        if not np.isnan(value):
            axes.annotate(f"{100 * value:.1f}", (at, value), textcoords="offset points", fontsize=7.5,
                          color=look.colour, gid="label", **side)  # fmt: skip


def _is_long(ticks: FloatArray) -> bool:
    """Whether the numbers range so far that their axis is logarithmic."""
    return bool(ticks[0] > 0 and ticks[-1] >= LONG * ticks[0])


def _apart(x: FloatArray, shift: float, ticks: FloatArray) -> FloatArray:
    """Series set apart by as much of the page everywhere."""
    if _is_long(ticks):
        return np.asarray(x * (ticks[-1] / ticks[0]) ** (APART * shift))
    return np.asarray(x + APART * shift * (ticks[-1] - ticks[0]))


def _number_axis(axes: "Axes", ticks: FloatArray) -> None:
    """Ticks where the points are, as long as these are few."""
    from matplotlib.ticker import NullLocator

    if _is_long(ticks):
        axes.set_xscale("log", base=2)
    if len(ticks) <= FEW:
        axes.set_xticks(ticks.tolist(), [f"{tick:g}" for tick in ticks])
        axes.xaxis.set_minor_locator(NullLocator())


def _is_number(column: "pd.Series[Any]") -> bool:
    from pandas.api.types import is_bool_dtype, is_numeric_dtype

    return bool(is_numeric_dtype(column)) and not is_bool_dtype(column)


def _legend(figure: "Figure", table: "pd.DataFrame", styles: Mapping[Any, Look], *, untrained: bool) -> None:
    from matplotlib.lines import Line2D

    entries = [
        Line2D([], [], color=look.colour, marker=look.marker, ms=7, mec="white", label=str(value).replace("_", " "))
        for value, look in styles.items()
    ]
    if untrained:
        entries.append(Line2D([], [], color=GREY, ls="--", label="untrained"))
    if (table["state"] != "done").any():
        entries.append(Line2D([], [], color=GREY, ls="", marker="x", label="no result yet, or failed"))
    figure.legend(handles=entries, loc="outside right center")
