"""Heat maps of transfer: trained on one geometry, on two, and two minus the better one."""

import math
from collections.abc import Hashable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from offdiag.analyses import Frames
from offdiag.errors import NotPlannedError
from offdiag.figures.style import counted, footnote, heading, new_figure, styled, within
from offdiag.stats.paired import CLEAR
from offdiag.studies.world_map.analyses.improvement import NO_SCALE
from offdiag.studies.world_map.figures.transfer_cells import (
    COLOURS,
    DIFFERENCES,
    MatrixCell,
    Which,
    draw_cell,
    matrix_cells,
    row_order,
    short_name,
    trained_name,
)
from offdiag.studies.world_map.figures.transfer_figure import TransferFigure
from offdiag.studies.world_map.task import NAMES

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TITLES = {
    "single": "New cities learnt through one geometry",
    "pair": "New cities learnt through two geometries",
    "difference": "Two geometries minus the better specialist, by its own scores",
    "held-out": "Two geometries minus the better specialist, chosen by other answers",
    "triple": "New cities learnt through three geometries",
    "triple-held-out": "Three geometries minus the best specialist, chosen by other answers",
}
LEVEL, APART = "normalised improvement", "difference (red: interference, blue: synergy)"
NO_SCALE_NOTE = "no scale: ordinary cities not credibly better than new ones before; in no mean"
GAP = 0.3  # between pairs with and without the geometry that splits them


class TransferMatrixFigure(TransferFigure):
    """One panel per arm, such as a width: rows are trained geometries, columns evaluated ones, statistics above.

    Attributes:
        matrix: ``single``, ``pair``, ``triple``; several minus the best specialist: ``difference`` by its own scores,
            as published, ``held-out`` and ``triple-held-out`` by one that other answers chose.
    """

    tag: ClassVar[str] = "transfer-matrix"
    matrix: Which = "single"

    def plot(self, frames: Frames) -> "Figure":
        """Draw every planned cell; trained ones have a ``T``, what is not done is hatched and says why.

        Raises:
            NotPlannedError: no fine-tuned arm is planned for this matrix.
        """
        settings = self.settings
        cells = matrix_cells(frames, settings, self.matrix)
        if not cells:
            raise NotPlannedError(f"figure {self.name}: no fine-tuned arm is planned for a {self.matrix} matrix")
        statistics = frames.table(settings)
        rows, n_having = row_order(cells, self.split_by)
        keys = list(dict.fromkeys(cell.key for cell in cells))
        with styled():
            figure, panels = _canvas(len(keys), len(rows), self.matrix)
            for i, (axes, key) in enumerate(zip(panels, keys, strict=True)):
                chosen = statistics[(statistics[list(self.arms)] == list(key)).all(axis=1)]
                text = _statistics(chosen[chosen["matrix"] == self.matrix], self.split_by, self.matrix)
                _frame(axes, rows, n_having, labelled=i % 2 == 0)
                axes.set_title(text, loc="left", fontsize=8, color="#333333", linespacing=1.35)
                of_arm = [cell for cell in cells if cell.key == key]
                _name(axes, f"{' '.join(map(str, key))} · {_seeds(of_arm)}", text)
                for cell in of_arm:
                    y = _height(rows.index(cell.trained), n_having)
                    draw_cell(axes, NAMES.index(cell.evaluated), y, cell, self.matrix)
            heading(figure, TITLES[self.matrix], _footnote(cells, self.matrix))
            _colour_bar(figure, panels, self.matrix)
        return figure


def _canvas(n_panels: int, n_rows: int, which: Which) -> "tuple[Figure, list[Axes]]":
    across = min(n_panels, 2)
    down = math.ceil(n_panels / 2)
    figure = new_figure((2.0 if which == "single" else 2.7) + 4.35 * across, 1.1 + down * (1.3 + 0.46 * n_rows))
    axes = list(figure.subplots(down, across, squeeze=False).flat)
    for spare in axes[n_panels:]:
        spare.remove()
    return figure, axes[:n_panels]


def _height(row: int, n_having: int) -> float:
    return row + (GAP if n_having and row >= n_having else 0)


def _frame(axes: "Axes", rows: Sequence[str], n_having: int, *, labelled: bool) -> None:
    heights = [_height(i, n_having) for i in range(len(rows))]
    axes.set(xlim=(-0.5, len(NAMES) - 0.5), ylim=(heights[-1] + 0.5, -0.5))
    axes.set_xticks(range(len(NAMES)), [short_name(name) for name in NAMES], fontsize=8.5)
    axes.set_yticks(heights, [trained_name(row) for row in rows] if labelled else [], fontsize=8.5)
    axes.set_xlabel("evaluated on, new cities", fontsize=9)
    axes.set_ylabel("trained on, new cities" if labelled else "", fontsize=9)
    axes.tick_params(length=0)
    axes.grid(visible=False)
    for spine in axes.spines.values():
        spine.set_visible(False)


def _name(axes: "Axes", name: str, text: str) -> None:
    """Write the arm above its statistics."""
    lines = text.count("\n") + 1
    axes.annotate(
        name, (0, 1), (0, 8 + 11.5 * lines), xycoords="axes fraction", textcoords="offset points", fontsize=11,
        weight="bold", va="bottom",
    )  # fmt: skip


def _statistics(table: "pd.DataFrame", split_by: str, which: Which) -> str:
    """Return the means of the matrix in words, a line each."""
    by = table.set_index(["rows", "cells"]).to_dict("index")
    lines = {"trained": ("all", "trained"), "transfer": ("all", "transfer")}
    if which in DIFFERENCES:
        lines |= {f"with {split_by}": ("with", "overall"), "without": ("without", "overall")}
    elif which != "single":
        lines |= {f"transfer with {split_by}": ("with", "transfer"), "transfer without": ("without", "transfer")}
    return "\n".join(f"{name} {_number(by[place], which)}" for name, place in lines.items() if place in by)


def _number(row: dict[Hashable, Any], which: Which) -> str:
    if not row["n_cells"]:
        return "—"
    sign = "+" if which in DIFFERENCES else ""
    text = f"{row['mean']:{sign}.2f} ± {row['std']:.2f}"
    return text if np.isnan(row["mean_low"]) else f"{text} [{row['mean_low']:{sign}.2f}, {row['mean_high']:{sign}.2f}]"


def _colour_bar(figure: "Figure", panels: "Sequence[Axes]", which: Which) -> None:
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize

    name, low, high = COLOURS[which]
    mapped = ScalarMappable(Normalize(low, high), name)
    bar = figure.colorbar(mapped, ax=list(panels), shrink=0.7, pad=0.015, aspect=35, extend="both")
    said = APART if which in DIFFERENCES else LEVEL
    bar.set_label(within(said, 0.7 * figure.get_size_inches()[1], 9), fontsize=9)
    bar.outline.set_visible(False)


def _seeds(cells: Sequence[MatrixCell]) -> str:
    planned, done = max(cell.n_planned_seeds for cell in cells), max(cell.n_seeds for cell in cells)
    return f"{done} of {planned} seeds" if 0 < done < planned else counted([planned], "seed")


def _footnote(cells: Sequence[MatrixCell], which: Which) -> str:
    marks = footnote(
        "T: trained",
        "±: spread over cells",
        "[ ]: 95 % interval over seeds" if max(cell.n_seeds for cell in cells) > 1 else "",
        f"bold: p < {CLEAR} for items and seeds, after Holm over all cells" if which in DIFFERENCES else "",
        "*: clipped to 0 or 1.5 in a seed" if any(cell.cut for cell in cells) else "",
        per_line=2,
    )
    scale = footnote("0: before fine-tuning, new cities", "1: before fine-tuning, ordinary cities")
    lines = [
        "" if which in DIFFERENCES else scale,
        marks,
        "the better of two noisy scores is too high, so these are too low" if which == "difference" else "",
        NO_SCALE_NOTE if any(cell.state == NO_SCALE for cell in cells) else "",
    ]
    return "\n".join(filter(None, lines))
