"""Figure of accuracy against the anchoring score, and of their correlation at every layer."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from offdiag.analyses import Frames
from offdiag.analyses.selection import Where
from offdiag.errors import UserError
from offdiag.figures.figure import StudyFigure
from offdiag.figures.style import (
    GREY,
    PALETTE,
    Look,
    counted,
    footnote,
    heading,
    label,
    legend,
    looks,
    new_figure,
    noun,
    styled,
)
from offdiag.stats import FloatArray
from offdiag.stats.correlation import Correlation, correlation
from offdiag.studies.base_addition.analyses.anchoring_correlation import (
    KEYS,
    AnchoringPoint,
    anchoring_points,
    grouped,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_ROWS = 6
OVER = {"all points": "black", "at fixed k": PALETTE[3]}  # points of a correlation -> its colour


class AccuracyByAnchoring(StudyFigure):
    """Left: accuracy against S, one point per series and k. Right: their rank correlation at every layer.

    There is one row of panels per form, pooling and kind of demonstrations. The points and their groups are those of
    :class:`~offdiag.studies.base_addition.analyses.anchoring_correlation.AnchoringCorrelation`, which has the same
    fields ``measured`` and ``series``.

    Attributes:
        series: column whose values are told apart by colour. measured: column -> value for the rows of the measurement.
        at: which S is on the x axis: that of the ``last`` layer, or the highest (``max``).
    """

    tag: ClassVar[str] = "accuracy-by-anchoring"
    series: str = "eval_base"
    measured: Where = Field(default_factory=dict)
    at: Literal["last", "max"] = "last"

    def plot(self, frames: Frames) -> "Figure":
        """Draw the panels; points without an accuracy or a score are counted in their panel."""
        groups = grouped(anchoring_points(frames, self.where, self.match_on, self.measured, self.series))
        if len(groups) > MOST_ROWS:
            raise UserError(f"figure {self.name}: {len(groups)} groups, at most {MOST_ROWS} fit: choose with measured=")
        names = list(dict.fromkeys(point.series for group in groups.values() for point in group))
        styles = dict(zip(names, looks(len(names)), strict=True))
        with styled():
            n = max(len(groups), 1)
            figure = new_figure(10.4, 1.5 + 3.0 * n)
            grid = figure.subplots(n, 2, squeeze=False, width_ratios=[1.15, 1])
            for (left, right), (key, group) in zip(grid, groups.items(), strict=False):
                self._scatter(left, group, styles, _words(key, groups))
                _by_layer(right, group)
            for left, right in grid[:1] if not groups else []:
                left.set_title("no pair of a score and an accuracy yet")
                right.axis("off")
            which = "at the last layer" if self.at == "last" else "at its highest layer"
            heading(figure, f"Accuracy by anchoring score, for each {noun(self.series)}", _footnote(groups))
            for left in grid[-1:, 0]:
                left.set_xlabel(f"anchoring score S {which}")
            _entries(figure, {label(self.series, name): look for name, look in styles.items()})
        return figure

    def _scatter(self, axes: "Axes", group: Sequence[AnchoringPoint], styles: dict[Any, Look], title: str) -> None:
        left_out = 0
        for name, look in styles.items():
            points = [point for point in group if point.series == name]
            s = np.array([point.curve.at(self.at)[:3] for point in points]).reshape(-1, 3)
            a = np.array([point.accuracy[:3] for point in points]).reshape(-1, 3)
            known = np.isfinite(s[:, 0]) & np.isfinite(a[:, 0])
            left_out += int(np.sum(~known))
            shots = [point.k for point, is_known in zip(points, known, strict=True) if is_known]
            s, a = s[known], a[known]
            axes.plot(s[:, 0], a[:, 0], color=look.colour, lw=0.8, alpha=0.5, zorder=2)
            axes.errorbar(s[:, 0], a[:, 0], xerr=_whiskers(s), ls="", color=look.colour, alpha=0.4, elinewidth=0.9)
            axes.errorbar(
                s[:, 0], a[:, 0], yerr=_whiskers(a), ls="", color=look.colour, marker=look.marker, markersize=6,
                markeredgecolor="white", elinewidth=0.9, zorder=3, gid="points",
            )  # fmt: skip
            for x, y, k in zip(s[:, 0], a[:, 0], shots, strict=True):
                axes.annotate(
                    str(k), (x, y), xytext=(5, 4), textcoords="offset points", fontsize=7.5, color=look.colour
                )
        axes.set_title(title, fontsize=10)
        if left_out:
            note = f"{left_out} without a score or an accuracy"
            axes.text(0.99, 0.02, note, transform=axes.transAxes, ha="right", fontsize=8, color=GREY)
        axes.set(ylabel="accuracy", ylim=(-0.03, 1.05))


def _entries(figure: "Figure", series: Mapping[Any, Look]) -> None:
    """Draw the legend: the series, what the numbers are, and the two correlations."""
    from matplotlib.lines import Line2D

    correlations = [Line2D([], [], color=colour, label=f"correlation, {over}") for over, colour in OVER.items()]
    legend(figure, series, Line2D([], [], ls="", label="numbers: k"), *correlations, lw=0.8)


def _by_layer(axes: "Axes", group: Sequence[AnchoringPoint]) -> None:
    """Draw Spearman's correlation of S at each layer with accuracy, over relative depth."""
    depth = group[0].curve.depth
    axes.axhline(0, color=GREY, lw=0.9)
    axes.set(ylim=(-1.05, 1.05), xlim=(-0.03, 1.03), ylabel="rank correlation")
    if any(point.curve.layers.size != depth.size for point in group):
        axes.set_title("models of different depth: no common layers")
        return
    for over, colour in OVER.items():
        correlations = [_at_layer(group, i, over) for i in range(depth.size)]
        values = np.array([layer.spearman[:3] for layer in correlations])
        if depth.size == 1:
            axes.errorbar(
                depth, values[:, 0], yerr=_whiskers(values), color=colour, marker="o", capsize=2.5, gid="layer"
            )
        else:
            axes.fill_between(depth, values[:, 1], values[:, 2], color=colour, alpha=0.15, lw=0)
            axes.plot(depth, values[:, 0], color=colour, lw=1.4, marker="o", markersize=2.6, gid="layer")
    axes.set_title(f"S of each layer with accuracy, {max(layer.n for layer in correlations)} points", fontsize=10)
    axes.set_xlabel("relative depth (0: embeddings)")


def _at_layer(group: Sequence[AnchoringPoint], index: int, over: str) -> Correlation:
    scores = [float(point.curve.score[index]) for point in group]
    strata = [point.k for point in group] if over == "at fixed k" else None
    return correlation(
        scores, [p.accuracy.value for p in group], strata, n_resamples=1000, names=("layer", index, over)
    )


def _whiskers(values: FloatArray) -> FloatArray:
    """Return the distances ``[2, n]`` from values to the ends of their intervals, given ``[n, 3]``."""
    distances = np.stack([values[:, 0] - values[:, 1], values[:, 2] - values[:, 0]])
    return np.asarray(np.maximum(np.nan_to_num(distances), 0))


def _words(key: tuple[Any, ...], groups: Mapping[tuple[Any, ...], object]) -> str:
    """Return what tells a group apart from the others of the figure; its form and pooling in any case."""
    words = []
    for name, value, others in zip(KEYS, key, zip(*groups, strict=True), strict=True):
        if name == "rationale":
            words.append("worked solutions shown" if value else "answers shown")
        elif name in ("form", "pooling") or len(set(others)) > 1:
            words.append({"mean": "mean over tokens", "last": "last token"}.get(str(value), str(value)))
    return " · ".join(words)


def _footnote(groups: Mapping[tuple[Any, ...], Sequence[AnchoringPoint]]) -> str:
    points = [point for group in groups.values() for point in group]
    if not points:
        return "nothing is measured yet"
    return footnote(
        f"{counted((point.accuracy.n_items for point in points), 'item')} per point",
        "whiskers and bands: 95 % intervals (bands resample points, which are not independent within a base)",
    )
