"""Accuracy against the number of demonstrations, with the fitted transitions."""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from offdiag.analyses import Frames, TransitionFit, fit_transition, select, with_shots
from offdiag.analyses.estimates import Estimate, estimate
from offdiag.figures.figure import StudyFigure
from offdiag.figures.style import GREY, Look, heading, label, looks, new_figure, noun, styled, values_of
from offdiag.stats import FloatArray

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

DODGE = 0.007  # of the range of k, between neighbouring series, so that equal curves do not hide one another


@dataclass(frozen=True, kw_only=True)
class _Series:
    """One curve: ``k`` and everything else ``[K]``, in order of k; NaN where no cell is done. ``shift`` is along x."""

    name: str
    look: Look
    shift: float
    k: FloatArray
    estimates: list[Estimate]
    unparsed: FloatArray
    fit: TransitionFit

    @property
    def accuracy(self) -> FloatArray:
        return np.array([spot.value for spot in self.estimates])

    @property
    def whiskers(self) -> FloatArray:
        """Distances from the accuracies down and up to the ends of their intervals: ``[2, K]``."""
        ends = np.array([(spot.value - spot.low, spot.high - spot.value) for spot in self.estimates])
        return np.asarray(np.maximum(ends.T, 0))  # rounding may leave -1e-17


class KShot(StudyFigure):
    """One curve a series over k; measured zero-shot cells are k = 0. A strip below shows the unparsed answers.

    Attributes:
        series: column whose values are the curves.
    """

    tag: ClassVar[str] = "k-shot"
    series: str = "eval_base"

    def draw(self, frames: Frames) -> "Figure":
        """The curves of the selected zero-shot and in-context cells; dashed: the fits, where there is one."""
        chosen = with_shots(select(frames.cells, self.where, self.own))
        names = values_of(chosen[self.series])
        shifts = DODGE * float(np.ptp(chosen["k"])) * (np.arange(len(names)) - (len(names) - 1) / 2)
        drawn = [
            _read(chosen[chosen[self.series] == name], frames.records, label(self.series, name), look, shift)
            for name, look, shift in zip(names, looks(len(names)), shifts, strict=True)
        ]
        with styled():
            figure = new_figure(8.6, 5.6)
            above, below = figure.subplots(2, 1, sharex=True, height_ratios=[5, 1])
            for one in drawn:
                _draw_series(above, one)
                colour, marker = one.look
                below.plot(one.k + one.shift, one.unparsed, color=colour, marker=marker, markersize=3.5, lw=0.8)
            _draw_absent(above, drawn)
            _finish(above, below, drawn)
            heading(figure, f"Accuracy by number of demonstrations, for each {noun(self.series)}", _footnote(drawn))
            _legend(figure, above, drawn)
        return figure


def _read(rows: "pd.DataFrame", records: "pd.DataFrame", name: str, look: Look, shift: float) -> _Series:
    k = np.unique(rows["k"].to_numpy(np.float64))
    groups = [rows[rows["k"] == shots] for shots in k]
    estimates = [estimate(group, records) for group in groups]
    accuracy = np.array([spot.value for spot in estimates])
    known = ~np.isnan(accuracy)
    n_items = min((spot.n_items for spot in estimates), default=0)
    unparsed = [group.loc[group["state"] == "done", "unparsed_rate"].astype(float).mean() for group in groups]
    return _Series(
        name=name,
        look=look,
        shift=shift,
        k=k,
        estimates=estimates,
        unparsed=np.array(unparsed),
        fit=fit_transition(k[known], accuracy[known], n_items),
    )


def _draw_series(axes: "Axes", one: _Series) -> None:
    colour, marker = one.look
    style: dict[str, Any] = {"color": colour, "marker": marker, "markersize": 6, "markeredgecolor": "white"}
    x = one.k + one.shift
    axes.plot(x, one.accuracy, color=colour, lw=1.6, alpha=0.35 if one.fit.identified else 1, zorder=2, gid="joined")
    axes.errorbar(x, one.accuracy, yerr=one.whiskers, ls="", elinewidth=1.1, capsize=2.5, zorder=3, **style)
    if one.fit.identified:
        dense = np.linspace(one.k.min(), one.k.max(), 400)
        axes.plot(dense, one.fit.curve(dense), "--", color=colour, lw=1.1, zorder=2.2, gid="fit")
        middle: dict[str, Any] = {"marker": "d", "markersize": 9, "markerfacecolor": "white", "markeredgecolor": colour}
        axes.plot([one.fit.midpoint], [one.fit.plateau / 2], ls="", zorder=2.6, gid="midpoint", **middle)
        axes.vlines(one.fit.midpoint, -0.02, one.fit.plateau / 2, color=colour, ls=":", lw=1, zorder=2)


def _draw_absent(axes: "Axes", drawn: list[_Series]) -> None:
    """A row of crosses above the plot for each series with gaps; also sets the limits of y."""
    top = 1.02
    for one in drawn:
        absent = [k for k, spot in zip(one.k, one.estimates, strict=True) if spot.state != "done"]
        if absent:
            top += 0.045
            axes.plot(absent, [top - 0.02] * len(absent), "x", color=one.look.colour, markersize=6, gid="absent")
    axes.set_ylim(-0.02, top)


def _finish(above: "Axes", below: "Axes", drawn: list[_Series]) -> None:
    ticks = sorted({float(k) for one in drawn for k in one.k})
    above.set(ylabel="accuracy", yticks=np.linspace(0, 1, 6))
    below.set(ylim=(-0.05, 1.05), ylabel="unparsed", yticks=[0, 1], xlabel="demonstrations k (0: zero-shot)")
    below.set_xticks(ticks, [f"{k:g}" for k in ticks])
    below.yaxis.label.set_color(GREY)


def _footnote(drawn: list[_Series]) -> str:
    spots = [spot for one in drawn for spot in one.estimates]
    sizes = sorted({spot.n_items for spot in spots})
    items = f"n = {sizes[0]}" if len(sizes) == 1 else f"n = {sizes[0]} to {sizes[-1]}"
    seeds = max(spot.n_planned for spot in spots)
    kind = "Wilson" if seeds == 1 else f"mean of {seeds} seeds; hierarchical bootstrap over seeds and items"
    return f"{items} items a point · whiskers: 95 % interval ({kind})"


def _legend(figure: "Figure", axes: "Axes", drawn: list[_Series]) -> None:
    from matplotlib.lines import Line2D

    entries = [Line2D([], [], color=s.look.colour, marker=s.look.marker, markersize=6, label=_entry(s)) for s in drawn]
    if any(one.fit.identified for one in drawn):
        entries.append(Line2D([], [], color=GREY, ls="--", lw=1, label="fitted logistic"))
        entries.append(Line2D([], [], color=GREY, ls=":", marker="d", mfc="white", markersize=8, label="its midpoint"))
    if any(spot.state != "done" for one in drawn for spot in one.estimates):
        entries.append(Line2D([], [], color=GREY, ls="", marker="x", label="no result yet, or failed"))
    figure.legend(handles=entries, loc="outside right center")


def _entry(one: _Series) -> str:
    if one.fit.identified:
        poor = f", R² {one.fit.r_squared:.2f}" if one.fit.r_squared < 0.9 else ""
        return f"{one.name} (midpoint {one.fit.midpoint:.1f}{poor})"
    states = [spot.state for spot in one.estimates if spot.state != "done"]
    if len(states) == len(one.estimates):
        return f"{one.name} ({states[0]})"
    reason = one.fit.note.split(":")[0]
    if math.isfinite(one.fit.midpoint_upper) and "flat" not in reason:
        reason = f"above half of its plateau at k = {one.fit.midpoint_upper:g}"
    return f"{one.name}\n(no fit: {reason})"
