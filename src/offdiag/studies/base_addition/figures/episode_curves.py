"""Accuracy over demonstrations of models that were trained from scratch, beside the ideal observer."""

import math
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import Field

from offdiag.analyses import Frames
from offdiag.errors import UserError
from offdiag.figures.figure import StudyFigure
from offdiag.figures.style import GREY, Look, heading, looks, new_figure, styled
from offdiag.studies.base_addition.analyses.episode_curves import EpisodeCurve, band, read_curves

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


class EpisodeCurvesFigure(StudyFigure):
    """A panel a base with a curve a share; where each base has one share only, one panel with a curve a base.

    Attributes:
        n_resamples, seed: of the bootstrap of the bands.
    """

    tag: ClassVar[str] = "episode-curves-figure"
    n_resamples: int = Field(default=2000, ge=100)
    seed: int = 0

    def plot(self, frames: Frames) -> "Figure":
        """Models solid with a 95 % band, the ideal observer dashed, in the colour of the share (or the base)."""
        curves = read_curves(frames, n_resamples=self.n_resamples, seed=self.seed)
        if not curves:
            raise UserError(f"figure {self.name}: no episodes are planned; give the study at least one seed")
        bases = sorted({curve.base for curve in curves})
        alone = len(curves) == len(bases)
        panels = [curves] if alone else [[c for c in curves if c.base == base] for base in bases]
        names = {curve: f"base {curve.base} ({curve.share:.0%})" if alone else f"{curve.share:.0%}" for curve in curves}
        ordered = curves if alone else sorted(curves, key=lambda curve: curve.share)
        entries = dict.fromkeys(names[curve] for curve in ordered)
        colours = dict(zip(entries, looks(len(entries)), strict=True))
        with styled():
            figure = _paint(panels, {curve: colours[name] for curve, name in names.items()})
            heading(figure, "Accuracy by number of demonstrations, models and ideal observer", _footnote(curves))
            _legend(figure, colours, "base (share of training)" if alone else "share of training", curves)
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
        value, low, high = band(curve.model)
        axes.fill_between(curve.k, low, high, color=colour, alpha=0.18, lw=0, zorder=1.5)
        axes.plot(curve.k, value, lw=1.7, zorder=3, gid="model", **style)
        axes.plot(curve.k, curve.ideal.curve, color=colour, ls=(0, (4, 2)), lw=1.3, zorder=2.5, gid="ideal")
    absent = [f"{curve.share:.0%}" for curve in panel if not curve.done]
    if absent:
        axes.text(0.98, 0.05, f"no result yet: {', '.join(absent)}", transform=axes.transAxes, ha="right", color=GREY)


def _footnote(curves: list[EpisodeCurve]) -> str:
    sizes = sorted({len(curve.expected) for curve in curves if curve.done})
    seeds = sorted({len(curve.correct) for curve in curves if curve.done})
    if not sizes:
        return "nothing is measured yet"
    method = "sequences resampled" if seeds == [1] else "seeds and sequences resampled"
    spread = " to ".join(map(str, dict.fromkeys((seeds[0], seeds[-1]))))
    return (
        f"{sizes[0]} sequences a curve, {spread} seed{'s' if seeds[-1] > 1 else ''} · bands: 95 % interval ({method})"
    )


def _legend(figure: "Figure", colours: dict[str, Look], title: str, curves: list[EpisodeCurve]) -> None:
    from matplotlib.lines import Line2D

    entries = [
        Line2D([], [], color=colour, marker=marker, markersize=6, label=name)
        for name, (colour, marker) in colours.items()
    ]
    if any(curve.done for curve in curves):
        entries.append(Line2D([], [], color=GREY, lw=1.7, label="model"))
        entries.append(Line2D([], [], color=GREY, lw=1.3, ls=(0, (4, 2)), label="ideal observer"))
    figure.legend(handles=entries, title=title, loc="outside right center", alignment="left")
