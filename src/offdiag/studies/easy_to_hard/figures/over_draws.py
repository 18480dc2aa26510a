"""Figure of mean accuracies over draws: points by training data, or curves over size, cost or label noise."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from offdiag.analyses import Frames
from offdiag.analyses.selection import DONE, one_per
from offdiag.errors import NotPlannedError
from offdiag.figures.figure import StudyFigure
from offdiag.figures.style import GREY, PALE, Look, absent_entry, heading, legend, new_figure, noun, styled
from offdiag.stats import FloatArray
from offdiag.studies.easy_to_hard.analyses.accuracy_over_draws import AccuracyOverDraws
from offdiag.studies.easy_to_hard.figures.style import UNTRAINED, draws_footnote, series_looks

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

DODGE = 0.16  # distance of series from each other where x is a word; 1 from word to word
APART = 0.02  # distance of series where x is a number, as a share of the range
FEW = 9  # as many points or fewer have a tick each
LONG = 8  # the axis is logarithmic if the largest number is as many times the smallest
LABEL_ROOM = 0.12  # share of the axis beside the outermost points, so that their labels lie within the panel


class OverDraws(StudyFigure):
    """Points with intervals, joined where ``x`` is a number; the untrained learner is a dashed line.

    Where the untrained learner has a value of ``x``, too, such as the prompt that it is asked in, it is a grey series.

    Attributes:
        of: the table to draw. x: its column for the x axis; a row that has none is the untrained learner.
        series: column with one colour and marker per value. panels: column with one panel per value.
        factors: value of ``series`` -> what its ``x`` is multiplied by, such as 2 if hard items cost twice as much.
        labelled: whether the values stand beside the points, in per cent.
        title: of the figure. x_label: of the x axis; the column's name by default.
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
        """Draw the points; those without a result are crosses on the axis.

        Raises:
            UserError: no trained cell has ``x``, or two rows have the same point.
        """
        table = frames.table(self.of)
        trained = table[table[self.x].notna()] if self.x in table else table.iloc[:0]
        if trained[[self.series]].dropna().empty if self.series in trained else trained.empty:
            raise NotPlannedError(f"figure {self.name}: no trained cell has {self.x}, a column of by= of its table")
        one_per(trained, (self.x, self.series, self.panels), f"figure {self.name}", "where= of its table")
        panels = list(dict.fromkeys(trained[self.panels]))
        named = list(dict.fromkeys(trained[self.series].dropna()))
        styles = series_looks(named)
        if trained[self.series].isna().any():
            styles = {UNTRAINED: Look(GREY, "X"), **styles}
        series = table[self.series].astype("object").mask(table[self.series].isna() & table[self.x].notna(), UNTRAINED)
        table = table.assign(**{self.series: series})
        words = None if _is_number(trained[self.x]) else list(dict.fromkeys(trained[self.x]))
        with styled():
            figure = new_figure(2.4 + 3.1 * len(panels), 4.2)
            row = list(figure.subplots(1, len(panels), sharey=True, squeeze=False).flat)
            for axes, panel in zip(row, panels, strict=True):
                self._panel(axes, table[table[self.panels] == panel], styles, words)
                axes.set_title(str(panel).replace("_", " "), loc="left")
            row[0].set_ylabel("accuracy")
            heading(figure, self.title, draws_footnote(trained, "point"))
            legend(figure, styles, *_other_entries(table, untrained=len(trained) < len(table)))
        return figure

    def _panel(self, axes: "Axes", table: "pd.DataFrame", styles: Mapping[Any, Look], words: list[Any] | None) -> None:
        untrained = table[self.x].isna()
        rows = table[~untrained]
        if words is None:
            factors = [self.factors.get(str(value), 1.0) for value in rows[self.series]]
            rows = rows.assign(at=rows[self.x].to_numpy(np.float64) * factors).sort_values("at")
        else:
            rows = rows.assign(at=[float(words.index(value)) for value in rows[self.x]])
        ticks = np.unique(rows["at"].to_numpy(np.float64))
        for number, (value, look) in enumerate(styles.items()):
            points, shift = rows[rows[self.series] == value], number - (len(styles) - 1) / 2
            x = points["at"].to_numpy(np.float64)
            x = _apart(x, shift, ticks) if words is None else x + DODGE * shift
            _points(axes, x, points, look, joined=words is None)
            if self.labelled:
                _label(axes, x, points, look, left=number == 0 and len(styles) > 1)
        for value, low, high in table.loc[untrained, ["accuracy", "low", "high"]].dropna().to_numpy(np.float64):
            axes.axhline(value, color=GREY, lw=1.2, ls="--", zorder=1, gid="untrained")
            axes.axhspan(low, high, color=PALE, alpha=0.25, lw=0, zorder=0)
        if words is None:
            _number_axis(axes, ticks)
            if self.labelled:
                axes.margins(x=LABEL_ROOM)
        else:
            axes.set_xticks(range(len(words)), [str(word).replace("_", " ") for word in words])
            axes.set_xlim(-0.5, len(words) - 0.5)
        axes.set_xlabel(self.x_label or noun(self.x))


def _points(axes: "Axes", x: FloatArray, rows: "pd.DataFrame", look: Look, *, joined: bool) -> None:
    value, low, high = (rows[name].to_numpy(np.float64) for name in ("accuracy", "low", "high"))
    done = (rows["state"] == DONE).to_numpy()
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
    """Return whether the numbers range so far that their axis is logarithmic."""
    return bool(ticks[0] > 0 and ticks[-1] >= LONG * ticks[0])


def _apart(x: FloatArray, shift: float, ticks: FloatArray) -> FloatArray:
    """Return x with the series shifted by the same distance on the page everywhere."""
    if _is_long(ticks):
        return np.asarray(x * (ticks[-1] / ticks[0]) ** (APART * shift))
    return np.asarray(x + APART * shift * (ticks[-1] - ticks[0]))


def _number_axis(axes: "Axes", ticks: FloatArray) -> None:
    """Set the scale, and a tick per point as long as these are few."""
    from matplotlib.ticker import NullLocator

    if _is_long(ticks):
        axes.set_xscale("log", base=2)
    if len(ticks) <= FEW:
        axes.set_xticks(ticks.tolist(), [f"{tick:g}" for tick in ticks])
        axes.xaxis.set_minor_locator(NullLocator())


def _is_number(column: "pd.Series[Any]") -> bool:
    from pandas.api.types import is_bool_dtype, is_numeric_dtype

    return bool(is_numeric_dtype(column)) and not is_bool_dtype(column)


def _other_entries(table: "pd.DataFrame", *, untrained: bool) -> "Iterator[Artist]":
    from matplotlib.lines import Line2D

    if untrained:
        yield Line2D([], [], color=GREY, ls="--", label="untrained")
    if (table["state"] != DONE).any():
        yield absent_entry()
