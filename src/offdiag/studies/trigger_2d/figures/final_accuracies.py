"""Accuracy, or loss, in each category after each stage: trained words above, words that no training saw below."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import numpy as np
from pydantic import Field

from offdiag.analyses import Frames
from offdiag.analyses.selection import Where
from offdiag.errors import UserError
from offdiag.figures.style import (
    GREY,
    Look,
    absent_entry,
    footnote,
    heading,
    legend,
    looks,
    new_figure,
    percent_axis,
    styled,
)
from offdiag.stats import Estimate
from offdiag.studies.trigger_2d.analyses.leakage import Leakage
from offdiag.studies.trigger_2d.analyses.losses import loss
from offdiag.studies.trigger_2d.analyses.rule_followed import ARMS, LEARNT, category_answers, rate
from offdiag.studies.trigger_2d.figures.arms import StageFigure, category_name, dagger_words

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PANELS = {"id": "words of the training (ID), new points", "ood": "words that no training saw (OOD)"}
DODGE = 0.2
ABSENT = 0.96  # where the crosses stand, as a share of the panel
TINY = 1e-4  # nats: a loss below stands there


class FinalAccuracies(StageFigure):
    """Accuracy in each category, by the labels of the evaluation: the taught ones or the original ones.

    Attributes:
        series: name -> (column -> value); each selects one arm under all its seeds.
        arms: as in :class:`offdiag.studies.trigger_2d.analyses.leakage.Leakage`.
    """

    tag: ClassVar[str] = "final-accuracies"
    title: ClassVar[str] = "Accuracy in each category"
    measured: ClassVar[str] = "accuracy"
    series: Mapping[str, Where] = Field(min_length=1)
    arms: tuple[str, ...] = ARMS

    def plot(self, frames: Frames) -> "Figure":
        """Draw a panel for the trained words and one for new words; what is not done is a cross above.

        Raises:
            UserError: a series is of several arms, or of none.
        """
        points = [point for name, where in self.series.items() for point in self._points(frames, name, where)]
        order = [name for name in self.world.category_names if any(name == point.category for point in points)]
        styles = dict(zip(self.series, looks(len(self.series)), strict=True))
        with styled():
            figure = new_figure(3.6 + 1.0 * max(len(order), 3), 5.6)
            panels = dict(zip(PANELS, figure.subplots(2, 1, sharex=True, sharey=True), strict=True))
            for triggers, axes in panels.items():
                for point in points:
                    if point.triggers == triggers:
                        x = order.index(point.category) + self._dodge(point.series)
                        _mark(axes, x, point.measured, styles[point.series])
                axes.set_title(PANELS[triggers], loc="left", fontsize=10)
                axes.set_ylabel(self.measured)
                self._set_axis(axes, points)
            unlearnt = self.unlearnt(frames)
            axes.set_xticks(range(len(order)), [category_name(name, unlearnt).replace(" ", "\n") for name in order])
            axes.set(xlim=(-0.5, len(order) - 0.5))
            n_seeds = max((point.n_seeds for point in points), default=1)
            whiskers = f"whiskers: 95 % interval over {f'{n_seeds} seeds and words' if n_seeds > 1 else 'words'}"
            heading(
                figure,
                self.title,
                footnote(whiskers, self._remark(points), dagger_words(order, unlearnt)),
            )
            crosses = [absent_entry()] if any(np.isnan(point.measured.value) for point in points) else []
            legend(figure, styles, *crosses, where="outside right upper", ls="")
        return figure

    def _points(self, frames: Frames, name: str, where: Where) -> "list[_Point]":
        """Return the points of one series."""
        shared: dict[str, Any] = {"world": self.world, "arms": self.arms, "replicates": self.replicates}
        settings = Leakage(name=self.name, where={**self.where, **where}, match_on=self.match_on, **shared)
        groups = list(category_answers(frames, settings))
        n_arms = len({group.arm for group in groups})
        if n_arms != 1:
            raise UserError(f"figure {self.name}: {name!r} selects {n_arms} arms, not one")
        return [
            _Point(name, group.category, group.triggers, group.n_planned, self._estimate(group.answers))
            for group in groups
        ]

    def _estimate(self, answers: "pd.DataFrame") -> Estimate:
        return rate(answers, "correct", self.replicates)

    def _set_axis(self, axes: "Axes", points: "Sequence[_Point]") -> None:
        axes.axhline(LEARNT, color=GREY, lw=0.8, ls=":")
        percent_axis(axes, above=0.12)

    def _remark(self, points: "Sequence[_Point]") -> str:
        return f"dotted: {100 * LEARNT:.0f} %, learnt"

    def _dodge(self, name: str) -> float:
        return DODGE * (list(self.series).index(name) - (len(self.series) - 1) / 2)


class FinalLosses(FinalAccuracies):
    """Loss of the right label in each category, by the rule of the evaluation, on a logarithmic axis."""

    tag: ClassVar[str] = "final-losses"
    title: ClassVar[str] = "Loss of the right label in each category"
    measured: ClassVar[str] = "nats per label"

    def _estimate(self, answers: "pd.DataFrame") -> Estimate:
        found = loss(answers, self.replicates)
        return found._replace(value=max(found.value, TINY), low=max(found.low, TINY), high=max(found.high, TINY))

    def _set_axis(self, axes: "Axes", points: "Sequence[_Point]") -> None:
        from matplotlib.ticker import FuncFormatter, NullLocator

        known = [point.measured.value for point in points if not np.isnan(point.measured.value)]
        highest = [point.measured.high for point in points if not np.isnan(point.measured.high)]
        axes.set_yscale("log")
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axes.yaxis.set_minor_locator(NullLocator())
        axes.set_ylim(min(known, default=TINY) / 3, max([*known, *highest], default=1.0) * 3)

    def _remark(self, points: "Sequence[_Point]") -> str:
        small = any(point.measured.value <= TINY for point in points)
        drawn_at = f"losses below {TINY:g} are drawn at it" if small else ""
        return footnote("whiskers that reach the bottom go on below it", drawn_at)


class _Point(NamedTuple):
    """A point of a panel: the accuracy, or loss, of one series in one category."""

    series: str
    category: str
    triggers: str
    n_seeds: int
    measured: Estimate


def _mark(axes: "Axes", x: float, measured: Estimate, look: Look) -> None:
    value, low, high = measured[:3]
    if np.isnan(value):
        where = axes.get_xaxis_transform()
        axes.plot([x], [ABSENT], "x", color=look.colour, ms=6, gid="absent", transform=where)
        return
    reach = np.maximum([[value - low], [high - value]], 0)
    shape: dict[str, Any] = {"marker": look.marker, "ms": 6.5, "mec": "white", "capsize": 2.5, "elinewidth": 1.1}
    container = axes.errorbar([x], [value], yerr=reach, ls="", color=look.colour, zorder=3, **shape)
    container.lines[0].set_gid("points")
