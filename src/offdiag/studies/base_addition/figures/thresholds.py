"""Figure of k-shot thresholds against the share of the training, for models and the ideal observer."""

import math
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from pydantic import Field

from offdiag.analyses import Frames
from offdiag.figures.figure import StudyFigure
from offdiag.figures.style import GREY, Look, counted, footnote, heading, legend, looks, new_figure, styled
from offdiag.stats import Estimate, FloatArray
from offdiag.stats.bootstrap import MOST_RESAMPLES
from offdiag.studies.base_addition.analyses.episode_curves import EpisodeCurve, Side, planned_curves, threshold
from offdiag.studies.base_addition.analyses.thresholds import slope_row, threshold_line

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SIDES: dict[Side, str] = {"model": "models", "ideal": "ideal observer"}
STEP = 0.09  # nats between neighbouring bases at one share


class ThresholdFigure(StudyFigure):
    """k50 against ``-ln(share)``, for the models and the ideal observer, and the two against each other.

    Attributes:
        n_resamples, seed: of the bootstrap.
    """

    tag: ClassVar[str] = "threshold-figure"
    n_resamples: int = Field(default=2000, ge=100, le=MOST_RESAMPLES)
    seed: int = 0

    def plot(self, frames: Frames) -> "Figure":
        """Draw points with 95 % whiskers and fitted lines; an arrow stands where only a bound is known."""
        curves = planned_curves(frames, self.name, n_resamples=self.n_resamples, seed=self.seed)
        done = [curve for curve in curves if curve.done]
        bases = sorted({curve.base for curve in curves})
        look = dict(zip(bases, looks(len(bases)), strict=True))
        with styled():
            figure = new_figure(12.4, 4.8)
            *panels, against = figure.subplots(1, 3, sharey=True)
            for axes, side in zip(panels, SIDES, strict=True):
                for curve in done:
                    shift = STEP * (bases.index(curve.base) - (len(bases) - 1) / 2)
                    _draw_point(axes, curve, side, look[curve.base], shift)
                _draw_line(axes, done, side)
                _finish(axes, curves, SIDES[side])
            _draw_against(against, done, look)
            panels[0].set_ylabel("k50: demonstrations to half right")
            panels[0].set_ylim(bottom=-0.1 * max(4.0, panels[0].get_ylim()[1]))
            heading(figure, "The threshold by how often a base was seen in training", _footnote(curves))
            _entries(figure, look)
        return figure


def _whiskers(curve: EpisodeCurve, k50: Estimate) -> FloatArray:
    """Return the distances ``[2, 1]`` down and up to the ends of the interval, within the measured k."""
    return np.maximum([[k50.value - k50.low], [min(k50.high, curve.k[-1]) - k50.value]], 0)


def _is_bound(curve: EpisodeCurve, k50: Estimate) -> bool:
    return k50.value <= curve.k[0] or math.isinf(k50.value)


def _draw_point(axes: "Axes", curve: EpisodeCurve, side: Side, look: Look, shift: float) -> None:
    k50 = threshold(curve, side)
    x = curve.anchoring + shift
    style: dict[str, Any] = {"color": look.colour, "marker": look.marker, "markersize": 6.5, "zorder": 3}
    if not _is_bound(curve, k50):
        whiskers = _whiskers(curve, k50)
        axes.errorbar([x], [k50.value], yerr=whiskers, capsize=2.5, elinewidth=1.2, gid="threshold", **style)
        return
    below = k50.value <= curve.k[0]
    at = float(curve.k[0] if below else curve.k[-1])
    axes.plot([x], [at], markerfacecolor="white", gid="bound", **style)
    axes.annotate(
        "", xy=(x, at), xytext=(0, -19 if below else 19), textcoords="offset points", annotation_clip=False,
        arrowprops={"arrowstyle": "<|-", "color": look.colour, "lw": 1.3, "shrinkB": 3, "shrinkA": 0},
    )  # fmt: skip


def _draw_line(axes: "Axes", done: list[EpisodeCurve], side: Side) -> None:
    """Draw the mean over bases of the fitted lines, as far as thresholds are known, and write its slope."""
    fitted = threshold_line(done, side)
    if fitted is None:
        return
    row = slope_row(side, done)
    known = [c.anchoring for c in done if not _is_bound(c, threshold(c, side))]
    x = np.array([min(known), max(known)])
    y = np.mean(list(fitted.intercepts.values())) + fitted.slope * x
    axes.plot(x, y, color=GREY, lw=1.4, zorder=2, gid="line")
    words = f"{row['slope']:.1f} [{row['slope_low']:.1f}, {row['slope_high']:.1f}] demonstrations per nat"
    axes.text(0.03, 0.98, words, transform=axes.transAxes, va="top", color=GREY, fontsize=9)


def _draw_against(axes: "Axes", done: list[EpisodeCurve], look: dict[int, Look]) -> None:
    """Draw the thresholds that both have against each other; on the diagonal a model is as good as can be."""
    axes.set(title="models against ideal observer", xlabel="k50 of the ideal observer")
    axes.title.set_fontsize(11)
    for curve in done:
        model, ideal = threshold(curve, "model"), threshold(curve, "ideal")
        if not (_is_bound(curve, model) or _is_bound(curve, ideal)):
            colour, marker = look[curve.base]
            style: dict[str, Any] = {"color": colour, "marker": marker, "markersize": 6.5, "elinewidth": 0.9}
            reach: dict[str, Any] = {"xerr": _whiskers(curve, ideal), "yerr": _whiskers(curve, model)}
            axes.errorbar([ideal.value], [model.value], **reach, zorder=3, gid="pair", **style)
    axes.axline((0, 0), slope=1, color=GREY, ls=":", lw=1.2, zorder=1)
    axes.set_xlim(left=0)


def _finish(axes: "Axes", curves: list[EpisodeCurve], title: str) -> None:
    shares = sorted({curve.share for curve in curves}, reverse=True)
    axes.set(title=title, xlabel="-ln(share), share of training")
    axes.set_xticks([-math.log(share) for share in shares], [f"{-math.log(s):.2f}\n{s:.0%}" for s in shares])
    axes.axhline(0, color=GREY, lw=0.8, zorder=1)
    axes.margins(x=0.08, y=0.12)


def _footnote(curves: list[EpisodeCurve]) -> str:
    done = [curve for curve in curves if curve.done]
    if not done:
        return "nothing is measured yet"
    seeds = counted((len(curve.correct) for curve in done), "seed")
    over = "sequences" if seeds == "1 seed" else "seeds and sequences"
    missing = len(curves) - len(done)
    return footnote(
        f"{counted((len(curve.expected) for curve in done), 'sequence')} per point, {seeds}",
        f"whiskers: the measured k between which one half is reached, 95 % over {over}",
        f"{missing} of {len(curves)} points have no result yet" if missing else "",
        per_line=3,
    )


def _entries(figure: "Figure", look: dict[int, Look]) -> None:
    """Draw the legend: the bases, the fitted line, and what hollow points and the dotted line are."""
    from matplotlib.lines import Line2D

    legend(
        figure,
        {f"base {base}": style for base, style in look.items()},
        Line2D([], [], color=GREY, lw=1.4, label="fitted slope"),
        Line2D([], [], color=GREY, marker="o", mfc="white", ls="", label="bound only: k50 is\nhere or beyond"),
        Line2D([], [], color=GREY, ls=":", lw=1.2, label="equal"),
        ls="",
    )
