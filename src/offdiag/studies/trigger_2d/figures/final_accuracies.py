"""Accuracy by category, with the words that were shown above and with new ones below."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, NamedTuple

import numpy as np
from pydantic import Field, PlainValidator

from offdiag.analyses import Frames
from offdiag.errors import UserError
from offdiag.figures.figure import StudyFigure
from offdiag.figures.style import GREY, Look, heading, looks, new_figure, styled
from offdiag.studies.trigger_2d.analyses.leakage import Leakage
from offdiag.studies.trigger_2d.analyses.outcomes import ARMS, LEARNT, Rate, rate, spots
from offdiag.studies.trigger_2d.figures.arms import category_name
from offdiag.studies.trigger_2d.task import HALVES, World, find_world

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PANELS = {"id": "words of the training (ID), new points", "ood": "words that no training saw (OOD)"}
DODGE = 0.2
ABSENT = 1.08  # where the crosses stand


class FinalAccuracies(StudyFigure):
    """Accuracy by the labels that an arm goes by, its own or the original ones, in each category.

    Attributes:
        series: name -> (column -> value), each of one arm under all its seeds.
        world, arms, replicates: as in :class:`offdiag.studies.trigger_2d.analyses.leakage.Leakage`.
    """

    tag: ClassVar[str] = "final-accuracies"
    series: Mapping[str, Mapping[str, str | int | float | bool]] = Field(min_length=1)
    world: Annotated[World, PlainValidator(find_world)] = HALVES
    arms: tuple[str, ...] = ARMS
    replicates: tuple[str, ...] = ("seed",)

    def plot(self, frames: Frames) -> "Figure":
        """One panel for the trained words, one for new ones; what is not done is a cross above.

        Raises:
            UserError: a series is of several arms, or of none.
        """
        found = [(name, spot) for name, where in self.series.items() for spot in self._spots(frames, name, where)]
        order = [name for name in self.world.category_names if any(name == spot.category for _, spot in found)]
        styles = dict(zip(self.series, looks(len(self.series)), strict=True))
        with styled():
            figure = new_figure(3.6 + 1.0 * max(len(order), 3), 5.6)
            panels = dict(zip(PANELS, figure.subplots(2, 1, sharex=True, sharey=True), strict=True))
            for triggers, axes in panels.items():
                for name, spot in found:
                    if spot.triggers == triggers:
                        _mark(axes, order.index(spot.category) + self._dodge(name), spot, styles[name])
                axes.axhline(LEARNT, color=GREY, lw=0.8, ls=":")
                axes.set_title(PANELS[triggers], loc="left", fontsize=10)
                axes.set(ylabel="accuracy", ylim=(-0.03, 1.12), yticks=np.linspace(0, 1, 6))
            axes.set_xticks(range(len(order)), [category_name(name).replace(" ", "\n") for name in order])
            axes.set(xlim=(-0.5, len(order) - 0.5))
            n_seeds = max((spot.n_seeds for _, spot in found), default=1)
            over = f"{n_seeds} seeds and words" if n_seeds > 1 else "words"
            heading(figure, "Accuracy in each category", f"whiskers: 95 % interval over {over} · dotted: {LEARNT:g}")
            _legend(figure, styles, absent=any(np.isnan(spot.rate.value) for _, spot in found))
        return figure

    def _spots(self, frames: Frames, name: str, where: Mapping[str, Any]) -> "list[_Place]":
        shared: dict[str, Any] = {"world": self.world, "arms": self.arms, "replicates": self.replicates}
        chosen = list(
            spots(frames, Leakage(name=self.name, where={**self.where, **where}, match_on=self.match_on, **shared))
        )
        if len({spot.key for spot in chosen}) != 1:
            raise UserError(f"figure {self.name}: {name!r} selects {len({spot.key for spot in chosen})} arms, not one")
        return [
            _Place(s.category, s.triggers, s.n_planned, rate(s.answers, "correct", self.replicates)) for s in chosen
        ]

    def _dodge(self, name: str) -> float:
        return DODGE * (list(self.series).index(name) - (len(self.series) - 1) / 2)


class _Place(NamedTuple):
    """One point of a panel."""

    category: str
    triggers: str
    n_seeds: int
    rate: Rate


def _mark(axes: "Axes", x: float, spot: _Place, look: Look) -> None:
    value, low, high = spot.rate
    if np.isnan(value):
        axes.plot([x], [ABSENT], "x", color=look.colour, ms=6, gid="absent")
        return
    reach = np.maximum([[value - low], [high - value]], 0)
    shape: dict[str, Any] = {"marker": look.marker, "ms": 6.5, "mec": "white", "capsize": 2.5, "elinewidth": 1.1}
    container = axes.errorbar([x], [value], yerr=reach, ls="", color=look.colour, zorder=3, **shape)
    container.lines[0].set_gid("points")


def _legend(figure: "Figure", styles: Mapping[str, Look], *, absent: bool) -> None:
    from matplotlib.lines import Line2D

    shape: dict[str, Any] = {"ls": "", "ms": 6.5, "mec": "white"}
    entries = [
        Line2D([], [], color=look.colour, marker=look.marker, label=name, **shape) for name, look in styles.items()
    ]
    if absent:
        entries.append(Line2D([], [], color=GREY, ls="", marker="x", label="no result yet, or failed"))
    figure.legend(handles=entries, loc="outside right upper")
