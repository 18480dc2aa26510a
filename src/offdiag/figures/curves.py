"""One curve of accuracy over k: how it is read from the frames, and how it is drawn."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from offdiag.analyses import TransitionFit, fit_transition
from offdiag.analyses.estimates import CellEstimate, estimate
from offdiag.figures.k_axis import LINEAR_TO, is_long
from offdiag.figures.style import GREY, Look
from offdiag.stats import FloatArray

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

DODGE = 0.007  # of the range of k, between neighbouring series, so that equal curves do not hide one another


@dataclass(frozen=True, kw_only=True)
class Curve:
    """One curve: ``k`` and everything else ``[K]``, in order of k; NaN where no cell is done. ``shift`` is along x."""

    name: str
    look: Look
    shift: float
    k: FloatArray
    estimates: list[CellEstimate]
    unparsed: FloatArray
    fit: TransitionFit

    @property
    def x(self) -> FloatArray:
        """Where the points stand: beside k, by as much of the page everywhere."""
        return self.k + self.shift * np.maximum(1, self.k / LINEAR_TO if is_long(self.k) else 1)

    @property
    def accuracy(self) -> FloatArray:
        return np.array([spot.value for spot in self.estimates])

    @property
    def whiskers(self) -> FloatArray:
        """Distances from the accuracies down and up to the ends of their intervals: ``[2, K]``."""
        return whiskers(self.estimates)


def read_curve(rows: "pd.DataFrame", records: "pd.DataFrame", name: str, look: Look, shift: float = 0.0) -> Curve:
    """The curve of zero-shot and in-context cells with ``k`` as numbers; seeds are averaged."""
    k = np.unique(rows["k"].to_numpy(np.float64))
    groups = [rows[rows["k"] == shots] for shots in k]
    estimates = [estimate(group, records) for group in groups]
    accuracy = np.array([spot.value for spot in estimates])
    known = ~np.isnan(accuracy)
    n_items = min((spot.n_items for spot in estimates), default=0)
    unparsed = [group.loc[group["state"] == "done", "unparsed_rate"].astype(float).mean() for group in groups]
    return Curve(
        name=name,
        look=look,
        shift=shift,
        k=k,
        estimates=estimates,
        unparsed=np.array(unparsed),
        fit=fit_transition(k[known], accuracy[known], n_items),
    )


def whiskers(estimates: Sequence[CellEstimate]) -> FloatArray:
    """Distances from values down and up to the ends of their intervals: ``[2, n]``."""
    ends = np.array([(spot.value - spot.low, spot.high - spot.value) for spot in estimates])
    return np.asarray(np.maximum(ends.T, 0))  # rounding may leave -1e-17


def draw_curve(axes: "Axes", one: Curve) -> None:
    """Points with whiskers and, where there is a fit, its curve and midpoint."""
    colour, marker = one.look
    style: dict[str, Any] = {"color": colour, "marker": marker, "markersize": 6, "markeredgecolor": "white"}
    pale = 0.35 if one.fit.identified else 1
    axes.plot(one.x, one.accuracy, color=colour, lw=1.6, alpha=pale, zorder=2, gid="joined")
    axes.errorbar(one.x, one.accuracy, yerr=one.whiskers, ls="", elinewidth=1.1, capsize=2.5, zorder=3, **style)
    if one.fit.identified:
        dense = np.linspace(one.k.min(), one.k.max(), 400)
        axes.plot(dense, one.fit.curve(dense), "--", color=colour, lw=1.1, zorder=2.2, gid="fit")
        middle: dict[str, Any] = {"marker": "d", "markersize": 9, "markerfacecolor": "white", "markeredgecolor": colour}
        axes.plot([one.fit.midpoint], [one.fit.plateau / 2], ls="", zorder=2.6, gid="midpoint", **middle)
        axes.vlines(one.fit.midpoint, -0.02, one.fit.plateau / 2, color=colour, ls=":", lw=1, zorder=2)


def draw_absent(axes: "Axes", drawn: Sequence[Curve], top: float) -> float:
    """A row of crosses above the plot for each series with gaps; returns the height that they reach."""
    for one in drawn:
        absent = [k for k, spot in zip(one.k, one.estimates, strict=True) if spot.state != "done"]
        if absent:
            top += 0.045
            axes.plot(absent, [top - 0.02] * len(absent), "x", color=one.look.colour, markersize=6, gid="absent")
    return top


def whisker_note(drawn: Sequence[Curve]) -> str:
    """What a point and its whiskers are."""
    spots = [spot for one in drawn for spot in one.estimates]
    sizes = sorted({spot.n_items for spot in spots})
    items = f"n = {sizes[0]}" if len(sizes) == 1 else f"n = {sizes[0]} to {sizes[-1]}"
    seeds = max(spot.n_planned for spot in spots)
    kind = "Wilson" if seeds == 1 else f"mean of {seeds} seeds; hierarchical bootstrap over seeds and items"
    return f"{items} items a point · whiskers: 95 % interval ({kind})"


def entry(one: Curve) -> str:
    """A curve's line in a legend: its name, and its midpoint or why there is none."""
    if one.fit.identified:
        poor = f", R² {one.fit.r_squared:.2f}" if one.fit.r_squared < 0.9 else ""
        return f"{one.name} (midpoint {one.fit.midpoint:.1f}{poor})"
    states = [spot.state for spot in one.estimates if spot.state != "done"]
    if len(states) == len(one.estimates):
        return f"{one.name} ({states[0]})"
    return f"{one.name}\n(no fit: {why_no_fit(one.fit)})"


def why_no_fit(fit: TransitionFit) -> str:
    """The reason in a few words."""
    reason = fit.note.split(";")[0].split(":")[0]
    if math.isfinite(fit.midpoint_upper) and "flat" not in reason:
        return f"above half of its plateau at k = {fit.midpoint_upper:g}"
    return reason


def legend_marks(drawn: Sequence[Curve]) -> list[Any]:
    """Legend entries for what is drawn besides the points."""
    from matplotlib.lines import Line2D

    entries = []
    if any(one.fit.identified for one in drawn):
        entries.append(Line2D([], [], color=GREY, ls="--", lw=1, label="fitted logistic"))
        entries.append(Line2D([], [], color=GREY, ls=":", marker="d", mfc="white", markersize=8, label="its midpoint"))
    if any(spot.state != "done" for one in drawn for spot in one.estimates):
        entries.append(Line2D([], [], color=GREY, ls="", marker="x", label="no result yet, or failed"))
    return entries
