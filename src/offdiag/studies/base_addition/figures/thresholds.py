"""k-shot thresholds against the share of the training, models and ideal observer."""

import math
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from pydantic import Field

from offdiag.analyses import Frames
from offdiag.errors import UserError
from offdiag.figures.figure import StudyFigure
from offdiag.figures.style import GREY, Look, heading, looks, new_figure, styled
from offdiag.stats import FloatArray
from offdiag.studies.base_addition.analyses.episode_curves import EpisodeCurve, read_curves, threshold
from offdiag.studies.base_addition.analyses.thresholds import line, slope_row

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SIDES = {"model": "models", "ideal": "ideal observer"}
STEP = 0.09  # nats between neighbouring bases at one share


class ThresholdFigure(StudyFigure):
    """k50 against ``-ln(share)``, of the models and of the ideal observer, and the one against the other.

    Attributes:
        n_resamples, seed: of the bootstrap.
    """

    tag: ClassVar[str] = "threshold-figure"
    n_resamples: int = Field(default=2000, ge=100)
    seed: int = 0

    def plot(self, frames: Frames) -> "Figure":
        """Points with 95 % whiskers and the line of each slope; an arrow from where only a bound is known."""
        curves = read_curves(frames, n_resamples=self.n_resamples, seed=self.seed)
        if not curves:
            raise UserError(f"figure {self.name}: no episodes are planned; give the study at least one seed")
        done = [curve for curve in curves if curve.done]
        bases = sorted({curve.base for curve in curves})
        look = dict(zip(bases, looks(len(bases)), strict=True))
        with styled():
            figure = new_figure(12.4, 4.8)
            axes = figure.subplots(1, 3, sharey=True)
            for one, side in zip(axes, SIDES, strict=False):
                for curve in done:
                    shift = STEP * (bases.index(curve.base) - (len(bases) - 1) / 2)
                    _draw_point(one, curve, side, look[curve.base], shift)
                _draw_line(one, done, side)
                _finish(one, curves, SIDES[side])
            _draw_against(axes[2], done, look)
            axes[0].set_ylabel("k50: demonstrations to half right")
            axes[0].set_ylim(bottom=-0.1 * max(4.0, axes[0].get_ylim()[1]))
            heading(figure, "The threshold by how often a base was seen in training", _footnote(curves))
            _legend(figure, look)
        return figure


def _ends(curve: EpisodeCurve, side: str) -> tuple[float, FloatArray]:
    """k50 and the distances down and up to the ends of its interval, ``[2, 1]``, within the measured k."""
    value, low, high = threshold(curve.k, curve.model if side == "model" else curve.ideal)
    return value, np.maximum([[value - low], [min(high, curve.k[-1]) - value]], 0)


def _is_bound(curve: EpisodeCurve, value: float) -> bool:
    return value <= curve.k[0] or math.isinf(value)


def _draw_point(axes: "Axes", curve: EpisodeCurve, side: str, look: Look, shift: float) -> None:
    value, whiskers = _ends(curve, side)
    x = curve.anchoring + shift
    style: dict[str, Any] = {"color": look.colour, "marker": look.marker, "markersize": 6.5, "zorder": 3}
    if not _is_bound(curve, value):
        axes.errorbar([x], [value], yerr=whiskers, capsize=2.5, elinewidth=1.2, gid="threshold", **style)
        return
    below = value <= curve.k[0]
    at = float(curve.k[0] if below else curve.k[-1])
    axes.plot([x], [at], markerfacecolor="white", gid="bound", **style)
    axes.annotate(
        "", xy=(x, at), xytext=(0, -19 if below else 19), textcoords="offset points", annotation_clip=False,
        arrowprops={"arrowstyle": "<|-", "color": look.colour, "lw": 1.3, "shrinkB": 3, "shrinkA": 0},
    )  # fmt: skip


def _draw_line(axes: "Axes", done: list[EpisodeCurve], side: str) -> None:
    """The mean over bases of the lines of the slope analysis, where thresholds are known; the slope in words."""
    fitted = line(done, side)
    if fitted is None:
        return
    row = slope_row(side, done)
    known = [c.anchoring for c in done if not _is_bound(c, _ends(c, side)[0])]
    x = np.array([min(known), max(known)])
    y = np.mean(list(fitted.intercepts.values())) + fitted.slope * x
    axes.plot(x, y, color=GREY, lw=1.4, zorder=2, gid="line")
    words = f"{row['slope']:.1f} [{row['slope_low']:.1f}, {row['slope_high']:.1f}] demonstrations a nat"
    axes.text(0.03, 0.98, words, transform=axes.transAxes, va="top", color=GREY, fontsize=9)


def _draw_against(axes: "Axes", done: list[EpisodeCurve], look: dict[int, Look]) -> None:
    """The thresholds that both have, one against the other; the diagonal is a model that wastes nothing."""
    axes.set(title="models against ideal observer", xlabel="k50 of the ideal observer")
    axes.title.set_fontsize(11)
    for curve in done:
        (value, whiskers), (ideal, across) = _ends(curve, "model"), _ends(curve, "ideal")
        if not (_is_bound(curve, value) or _is_bound(curve, ideal)):
            colour, marker = look[curve.base]
            style: dict[str, Any] = {"color": colour, "marker": marker, "markersize": 6.5, "elinewidth": 0.9}
            axes.errorbar([ideal], [value], xerr=across, yerr=whiskers, zorder=3, gid="pair", **style)
    axes.axline((0, 0), slope=1, color=GREY, ls=":", lw=1.2, zorder=1)
    axes.set_xlim(left=0)


def _finish(axes: "Axes", curves: list[EpisodeCurve], title: str) -> None:
    shares = sorted({curve.share for curve in curves}, reverse=True)
    axes.set(title=title, xlabel="-ln(share), share of training")
    axes.set_xticks([-math.log(share) for share in shares], [f"{-math.log(s):.2f}\n{s:.0%}" for s in shares])
    axes.axhline(0, color=GREY, lw=0.8, zorder=1)
    axes.margins(x=0.08, y=0.12)


def _footnote(curves: list[EpisodeCurve]) -> str:
    sizes = sorted({len(curve.expected) for curve in curves if curve.done})
    seeds = sorted({len(curve.correct) for curve in curves if curve.done})
    if not sizes:
        return "nothing is measured yet"
    missing = sum(not curve.done for curve in curves)
    gaps = f" · {missing} of {len(curves)} points have no result yet" if missing else ""
    what = "sequences" if seeds == [1] else "seeds and sequences"
    trained = f"{seeds[0]} seed{'s' * (seeds[0] > 1)}"
    return f"{sizes[0]} sequences a point, {trained} · whiskers: 95 % interval, {what} resampled{gaps}"


def _legend(figure: "Figure", look: dict[int, Look]) -> None:
    from matplotlib.lines import Line2D

    entries = [
        Line2D([], [], color=one.colour, marker=one.marker, ls="", markersize=7, label=f"base {base}")
        for base, one in look.items()
    ]
    bound = "bound only: k50 is\nhere or beyond"
    entries.append(Line2D([], [], color=GREY, lw=1.4, label="fitted slope"))
    entries.append(Line2D([], [], color=GREY, marker="o", mfc="white", ls="", label=bound))
    entries.append(Line2D([], [], color=GREY, ls=":", lw=1.2, label="equal"))
    figure.legend(handles=entries, loc="outside right center")
