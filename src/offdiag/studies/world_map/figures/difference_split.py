"""Figure of the synergy of geometry pairs, split by whether they contain one geometry."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from offdiag.analyses import Frames
from offdiag.errors import NotPlannedError
from offdiag.figures.style import GREY, footnote, heading, legend, looks, new_figure, styled
from offdiag.studies.world_map.analyses.transfer_statistics import matrices_by_arm
from offdiag.studies.world_map.figures.transfer_figure import CellGroup, TransferFigure, by_task

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FORMS = {"held_out": "the specialist that other answers chose", "difference": "by its own scores, as published"}
TOO_LOW = "as published is too low: the better of two noisy scores is too high"
BIN = 0.05  # of the differences, for the dots that pile up


class DifferenceSplit(TransferFigure):
    """All cells of the difference matrix as stacked dots, with and without one geometry, one row of panels per arm.

    On the left the better specialist is the one that other answers chose, on the right the one with the better score,
    as published, which makes the difference too low.

    For its attributes see :class:`TransferFigure`.
    """

    tag: ClassVar[str] = "difference-split"

    def plot(self, frames: Frames) -> "Figure":
        """Draw cells as dots (hollow: transfer, full: trained), their means as diamonds with 95 % whiskers over seeds.

        Raises:
            NotPlannedError: no fine-tuning on two geometries is planned.
        """
        by_arm = matrices_by_arm(frames, self.settings)
        by_arm = {key: matrices for key, matrices in by_arm.items() if matrices.difference.rows}
        if not by_arm:
            raise NotPlannedError(f"figure {self.name}: no arm is planned that was fine-tuned on two geometries")
        by_form = {form: list(by_task(by_arm, self.split_by, form)) for form in FORMS}
        groups = [group for of_form in by_form.values() for group in of_form]
        reach = max([0.5, *(abs(v) for group in groups for v in group.values[~np.isnan(group.values)])]) + BIN
        with styled():
            figure = new_figure(12.6, 1.6 + 2.1 * len(by_arm))
            rows = figure.subplots(len(by_arm), len(FORMS), sharex=True, squeeze=False)
            for row, key in zip(rows, by_arm, strict=True):
                for axes, (form, title) in zip(row, FORMS.items(), strict=True):
                    of_arm = [group for group in by_form[form] if group.key == key]
                    for level, group in enumerate(of_arm):
                        _stack(axes, group, level)
                    _frame(axes, of_arm, f"{' '.join(map(str, key))}: {title}", reach)
            for axes in rows[-1]:
                axes.set_xlabel("improvement of two minus that of the better specialist")
            heading(figure, f"Synergy and interference, with and without {self.split_by}", _footnote(groups))
            legend(figure, {}, *_entries())
        return figure


def _stack(axes: "Axes", group: CellGroup, level: int) -> None:
    """Draw dots at their value, stacked from ``level`` upwards where several fall into one bin."""
    known = ~np.isnan(group.values)
    values, taught = group.values[known], group.taught[known]
    order = np.lexsort((values, taught))[::-1]
    bins: dict[int, int] = {}
    tallest = max(4, max(np.unique(np.round(values / BIN), return_counts=True)[1], default=0))
    look = looks(4)[2 + level]  # the colours of the same groups in the figure of means by arm
    for i in order:
        place = round(values[i] / BIN)
        height = bins[place] = bins.get(place, 0) + 1
        y = level + 0.1 + 0.62 * height / tallest
        fill = look.colour if taught[i] else "white"
        axes.plot(values[i], y, "o", ms=4.2, mfc=fill, mec=look.colour, mew=0.9, gid="square")
    mean = group.spread
    if mean.n_cells:
        mark: dict[str, Any] = {"color": look.colour, "mec": "black", "mew": 0.7, "capsize": 3, "elinewidth": 1.5}
        half = mean.high - mean.mean
        axes.errorbar(mean.mean, level - 0.02, xerr=half, fmt="D", ms=6.5, zorder=4, gid="mean", **mark)


def _frame(axes: "Axes", groups: Sequence[CellGroup], name: str, reach: float) -> None:
    axes.axvline(0, color=GREY, lw=0.9, zorder=1)
    axes.set(xlim=(-reach, reach), ylim=(-0.25, len(groups) - 0.1))
    axes.set_yticks([level + 0.2 for level in range(len(groups))], [_label(group) for group in groups], fontsize=9)
    axes.tick_params(axis="y", length=0)
    axes.grid(visible=False)
    axes.spines["left"].set_visible(False)
    axes.set_title(name, loc="left", fontsize=11, fontweight="bold")


def _label(group: CellGroup) -> str:
    mean = group.spread
    if not mean.n_cells:
        why = "no result" if mean.n_missing else "no scale" if mean.n_undefined else "none planned"
        return f"{group.name}\n{why}"
    ends = "" if np.isnan(mean.low) else f"\n[{mean.low:+.2f}, {mean.high:+.2f}]"
    return f"{group.name}\n{mean.mean:+.2f}{ends}"


def _footnote(groups: Sequence[CellGroup]) -> str:
    seeds = max(group.spread.n_seeds for group in groups)
    published = groups[len(groups) // 2 :]  # the other half are the same cells
    missing = sum(group.spread.n_missing for group in published)
    undefined = sum(group.spread.n_undefined for group in published)
    return footnote(
        "means over seeds" if seeds > 1 else "",
        "whiskers and [ ]: 95 % interval over seeds" if seeds > 1 else "one seed: no interval over seeds",
        f"{missing} cells have no result" if missing else "",
        f"{undefined} cells have no scale" if undefined else "",
        TOO_LOW,
        per_line=3,
    )


def _entries() -> "list[Artist]":
    """Return the legend entries of the marks."""
    from matplotlib.lines import Line2D

    shared: dict[str, Any] = {"ls": "", "color": GREY}
    return [
        Line2D([], [], marker="o", mfc=GREY, ms=4.5, label="cell, trained", **shared),
        Line2D([], [], marker="o", mfc="white", ms=4.5, label="cell, transfer", **shared),
        Line2D([], [], marker="D", mfc=GREY, mec="black", ms=6.5, label="mean", **shared),
    ]
