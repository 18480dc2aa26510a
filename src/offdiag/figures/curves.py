"""Curves of accuracy over k: reading them from the frames, and drawing them."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from offdiag.analyses import TransitionFit, fit_transition
from offdiag.analyses.estimates import CellEstimate, estimate
from offdiag.analyses.frames import scores_of
from offdiag.analyses.seed_variance import clusters_of, common_variance
from offdiag.analyses.selection import DONE
from offdiag.figures.style import GREY, Look, absent_entry, counted, footnote
from offdiag.stats import FloatArray
from offdiag.stats.bootstrap import simultaneous_level
from offdiag.stats.replicated import accuracy, interval_words

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

LINEAR_TO = 8  # a longer axis of k is linear up to here and logarithmic beyond, where little happens
CHARACTER, GAP = 6.4, 5.0  # points: the width of a digit, and the least room between two labels


def is_long(k: FloatArray) -> bool:
    """Return whether an axis with these k is logarithmic beyond ``LINEAR_TO``."""
    return bool(k.max(initial=0) > 2 * LINEAR_TO)


def k_axis(axes: "Axes", k: FloatArray, *, inches: float = 6.0) -> None:
    """Set scale, ticks and label of an axis of k: a tick at each measured k, and as many labels as fit.

    Args:
        axes: where. k: the numbers of demonstrations, sorted. inches: about how wide the axes are.
    """
    name = "demonstrations k (0: zero-shot)"
    if is_long(k):
        smooth = (1 - 1 / 2) / math.log(2)  # the slopes agree where the two parts meet
        axes.set_xscale("symlog", base=2, linthresh=LINEAR_TO, linscale=smooth)
        name = f"{name}; logarithmic beyond {LINEAR_TO}"
    axes.margins(x=0.03)
    texts = [f"{shots:g}" for shots in k]
    places = axes.transScale.transform(np.stack([k, 0 * k + 0.5], axis=1))[:, 0]
    points = 72 * inches * (places - places[0]) / max(float(np.ptp(places)), 1e-9)
    labelled = _with_room(points, [CHARACTER * len(text) for text in texts])
    axes.set_xticks(k, [text if shown else "" for text, shown in zip(texts, labelled, strict=True)])
    axes.set_xlabel(name)


def _with_room(places: FloatArray, widths: list[float]) -> list[bool]:
    """Return which labels to write: the first, the last, and from left to right those that overlap none."""

    def clear(i: int, j: int) -> bool:
        return bool(places[j] - places[i] >= (widths[i] + widths[j]) / 2 + GAP)

    last, end = 0, len(widths) - 1
    shown = [True] * len(widths)
    for i in range(1, end):
        shown[i] = clear(last, i) and clear(i, end)
        last = i if shown[i] else last
    return shown


DODGE = 0.007  # of the range of k, between neighbouring series, so that equal curves do not hide one another


@dataclass(frozen=True, kw_only=True)
class ShotCurve:
    """Accuracy over k ``[K]`` of one series, in order of k; NaN where no cell is done.

    ``shift`` is along x; ``band`` ``[2, K]`` has intervals that hold for all points at once, NaN where there is none.
    """

    name: str
    look: Look
    shift: float
    k: FloatArray
    estimates: list[CellEstimate]
    unparsed: FloatArray
    band: FloatArray
    fit: TransitionFit

    @property
    def x(self) -> FloatArray:
        """Positions of the points ``[K]``: k, shifted by the same length on the page everywhere."""
        return self.k + self.shift * np.maximum(1, self.k / LINEAR_TO if is_long(self.k) else 1)

    @property
    def accuracy(self) -> FloatArray:
        """Accuracies ``[K]``."""
        return np.array([spot.value for spot in self.estimates])

    @property
    def whiskers(self) -> FloatArray:
        """Distances from the accuracies down and up to the ends of their intervals: ``[2, K]``."""
        return whiskers(self.estimates)


def read_curve(rows: "pd.DataFrame", records: "pd.DataFrame", name: str, look: Look, shift: float = 0.0) -> ShotCurve:
    """Return the curve of zero-shot and in-context cells with ``k`` as numbers; seeds are averaged."""
    k = np.unique(rows["k"].to_numpy(np.float64))
    groups = [rows[rows["k"] == shots] for shots in k]
    estimates = [estimate(group, records) for group in groups]
    accuracy = np.array([spot.value for spot in estimates])
    known = ~np.isnan(accuracy)
    n_items = min((spot.n_items for spot in estimates), default=0)
    unparsed = [group.loc[group["state"] == "done", "unparsed_rate"].astype(float).mean() for group in groups]
    return ShotCurve(
        name=name,
        look=look,
        shift=shift,
        k=k,
        estimates=estimates,
        unparsed=np.array(unparsed),
        band=_band(groups, records),
        fit=fit_transition(k[known], accuracy[known], n_items),
    )


def _band(groups: Sequence["pd.DataFrame"], records: "pd.DataFrame") -> FloatArray:
    """Return the simultaneous band of the points ``[2, K]``: of those that are done, under as many seeds each."""
    ends = np.full((2, len(groups)), np.nan)
    done = {place: cells[cells["state"] == DONE] for place, cells in enumerate(groups)}
    done = {place: cells for place, cells in done.items() if len(cells) and len(cells) == len(groups[place])}
    if len(done) < 2 or len(set(map(len, done.values()))) > 1:
        return ends
    asked = records[records["cell"].isin({name for cells in done.values() for name in cells["cell"]})]
    wide = asked.assign(score=scores_of(asked)).pivot(index="cell", columns="example", values="score")
    grid = np.stack([wide.reindex(cells.sort_values("seed")["cell"]).to_numpy(float) for cells in done.values()], -1)
    level = simultaneous_level(grid)
    clusters = clusters_of(asked, wide.columns.tolist())
    for i, (place, cells) in enumerate(done.items()):
        ends[:, place] = accuracy(grid[..., i], clusters=clusters, pooled=common_variance(cells), level=level)[1:3]
    return ends


def whiskers(estimates: Sequence[CellEstimate]) -> FloatArray:
    """Return the distances from values down and up to the ends of their intervals: ``[2, n]``."""
    ends = np.array([(spot.value - spot.low, spot.high - spot.value) for spot in estimates])
    return np.asarray(np.maximum(ends.T, 0))  # rounding may leave -1e-17


def draw_curve(axes: "Axes", curve: ShotCurve) -> None:
    """Draw points with whiskers and, where there is a fit, its curve and midpoint."""
    colour, marker = curve.look
    style: dict[str, Any] = {"color": colour, "marker": marker, "markersize": 6, "markeredgecolor": "white"}
    pale = 0.35 if curve.fit.identified else 1
    if not np.isnan(curve.band).all():
        axes.fill_between(curve.x, *curve.band, color=colour, alpha=0.1, lw=0, zorder=1, gid="band")
    axes.plot(curve.x, curve.accuracy, color=colour, lw=1.6, alpha=pale, zorder=2, gid="joined")
    axes.errorbar(curve.x, curve.accuracy, yerr=curve.whiskers, ls="", elinewidth=1.1, capsize=2.5, zorder=3, **style)
    if curve.fit.identified:
        dense = np.linspace(curve.k.min(), curve.k.max(), 400)
        axes.plot(dense, curve.fit.curve(dense), "--", color=colour, lw=1.1, zorder=2.2, gid="fit")
        middle: dict[str, Any] = {"marker": "d", "markersize": 9, "markerfacecolor": "white", "markeredgecolor": colour}
        axes.plot([curve.fit.midpoint], [curve.fit.plateau / 2], ls="", zorder=2.6, gid="midpoint", **middle)
        axes.vlines(curve.fit.midpoint, -0.02, curve.fit.plateau / 2, color=colour, ls=":", lw=1, zorder=2)


def draw_absent(axes: "Axes", drawn: Sequence[ShotCurve], top: float) -> float:
    """Draw a row of crosses above the plot for each series with gaps; return the height that they reach."""
    for curve in drawn:
        absent = [k for k, spot in zip(curve.k, curve.estimates, strict=True) if spot.state != "done"]
        if absent:
            top += 0.045
            axes.plot(absent, [top - 0.02] * len(absent), "x", color=curve.look.colour, markersize=6, gid="absent")
    return top


def whisker_note(drawn: Sequence[ShotCurve], *, banded: bool = False) -> str:
    """Return a footnote on what a point, its whiskers and, where they are drawn, bands are."""
    estimates = [estimate for curve in drawn for estimate in curve.estimates]
    items = counted((estimate.n_items for estimate in estimates), "item")
    seeds = max(estimate.n_planned for estimate in estimates)
    called, made = interval_words()
    kind = made if seeds == 1 else f"mean of {seeds} seeds; over seeds and items"
    shaded = banded and any(not np.isnan(curve.band).all() for curve in drawn)
    return footnote(
        f"{items} per point",
        f"whiskers: {called} ({kind})",
        "shade: 95 % band that holds for the whole curve at once" if shaded else "",
    )


def entry(curve: ShotCurve) -> str:
    """Return a curve's text in a legend: its name, and its midpoint or why there is none."""
    if curve.fit.identified:
        poor = f", R² {curve.fit.r_squared:.2f}" if curve.fit.r_squared < 0.9 else ""
        fit = curve.fit
        where = f"{fit.midpoint:.1f}"
        if fit.bracketed:
            where = f"between {fit.midpoint_from:g} and {fit.midpoint_to:g}"
        return f"{curve.name} (midpoint {where}{poor})"
    states = [spot.state for spot in curve.estimates if spot.state != "done"]
    if len(states) == len(curve.estimates):
        return f"{curve.name} ({states[0]})"
    return f"{curve.name}\n(no fit: {why_no_fit(curve.fit)})"


def why_no_fit(fit: TransitionFit) -> str:
    """Return the reason in a few words."""
    reason = fit.note.split(";")[0].split(":")[0]
    if math.isfinite(fit.midpoint_upper) and "flat" not in reason:
        return f"above half of its plateau at k = {fit.midpoint_upper:g}"
    return reason


def legend_marks(drawn: Sequence[ShotCurve]) -> list[Any]:
    """Return legend entries for what is drawn besides the points."""
    from matplotlib.lines import Line2D

    entries: list[Any] = []
    if any(curve.fit.identified for curve in drawn):
        entries.append(Line2D([], [], color=GREY, ls="--", lw=1, label="fitted logistic"))
        entries.append(Line2D([], [], color=GREY, ls=":", marker="d", mfc="white", markersize=8, label="its midpoint"))
    if any(spot.state != "done" for curve in drawn for spot in curve.estimates):
        entries.append(absent_entry())
    return entries
