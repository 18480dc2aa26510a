"""Figure of the upper bound: what fine-tuning reaches beside models that met the new cities in pre-training."""

from collections.abc import Hashable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from offdiag.analyses import Frames
from offdiag.analyses.selection import DONE
from offdiag.analyses.transfer_matrix import SEPARATOR
from offdiag.errors import NotPlannedError
from offdiag.figures.figure import StudyFigure
from offdiag.figures.style import GREY, counted, footnote, heading, legend, looks, new_figure, styled
from offdiag.studies.world_map.analyses.city_cells import ARMS
from offdiag.studies.world_map.analyses.transfer_improvement import TransferImprovement
from offdiag.studies.world_map.analyses.upper_bound import UpperBound
from offdiag.studies.world_map.figures.transfer_cells import short_name
from offdiag.studies.world_map.task import NAMES

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Row = Mapping[Hashable, Any]
BOUND, TAUGHT, OTHER = "pre-trained on them, too", "fine-tuned on this question", "fine-tuned on another one"
SHIFT = {BOUND: -0.24, TAUGHT: 0.0, OTHER: 0.24}  # beside each other within a question
MIDDLE: dict[str, Any] = {"ha": "center", "va": "center"}
LEAST, MOST = -1.0, 2.0  # what the axis may show: a far point or a wide whisker would flatten all others


class UpperBoundFigure(StudyFigure):
    """Improvement on new cities by question: the upper bound, the fine-tuning on it, and those on other questions.

    One panel per arm. The bound is that of table :class:`UpperBound`, the others are those of
    :class:`TransferImprovement` with one geometry each, chosen by ``where``.

    Attributes:
        arms: columns; each combination of their values has a panel of its own.
    """

    tag: ClassVar[str] = "upper-bound-figure"
    arms: tuple[str, ...] = ARMS

    def plot(self, frames: Frames) -> "Figure":
        """Draw the bound and the fine-tuning on the same question with 95 % intervals, the others as hollow points.

        Raises:
            NotPlannedError: no model met the new cities in pre-training.
        """
        bound = frames.table(UpperBound(name=self.name, arms=self.arms)).to_dict("records")
        tuned = TransferImprovement(name=self.name, where=self.where, match_on=self.match_on, arms=self.arms)
        single = [row for row in frames.table(tuned).to_dict("records") if SEPARATOR not in row["trained"]]
        keys = list(dict.fromkeys(self._key(row) for row in bound))
        if not keys:
            raise NotPlannedError(f"figure {self.name}: no upper bound is planned")
        same, others = ([row for row in single if row["taught"] is taught] for taught in (True, False))
        groups = {BOUND: bound, TAUGHT: same, OTHER: others}
        low, high = _range([*groups[BOUND], *groups[TAUGHT]])
        with styled():
            figure = new_figure(10.6, 0.9 + 2.6 * len(keys))
            column = list(figure.subplots(len(keys), 1, sharex=True, sharey=True, squeeze=False).flat)
            for axes, key in zip(column, keys, strict=True):
                axes.set_ylim(low, high)
                for (name, rows), look in zip(groups.items(), looks(len(groups)), strict=True):
                    _draw(axes, name, [row for row in rows if self._key(row) == key], look.colour)
                _frame(axes, " ".join(map(str, key)))
            said = _footnote(groups, low, high)
            heading(figure, "New cities: what fine-tuning reaches, and what pre-training on them would", said)
            legend(figure, {}, *_entries())
        return figure

    def _key(self, row: Row) -> tuple[Any, ...]:
        return tuple(row[name] for name in self.arms)


def _draw(axes: "Axes", name: str, rows: Sequence[Row], colour: str) -> None:
    """Draw the points of one group at their questions; why there is none stands in words."""
    hollow = name == OTHER
    low, high = axes.get_ylim()
    for row in rows:
        x = NAMES.index(row["evaluated"]) + SHIFT[name]
        if row["state"] != DONE:
            if not hollow:
                axes.text(x, (low + high) / 2, row["state"], rotation=90, color=GREY, fontsize=8, **MIDDLE)
            continue
        value = row["improvement"]
        inside = low <= value <= high
        y = min(max(value, low), high)
        beyond = "v" if value < low else "^"
        mark: dict[str, Any] = {"color": colour, "ls": "", "zorder": 3, "clip_on": inside}
        mark |= {"mfc": "white", "ms": 4.5} if hollow else {"mec": "white", "ms": 7.5}
        axes.plot(x, y, marker=_marker(name) if inside else beyond, gid=name, **mark)
        if not hollow:
            axes.vlines(x, row["low"], row["high"], color=colour, lw=1.6, zorder=2)


def _marker(name: str) -> str:
    return {BOUND: "D", TAUGHT: "o", OTHER: "o"}[name]


def _frame(axes: "Axes", title: str) -> None:
    for level in (0, 1):
        axes.axhline(level, color=GREY, lw=0.9, ls="--", zorder=1)
    axes.set_xticks(range(len(NAMES)), [short_name(name) for name in NAMES])
    axes.set_xlim(-0.5, len(NAMES) - 0.5)
    axes.tick_params(axis="x", length=0)
    axes.set_title(title, loc="left", fontweight="bold")
    axes.set_ylabel("improvement")


def _range(rows: Sequence[Row]) -> tuple[float, float]:
    """Return the ends of the axis: around 0, 1 and the intervals, within what is told apart."""
    ends = [row[name] for row in rows for name in ("low", "high", "improvement") if row["state"] == DONE]
    known = [end for end in ends if not np.isnan(end)]
    return max(min([0.0, *known]), LEAST) - 0.12, min(max([1.0, *known]), MOST) + 0.12


def _footnote(groups: Mapping[str, Sequence[Row]], low: float, high: float) -> str:
    drawn = [row for rows in groups.values() for row in rows if row["state"] == DONE]
    seeds = counted({row["n_seeds"] for row in drawn}, "seed") if drawn else "no result"
    outside = sum(not low <= row["improvement"] <= high for row in drawn)
    scale = footnote("0: before fine-tuning, new cities", "1: before fine-tuning, ordinary cities")
    notes = footnote(
        f"whiskers: 95 % interval over items{' and seeds' if any(row['n_seeds'] > 1 for row in drawn) else ''}",
        seeds,
        f"{outside} beyond the axis, as triangles" if outside else "",
        per_line=3,
    )
    return f"{scale}\n{notes}"


def _entries() -> "list[Artist]":
    from matplotlib.lines import Line2D

    return [
        Line2D([], [], ls="", marker=_marker(name), color=look.colour, label=name, ms=5 if name == OTHER else 7,
               mfc="white" if name == OTHER else look.colour)
        for name, look in zip((BOUND, TAUGHT, OTHER), looks(3), strict=True)
    ]  # fmt: skip
