"""Figure of trainings: losses, and accuracies and losses of snapshots on their test sets, over updates."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from offdiag.analyses import Frames
from offdiag.analyses.training_curves import (
    LOSSES,
    LossCurves,
    SnapshotCurve,
    accuracy_curves,
    loss_curves,
    losses_on_tests,
)
from offdiag.errors import NotPlannedError
from offdiag.figures.figure import StudyFigure
from offdiag.figures.style import (
    GREY,
    Look,
    counted,
    footnote,
    heading,
    label,
    legend,
    looks,
    new_figure,
    percent_axis,
    styled,
)
from offdiag.stats.replicated import interval_words

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_COLUMNS = 4
BEFORE = 0.5  # where 0 updates stand on a logarithmic axis
DODGE = 0.045  # of a factor of e, between the points of neighbouring arms
TINY = 1e-4  # nats: a loss below stands there
WIDE = 5  # losses whose largest is so many times the smallest get a logarithmic axis

Key = tuple[Any, ...]


class TrainingCurves(StudyFigure):
    """Losses over updates in the first panels; below them, where arms have snapshots, accuracies in small multiples.

    Where answers are chosen by their log-probabilities, the loss on each test set stands below, too.

    It draws what :class:`offdiag.measurements.TrainingHistory` measured and the cells of arms with ``at``.

    Attributes:
        arms: the columns that tell arms apart, such as ``("strategy", "strength")``; each arm has one colour.
        panels: column of the cells with one panel per value, such as ``eval_category``; None for a single panel.
    """

    tag: ClassVar[str] = "training-curves"
    takes_scores: ClassVar[bool] = True
    arms: tuple[str, ...] = ()
    panels: str | None = None

    def plot(self, frames: Frames) -> "Figure":
        """Draw each training thin, the mean over the seeds of an arm thick; accuracies with their intervals."""
        losses = loss_curves(frames, self.arms, self.where)
        accuracies = accuracy_curves(frames, self.arms, self.panels, self.where)
        tests = losses_on_tests(frames, self.arms, self.panels, self.where)
        if not losses and not accuracies:
            raise NotPlannedError(f"figure {self.name}: no training is planned; give the study a trained arm")
        keys = list(dict.fromkeys([*(curve.key for curve in losses), *(curve.key for curve in accuracies)]))
        look = dict(zip(keys, looks(len(keys)), strict=True))
        shown = [loss for loss in LOSSES if any(curve.loss == loss for curve in losses)]
        places, tested = (list(dict.fromkeys(curve.panel for curve in curves)) for curves in (accuracies, tests))
        with styled():
            figure, (upper, lower, lowest) = _grid(len(shown), len(places), len(tested))
            for axes, loss in zip(upper, shown, strict=True):
                _losses(axes, loss, [curve for curve in losses if curve.loss == loss], look)
            for axes, place in zip(lower, places, strict=True):
                here = [curve for curve in accuracies if curve.panel == place]
                _accuracies(axes, "" if place is None else self.panel_name(frames, place), here, look)
            for axes, place in zip(lowest, tested, strict=True):
                here = [curve for curve in tests if curve.panel == place]
                _test_losses(axes, "" if place is None else self.panel_name(frames, place), here, look)
            _same_heights(lowest, tests)
            _horizontal([*upper, *lower, *lowest], losses, accuracies)
            title = self.caption.removesuffix(".") or "Training"
            heading(
                figure,
                f"{title}: losses{' and accuracy' if places else ''}",
                _footnote(losses, accuracies, tests, self.remarks(frames, keys, places)),
            )
            if self.arms:
                legend(
                    figure, {self.arm_name(frames, key) or f"no {self.arms[0]}": arm for key, arm in look.items()}, lw=2
                )
        return figure

    def arm_name(self, frames: Frames, key: Key) -> str:
        """Return an arm in words, from the values of ``arms``; values that it does not have are None and left out."""
        return ", ".join(
            label(column, value) for column, value in zip(self.arms, key, strict=True) if value is not None
        )

    def panel_name(self, frames: Frames, place: Any) -> str:
        """Return a panel in words, from its value of ``panels``."""
        return label(str(self.panels), place).replace("_", " ")

    def remarks(self, frames: Frames, keys: Sequence[Key], places: Sequence[Any]) -> tuple[str, ...]:
        """Return what the footnote adds on the arms and panels; empty parts are left out."""
        return ()


def _grid(*sizes: int) -> "tuple[Figure, list[list[Axes]]]":
    """Return a figure with blocks of so many panels each, every one of which begins a new row."""
    columns = min(range(MOST_COLUMNS, 0, -1), key=lambda columns: _waste(columns, *sizes))
    rows = [math.ceil(size / columns) for size in sizes]
    figure = new_figure(2.2 + 3.3 * columns, 1.2 + 2.7 * sum(rows))
    grid, blocks, first = figure.subplots(sum(rows), columns, squeeze=False), [], 0
    for n, size in zip(rows, sizes, strict=True):
        axes = list(grid[first : first + n].flat)
        for left_over in axes[size:]:
            left_over.set_visible(False)
        blocks.append(axes[:size])
        first += n
    return figure, blocks


def _waste(columns: int, *sizes: int) -> int:
    """Return the rows and empty places of a grid in which each size begins a new row."""
    rows = [math.ceil(size / columns) for size in sizes]
    return sum(rows) + sum(columns * n - size for n, size in zip(rows, sizes, strict=True))


def _losses(axes: "Axes", loss: str, curves: Sequence[LossCurves], look: dict[Key, Look]) -> None:
    axes.set_title(loss[0].upper() + loss[1:], loc="left")
    axes.set_ylabel("nats per token")
    for curve in curves:
        colour, marker = look[curve.key]
        for updates, values in curve.by_seed:
            axes.plot(updates, np.maximum(values, TINY), color=colour, lw=0.6, alpha=0.35, zorder=2, gid="seed")
        if curve.by_seed:
            updates, values = curve.mean
            style: dict[str, Any] = {"marker": marker, "ms": 4, "mec": "white", "mew": 0.5, "markevery": 0.12}
            axes.plot(updates, np.maximum(values, TINY), color=colour, lw=2, zorder=3, gid="mean", **style)
    every = [value for curve in curves for one in curve.by_seed for value in one.values]
    if every:
        _vertical(axes, max(min(every), TINY), max(*every, TINY))
    else:
        axes.set_yticks([])
        axes.text(0.5, 0.5, "no result yet", transform=axes.transAxes, ha="center", color=GREY)


def _vertical(axes: "Axes", low: float, high: float) -> None:
    """Set an axis of plain numbers, logarithmic where the values differ by much."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

    if high > WIDE * low:
        axes.set_yscale("log")
        few = math.log10(high / low) < 3
        axes.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0) if few else (1.0,)))
        axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))


def _accuracies(axes: "Axes", title: str, curves: Sequence[SnapshotCurve], look: dict[Key, Look]) -> None:
    percent_axis(axes)
    _snapshots(axes, title, "accuracy", curves, look, (0.0, 1.0))


def _test_losses(axes: "Axes", title: str, curves: Sequence[SnapshotCurve], look: dict[Key, Look]) -> None:
    _snapshots(axes, title, "test loss, nats per answer", curves, look, (TINY, math.inf))


def _same_heights(panels: "Sequence[Axes]", curves: Sequence[SnapshotCurve]) -> None:
    """Give the panels of losses on tests one axis, so that categories can be compared."""
    known = [max(loss, TINY) for curve in curves for seed in curve.by_seed.values() for loss in seed.values()]
    for axes in panels if known else ():
        _vertical(axes, min(known), max(known))
        if axes.get_yscale() == "log":
            axes.set_ylim(min(known) / 1.8, max(known) * 1.8)
        else:
            axes.set_ylim(0, max(known) * 1.15)


def _snapshots(
    axes: "Axes",
    title: str,
    measured: str,
    curves: Sequence[SnapshotCurve],
    look: dict[Key, Look],
    ends: tuple[float, float],
) -> None:
    """Draw what is measured of the snapshots of each arm, within ``ends``."""
    axes.set_title(title, loc="left")
    axes.set_ylabel(measured)
    for curve in curves:
        colour, marker = look[curve.key]
        for seed in curve.by_seed.values():
            if len(curve.by_seed) > 1:
                y = np.clip(list(seed.values()), *ends)
                axes.plot(_places(list(seed)), y, color=colour, lw=0.6, alpha=0.5, zorder=2, gid="seed")
        done = {update: point for update, point in curve.points.items() if point.state == "done"}
        if not done:
            continue
        shift = math.exp(DODGE * (list(look).index(curve.key) - (len(look) - 1) / 2))
        x = _places(list(done)) * shift
        value, low, high = (
            np.clip([getattr(p, name) for p in done.values()], *ends) for name in ("value", "low", "high")
        )
        reach = np.maximum(np.stack([value - low, high - value]), 0)
        axes.plot(x, value, color=colour, lw=1.8, zorder=3, gid="mean")
        mark: dict[str, Any] = {"ls": "", "marker": marker, "ms": 5, "mec": "white", "elinewidth": 1, "capsize": 2}
        axes.errorbar(x, value, yerr=reach, color=colour, zorder=4, gid="points", **mark)
    if not any(point.state == "done" for curve in curves for point in curve.points.values()):
        axes.text(0.5, 0.5, "no result yet", transform=axes.transAxes, ha="center", color=GREY)


def _places(updates: Sequence[int]) -> "np.ndarray[Any, np.dtype[np.float64]]":
    return np.maximum(np.array(updates, np.float64), BEFORE)


def _horizontal(panels: "Sequence[Axes]", losses: Sequence[LossCurves], accuracies: Sequence[SnapshotCurve]) -> None:
    """One logarithmic axis for all panels, which begins before the first update where something is known of it."""
    from matplotlib.ticker import NullLocator

    asked = {update for curve in accuracies for update in curve.points}
    last = max([*asked, *(updates[-1] for curve in losses for updates, _ in curve.by_seed), 1])
    powers = range(math.floor(math.log10(last)) + 1)
    steps = [step * 10.0**power for power in powers for step in (1, 3) if step * 10.0**power <= last]
    first = BEFORE if 0 in asked else 1.0
    ticks = {**({BEFORE: "0"} if 0 in asked else {}), **{step: f"{step:g}" for step in steps}}
    for axes in panels:
        axes.set(xscale="log", xlim=(first / 1.3, max(last, 2) * 1.15), xlabel="updates")
        axes.set_xticks(list(ticks), list(ticks.values()))
        axes.xaxis.set_minor_locator(NullLocator())


def _footnote(
    losses: Sequence[LossCurves],
    accuracies: Sequence[SnapshotCurve],
    tests: Sequence[SnapshotCurve],
    remarks: Sequence[str] = (),
) -> str:
    seeds = sorted({len(curve.by_seed) for curve in losses if curve.by_seed})
    missing = sum(curve.n_planned - len(curve.by_seed) for curve in losses if curve.loss == "answers")
    parts = ["thin: one training; thick: mean over seeds and neighbouring updates"] if seeds else []
    if any(curve.by_seed for curve in accuracies):
        several = any(len(curve.by_seed) > 1 for curve in accuracies)
        called, made = interval_words()
        parts.append(f"whiskers: {called} ({'over seeds and items' if several else made})")
    if any(0 in curve.points for curve in accuracies):
        parts.append("0: before training")
    if tests:
        parts.append("test loss: of the right answer, after the question")
    smallest = [point.value for curve in tests for point in curve.points.values() if point.state == "done"]
    if any((one.values < TINY).any() for curve in losses for one in curve.by_seed) or min(smallest, default=1) < TINY:
        parts.append(f"losses below {TINY:g} are drawn at it")
    if missing:
        parts.append(f"{counted([missing], 'training')} not done")
    return footnote(*parts, *remarks)
