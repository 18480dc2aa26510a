"""Figure of accuracy over demonstrations, for models trained from scratch and the ideal observer."""

import math
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import Field

from offdiag.analyses import Frames
from offdiag.figures.figure import StudyFigure
from offdiag.figures.style import GREY, Look, counted, footnote, heading, legend, looks, new_figure, styled
from offdiag.stats.bootstrap import MOST_RESAMPLES
from offdiag.studies.base_addition.analyses.episode_curves import EpisodeCurve, band, planned_curves

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

DASHES = (0, (4, 2))  # of the ideal observer


class EpisodeCurvesFigure(StudyFigure):
    """One panel per base with a curve per share; where each base has one share, one panel with a curve per base.

    Attributes:
        n_resamples, seed: of the bootstrap of the bands.
    """

    tag: ClassVar[str] = "episode-curves-figure"
    n_resamples: int = Field(default=2000, ge=100, le=MOST_RESAMPLES)
    seed: int = 0

    def plot(self, frames: Frames) -> "Figure":
        """Draw models solid with a 95 % band and the ideal observer dashed, in the colour of the share or base."""
        curves = planned_curves(frames, self.name, n_resamples=self.n_resamples, seed=self.seed)
        bases = sorted({curve.base for curve in curves})
        one_share_each = len(curves) == len(bases)
        panels = [curves] if one_share_each else [[c for c in curves if c.base == base] for base in bases]
        form = "base {base} ({share:.0%})" if one_share_each else "{share:.0%}"
        names = {curve: form.format(base=curve.base, share=curve.share) for curve in curves}
        ordered = curves if one_share_each else sorted(curves, key=lambda curve: curve.share)
        series = list(dict.fromkeys(names[curve] for curve in ordered))
        styles = dict(zip(series, looks(len(series)), strict=True))
        with styled():
            figure = _paint(panels, {curve: styles[name] for curve, name in names.items()})
            heading(figure, "Accuracy by number of demonstrations, models and ideal observer", _footnote(curves))
            _entries(figure, styles, "base (share of training)" if one_share_each else "share of training", curves)
        return figure


def _paint(panels: list[list[EpisodeCurve]], look: dict[EpisodeCurve, Look]) -> "Figure":
    columns = 1 if len(panels) == 1 else 2
    rows = math.ceil(len(panels) / columns)
    figure = new_figure(8.6, 4.8 if len(panels) == 1 else 1.3 + 2.7 * rows)
    grid = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
    for number, axes in enumerate(grid.flat):
        axes.set(ylim=(-0.03, 1.03), yticks=[0, 0.25, 0.5, 0.75, 1])
        axes.axhline(0.5, color=GREY, lw=1, ls=":", zorder=1)
        axes.set_visible(number < len(panels))
        if number % columns == 0:
            axes.set_ylabel("accuracy")
        if number + columns >= len(panels):
            axes.set_xlabel("demonstrations k")
            axes.tick_params(labelbottom=True)
            axes.xaxis.get_major_locator().set_params(integer=True)
        if number < len(panels):
            _draw_panel(axes, panels[number], look, titled=len(panels) > 1)
    return figure


def _draw_panel(axes: "Axes", panel: list[EpisodeCurve], look: dict[EpisodeCurve, Look], *, titled: bool) -> None:
    if titled:
        axes.set_title(f"base {panel[0].base}", loc="left")
    for curve in panel:
        if not curve.done:
            continue
        colour, marker = look[curve]
        style: dict[str, Any] = {"color": colour, "marker": marker, "markersize": 4, "markeredgecolor": "white"}
        axes.fill_between(curve.k, *band(curve), color=colour, alpha=0.18, lw=0, zorder=1.5)
        axes.plot(curve.k, curve.model.curve, lw=1.7, zorder=3, gid="model", **style)
        axes.plot(curve.k, curve.ideal.curve, color=colour, ls=DASHES, lw=1.3, zorder=2.5, gid="ideal")
    absent = [f"{curve.share:.0%}" for curve in panel if not curve.done]
    if absent:
        axes.text(0.98, 0.05, f"no result yet: {', '.join(absent)}", transform=axes.transAxes, ha="right", color=GREY)


def _footnote(curves: list[EpisodeCurve]) -> str:
    done = [curve for curve in curves if curve.done]
    if not done:
        return "nothing is measured yet"
    seeds = counted((len(curve.correct) for curve in done), "seed")
    resampled = "sequences" if seeds == "1 seed" else "seeds and sequences"
    return footnote(
        f"{counted((len(curve.expected) for curve in done), 'sequence')} per curve, {seeds}",
        f"bands: 95 %, for whole curves (over {resampled})",
    )


def _entries(figure: "Figure", series: dict[str, Look], title: str, curves: list[EpisodeCurve]) -> None:
    """Draw the legend: the series, and what solid and dashed lines are once there are some."""
    from matplotlib.lines import Line2D

    lines = [
        Line2D([], [], color=GREY, lw=1.7, label="model"),
        Line2D([], [], color=GREY, lw=1.3, ls=DASHES, label="ideal observer"),
    ]
    legend(figure, series, *(lines if any(curve.done for curve in curves) else ()), title=title)
