"""Figure of accuracy over the number of demonstrations, with the fitted transitions."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from offdiag.analyses import Frames
from offdiag.analyses.selection import require, select_shots
from offdiag.errors import NotPlannedError
from offdiag.figures.curves import (
    DODGE,
    ShotCurve,
    draw_absent,
    draw_curve,
    entry,
    k_axis,
    legend_marks,
    read_curve,
    whisker_note,
)
from offdiag.figures.figure import StudyFigure
from offdiag.figures.style import GREY, heading, label, looks, new_figure, noun, styled, values_of

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


class KShot(StudyFigure):
    """One curve per series over k; measured zero-shot cells are k = 0. A strip below shows the unparsed answers.

    Attributes:
        series: column whose values are the curves; zero-shot cells that lack it begin all of them.
        panels: column with one panel per value, such as ``rationale``, side by side with one axis of accuracy; None for
            a single panel. Zero-shot cells stand in all panels, as nothing was shown.
    """

    tag: ClassVar[str] = "k-shot"
    takes_scores: ClassVar[bool] = True
    series: str = "eval"
    panels: str | None = None

    def plot(self, frames: Frames) -> "Figure":
        """Draw the curves of the selected zero-shot and in-context cells; dashed: the fits, where there is one."""
        chosen = select_shots(frames.cells, self.where, self.match_on)
        panels = _panels(chosen, self.panels, self.series)
        drawn = [self._curves(rows, chosen, frames.records) for rows in panels.values()]
        every = [one for curves in drawn for one in curves]
        with styled():
            figure, above, below, named = _canvas(drawn)
            for axes, strip, curves in zip(above, below, drawn, strict=True):
                axes.sharex(strip)
                axes.tick_params(labelbottom=False)
                _draw(axes, strip, curves)
            top = max(draw_absent(axes, curves, 1.02) for axes, curves in zip(above, drawn, strict=True))
            above[0].set(ylim=(-0.02, top), yticks=np.linspace(0, 1, 6), ylabel="accuracy")
            below[0].set(ylim=(-0.05, 1.05), yticks=[0, 1], ylabel="unparsed")
            below[0].yaxis.label.set_color(GREY)
            k = np.unique(np.concatenate([one.k for one in every]))
            for axes in below:
                k_axis(axes, k, inches=6 if len(panels) == 1 else 4)
            heading(
                figure,
                f"Accuracy by number of demonstrations, for each {noun(self.series)}",
                whisker_note(every, banded=True),
            )
            if named is None:
                figure.legend(handles=[*_names(drawn[0]), *legend_marks(every)], loc="outside right center")
                return figure
            for axes, place, name, curves in zip(above, named, panels, drawn, strict=True):
                axes.set_title(label(str(self.panels), name), loc="left")
                place.axis("off")
                place.legend(handles=_names(curves), loc="upper left", borderaxespad=0)
            figure.legend(handles=legend_marks(every), loc="outside right center")
        return figure

    def _curves(self, rows: "pd.DataFrame", chosen: "pd.DataFrame", records: "pd.DataFrame") -> list[ShotCurve]:
        """Return the curves of one panel; a series has the same look in all panels."""
        names = values_of(chosen[self.series])
        shifts = DODGE * min(float(np.ptp(chosen["k"])), 16) * (np.arange(len(names)) - (len(names) - 1) / 2)
        start = rows[self.series].isna() & (rows["k"] == 0)
        of_series = {name: (rows[self.series] == name).fillna(False).astype(bool) for name in names}
        return [
            read_curve(rows[of_series[name] | start], records, label(self.series, name), look, shift)
            for name, look, shift in zip(names, looks(len(names)), shifts, strict=True)
            if of_series[name].any()
        ]


def _panels(chosen: "pd.DataFrame", column: str | None, series: str) -> dict[Any, "pd.DataFrame"]:
    """Return the rows of each panel; zero-shot rows belong to all of them, and alone make none."""
    if column is None:
        return {None: chosen}
    require(chosen, column)
    values = values_of(chosen.loc[chosen[series].notna(), column]) or values_of(chosen[column])
    if not values:
        raise NotPlannedError(f"no cell has a {column}: the figure needs one for its panels")
    start = chosen[column].isna() & (chosen["k"] == 0)
    return {value: chosen[start | (chosen[column] == value).fillna(False).astype(bool)] for value in values}


def _canvas(
    drawn: Sequence[Sequence[ShotCurve]],
) -> "tuple[Figure, list[Axes], list[Axes], list[Axes] | None]":
    """Return the figure, its axes and strips, one each per panel, and places for legends if panels are several."""
    n = len(drawn)
    if n == 1:
        figure = new_figure(8.6, 5.6)
        above, below = figure.subplots(2, 1, height_ratios=[5, 1])
        return figure, [above], [below], None
    lines = max(sum(1 + entry(one).count("\n") for one in curves) for curves in drawn)
    figure = new_figure(2.2 + 4.6 * n, 5.4 + 0.2 * lines)
    grid = figure.subplots(3, n, sharey="row", height_ratios=[5, 1, 0.25 * lines])
    return figure, list(grid[0]), list(grid[1]), list(grid[2])


def _draw(axes: "Axes", strip: "Axes", curves: Sequence[ShotCurve]) -> None:
    for one in curves:
        draw_curve(axes, one)
        colour, marker = one.look
        strip.plot(one.x, one.unparsed, color=colour, marker=marker, markersize=3.5, lw=0.8)


def _names(curves: Sequence[ShotCurve]) -> list[Any]:
    from matplotlib.lines import Line2D

    return [Line2D([], [], color=s.look.colour, marker=s.look.marker, markersize=6, label=entry(s)) for s in curves]
