"""What two geometries give beyond the better specialist, by whether one of them is a named one."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from offdiag.analyses import Frames
from offdiag.errors import UserError
from offdiag.figures.style import GREY, heading, looks, new_figure, styled
from offdiag.studies.world_map.analyses.transfer_means import Part, split
from offdiag.studies.world_map.analyses.transfer_statistics import matrices
from offdiag.studies.world_map.figures.of_matrices import OfMatricesFigure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BIN = 0.05  # of the differences, for the dots that pile up


class DifferenceSplit(OfMatricesFigure):
    """All squares of the difference matrix as piles of dots, with and without one geometry, one panel an arm.

    For its attributes see :class:`OfMatricesFigure`.
    """

    tag: ClassVar[str] = "difference-split"

    def plot(self, frames: Frames) -> "Figure":
        """Dots are squares (hollow: transfer, full: taught), diamonds their means with 95 % whiskers over seeds."""
        found = {key: each for key, each in matrices(frames.cells, self.settings).items() if each.difference.rows}
        if not found:
            raise UserError(f"figure {self.name}: no arm is planned that was fine-tuned on two geometries")
        parts = list(split(found, self.split_by))
        with styled():
            figure = new_figure(8.6, 1.5 + 2.1 * len(found))
            column = list(figure.subplots(len(found), 1, sharex=True, squeeze=False).flat)
            reach = max([0.5, *(abs(v) for part in parts for v in part.values[~np.isnan(part.values)])]) + BIN
            for axes, key in zip(column, found, strict=True):
                own = [part for part in parts if part.key == key]
                for level, part in enumerate(own):
                    _pile(axes, part, level)
                _frame(axes, own, " ".join(map(str, key)), reach)
            column[-1].set_xlabel("improvement of two minus that of the better specialist")
            heading(figure, f"Synergy and interference, with and without {self.split_by}", _footnote(parts))
            _legend(figure)
        return figure


def _pile(axes: "Axes", part: Part, level: int) -> None:
    """Dots at their value, piled up from ``level`` where several fall into one bin."""
    known = ~np.isnan(part.values)
    values, taught = part.values[known], part.taught[known]
    order = np.lexsort((values, taught))[::-1]
    bins: dict[int, int] = {}
    tallest = max(4, max(np.unique(np.round(values / BIN), return_counts=True)[1], default=0))
    look = looks(4)[2 + level]  # as in the figure of the means
    for i in order:
        place = round(values[i] / BIN)
        height = bins[place] = bins.get(place, 0) + 1
        y = level + 0.1 + 0.62 * height / tallest
        fill = look.colour if taught[i] else "white"
        axes.plot(values[i], y, "o", ms=4.2, mfc=fill, mec=look.colour, mew=0.9, gid="square")
    mean = part.spread
    if mean.n_cells:
        mark: dict[str, Any] = {"color": look.colour, "mec": "black", "mew": 0.7, "capsize": 3, "elinewidth": 1.5}
        half = mean.high - mean.mean
        axes.errorbar(mean.mean, level - 0.02, xerr=half, fmt="D", ms=6.5, zorder=4, gid="mean", **mark)


def _frame(axes: "Axes", parts: Sequence[Part], name: str, reach: float) -> None:
    axes.axvline(0, color=GREY, lw=0.9, zorder=1)
    axes.set(xlim=(-reach, reach), ylim=(-0.25, len(parts) - 0.1))
    axes.set_yticks([level + 0.2 for level in range(len(parts))], [_label(part) for part in parts], fontsize=9)
    axes.tick_params(axis="y", length=0)
    axes.grid(visible=False)
    axes.spines["left"].set_visible(False)
    axes.set_title(name, loc="left", fontsize=11, fontweight="bold")


def _label(part: Part) -> str:
    mean = part.spread
    if not mean.n_cells:
        return f"{part.name}\n{'no result' if mean.n_missing else 'none planned'}"
    ends = "" if np.isnan(mean.low) else f"\n[{mean.low:+.2f}, {mean.high:+.2f}]"
    return f"{part.name}\n{mean.mean:+.2f}{ends}"


def _footnote(parts: Sequence[Part]) -> str:
    seeds = max(part.spread.n_seeds for part in parts)
    over = "means over seeds · " if seeds > 1 else ""
    whiskers = "whiskers and [ ]: 95 % interval over seeds" if seeds > 1 else "one seed: no interval over seeds"
    missing = sum(part.spread.n_missing for part in parts)
    return f"{over}{whiskers}" + (f" · {missing} squares have no result" if missing else "")


def _legend(figure: "Figure") -> None:
    from matplotlib.lines import Line2D

    shared: dict[str, Any] = {"ls": "", "color": GREY}
    entries = [
        Line2D([], [], marker="o", mfc=GREY, ms=4.5, label="square, taught", **shared),
        Line2D([], [], marker="o", mfc="white", ms=4.5, label="square, transfer", **shared),
        Line2D([], [], marker="D", mfc=GREY, mec="black", ms=6.5, label="mean", **shared),
    ]
    figure.legend(handles=entries, loc="outside right center")
