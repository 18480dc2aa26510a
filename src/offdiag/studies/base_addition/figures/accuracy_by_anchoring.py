"""Accuracy against the anchoring score, and at which layers the two go together."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np

from offdiag.analyses import Frames
from offdiag.errors import UserError
from offdiag.figures.figure import StudyFigure
from offdiag.figures.style import GREY, PALETTE, Look, heading, label, looks, new_figure, noun, styled
from offdiag.stats.correlation import Correlation, correlation
from offdiag.studies.base_addition.analyses.anchoring_correlation import KEYS, Point, grouped, joined

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_ROWS = 6
OVER = ("all points", "at fixed k")


class AccuracyByAnchoring(StudyFigure):
    """Left: accuracy against S, one point a series and k. Right: their rank correlation at every layer.

    One row of panels for each form, pooling and kind of demonstrations. How points and groups come about is said at
    :class:`offdiag.analyses.AnchoringCorrelation`, whose fields ``measured`` and ``series`` are the same.

    Attributes:
        series: column whose values are told apart by colour. measured: column -> value for the rows of the measurement.
        at: which S is on the x axis: that of the ``last`` layer, or the highest (``max``).
    """

    tag: ClassVar[str] = "accuracy-by-anchoring"
    series: str = "eval_base"
    measured: Mapping[str, str | int | float | bool] = {}
    at: Literal["last", "max"] = "last"

    def plot(self, frames: Frames) -> "Figure":
        """The panels; points without an accuracy or a score are counted in their panel."""
        groups = grouped(joined(frames, self.where, self.match_on, self.measured, self.series))
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
            self._legend(figure, styles)
        return figure

    def _scatter(self, axes: "Axes", group: Sequence[Point], styles: dict[Any, Look], title: str) -> None:
        left_out = 0
        for name, look in styles.items():
            own = [point for point in group if point.series == name]
            s = np.array([point.curve.at(self.at) for point in own]).reshape(-1, 3)
            a = np.array([point.accuracy[:3] for point in own]).reshape(-1, 3)
            there = np.isfinite(s[:, 0]) & np.isfinite(a[:, 0])
            left_out += int(np.sum(~there))
            s, a, shots = s[there], a[there], [p.k for p, known in zip(own, there, strict=True) if known]
            axes.plot(s[:, 0], a[:, 0], color=look.colour, lw=0.8, alpha=0.5, zorder=2)
            axes.errorbar(s[:, 0], a[:, 0], xerr=_arms(s), ls="", color=look.colour, alpha=0.4, elinewidth=0.9)
            axes.errorbar(
                s[:, 0], a[:, 0], yerr=_arms(a), ls="", color=look.colour, marker=look.marker, markersize=6,
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

    def _legend(self, figure: "Figure", styles: dict[Any, Look]) -> None:
        from matplotlib.lines import Line2D

        entries = [
            Line2D([], [], color=look.colour, marker=look.marker, lw=0.8, markersize=6, label=label(self.series, name))
            for name, look in styles.items()
        ]
        entries.append(Line2D([], [], ls="", label="numbers: k"))
        entries += [
            Line2D([], [], color=colour, label=f"correlation, {over}")
            for over, colour in zip(OVER, _COLOURS, strict=True)
        ]
        figure.legend(handles=entries, loc="outside right center")


_COLOURS = ("black", PALETTE[3])


def _by_layer(axes: "Axes", group: Sequence[Point]) -> None:
    """Spearman's correlation of S at a layer with accuracy, over relative depth."""
    depth = group[0].curve.depth
    axes.axhline(0, color=GREY, lw=0.9)
    axes.set(ylim=(-1.05, 1.05), xlim=(-0.03, 1.03), ylabel="rank correlation")
    if any(point.curve.layers.size != depth.size for point in group):
        axes.set_title("models of different depth: no common layers")
        return
    for over, colour in zip(OVER, _COLOURS, strict=True):
        found = [_at_layer(group, i, over) for i in range(depth.size)]
        values = np.array([one.spearman[:3] for one in found])
        if depth.size == 1:
            axes.errorbar(depth, values[:, 0], yerr=_arms(values), color=colour, marker="o", capsize=2.5, gid="layer")
        else:
            axes.fill_between(depth, values[:, 1], values[:, 2], color=colour, alpha=0.15, lw=0)
            axes.plot(depth, values[:, 0], color=colour, lw=1.4, marker="o", markersize=2.6, gid="layer")
    axes.set_title(f"S of each layer with accuracy, {max(one.n for one in found)} points", fontsize=10)
    axes.set_xlabel("relative depth (0: embeddings)")


def _at_layer(group: Sequence[Point], index: int, over: str) -> Correlation:
    scores = [float(point.curve.score[index]) for point in group]
    strata = None if over == OVER[0] else [point.k for point in group]
    return correlation(
        scores, [p.accuracy.value for p in group], strata, n_resamples=1000, names=("layer", index, over)
    )


def _arms(values: np.ndarray[Any, np.dtype[np.float64]]) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Distances ``[2, n]`` from values to the ends of their intervals, given ``[n, 3]``."""
    arms = np.stack([values[:, 0] - values[:, 1], values[:, 2] - values[:, 0]])
    return np.maximum(np.nan_to_num(arms), 0)


def _words(key: tuple[Any, ...], groups: Mapping[tuple[Any, ...], object]) -> str:
    """What tells a group apart from the others of the figure; its form and pooling in any case."""
    said = []
    for name, value, others in zip(KEYS, key, zip(*groups, strict=True), strict=True):
        if name == "rationale":
            said.append("worked solutions shown" if value else "answers shown")
        elif name in ("form", "pooling") or len(set(others)) > 1:
            said.append({"mean": "mean over tokens", "last": "last token"}.get(str(value), str(value)))
    return " · ".join(said)


def _footnote(groups: Mapping[tuple[Any, ...], Sequence[Point]]) -> str:
    points = [point for group in groups.values() for point in group]
    if not points:
        return "nothing is measured yet"
    items = sorted({point.accuracy.n_items for point in points})
    n = f"n = {items[0]}" if len(items) == 1 else f"n = {items[0]} to {items[-1]}"
    return (
        f"{n} items a point · whiskers and bands: 95 % intervals (bands resample points, "
        "which are not independent within a base)"
    )
