"""Cells of a transfer matrix as figures draw them: value, state and marks."""

from collections.abc import Hashable
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeAlias

import numpy as np

from offdiag.analyses import Frames
from offdiag.analyses.selection import DONE
from offdiag.analyses.transfer_matrix import SEPARATOR
from offdiag.figures.style import GREY, PALE
from offdiag.stats.paired import CLEAR
from offdiag.studies.world_map.analyses.city_cells import TransferAnalysis
from offdiag.studies.world_map.analyses.improvement import HIGHEST, LOWEST, arm_scores, is_taught
from offdiag.studies.world_map.analyses.pair_differences import PairDifferences
from offdiag.studies.world_map.task import NAMES

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Which: TypeAlias = Literal["single", "pair", "difference", "held-out", "triple", "triple-held-out"]
SIZES = {"single": 1, "pair": 2, "difference": 2, "held-out": 2, "triple": 3, "triple-held-out": 3}
DIFFERENCES = ("difference", "held-out", "triple-held-out")
COLOURS = {which: ("RdBu", -0.5, 0.5) if which in DIFFERENCES else ("YlGnBu", 0.0, 1.0) for which in SIZES}
LIGHT = 0.45  # luminance below which text is white


class MatrixCell(NamedTuple):
    """One cell of a transfer matrix.

    Attributes:
        key: values of the arm's columns. trained: geometries joined by ``+``. evaluated: the geometry asked about.
        value: NaN where nothing is done, for the reason ``state``.
        certain: not 0 by the p value that is adjusted for all cells (Holm).
        cut: a seed's value lies outside of 0 to 1.5 and was clipped.
        n_seeds, n_planned_seeds: with a value, and planned.
    """

    key: tuple[Any, ...]
    trained: str
    evaluated: str
    value: float
    state: str
    certain: bool
    cut: bool
    n_seeds: int
    n_planned_seeds: int


def matrix_cells(frames: Frames, settings: TransferAnalysis, which: Which) -> list[MatrixCell]:
    """Return all planned cells of a matrix."""
    if which in DIFFERENCES:
        shared = {name: getattr(settings, name) for name in TransferAnalysis.model_fields}
        rows = frames.table(PairDifferences(**shared)).to_dict("records")
        rows = [row for row in rows if len(row["trained"].split(SEPARATOR)) == SIZES[which]]
        return [_of_difference(row, settings.arms, held_out="held-out" in which) for row in rows]
    cells = []
    for score in arm_scores(frames, settings, settings.centre):
        if len(score.trained.split(SEPARATOR)) == SIZES[which]:
            values, unclipped = score.values(settings.column), score.values("unclipped")
            cut = bool(settings.clipped and ((unclipped < LOWEST) | (unclipped > HIGHEST)).any())
            place = (score.key, score.trained, score.evaluated)
            value = score.mean(settings.column)
            cells.append(MatrixCell(*place, value, score.state, False, cut, len(values), len(score.rows)))
    return cells


def row_order(cells: list[MatrixCell], first: str) -> tuple[list[str], int]:
    """Return the trainings in row order, and how many have ``first``: pairs with it come first.

    Of single geometries none is counted.
    """
    rows = list(dict.fromkeys(cell.trained for cell in cells))
    if all(SEPARATOR not in row for row in rows):
        return sorted(rows, key=NAMES.index), 0
    having = [row for row in rows if is_taught(row, first)]
    return [*having, *(row for row in rows if row not in having)], len(having)


def trained_name(trained: str) -> str:
    """Return a training in words: ``distance + crossing`` for ``crossing+distance``."""
    return " + ".join(sorted((short_name(name) for name in trained.split(SEPARATOR)), key=_position))


def short_name(geometry: str) -> str:
    """Return ``area`` for ``trianglearea``; other names are short already."""
    return "area" if geometry == "trianglearea" else geometry


def draw_cell(axes: "Axes", x: float, y: float, cell: MatrixCell, which: Which) -> None:
    """Draw a coloured cell with its value; ``T`` marks what was trained, hatching what is not done."""
    from matplotlib import colormaps
    from matplotlib.patches import Rectangle

    if cell.state != DONE:
        fill: dict[str, Any] = {"facecolor": "none", "edgecolor": PALE, "hatch": "////", "lw": 0.8, "gid": "absent"}
        axes.add_patch(Rectangle((x - 0.5, y - 0.5), 1, 1, **fill))
        box = {"facecolor": "white", "edgecolor": "none", "pad": 1.0}
        word = cell.state.partition(":")[2].strip() or cell.state
        axes.text(x, y, word.replace(" ", "\n"), ha="center", va="center", fontsize=7, color=GREY, bbox=box)
        return
    name, low, high = COLOURS[which]
    colour = colormaps[name](float(np.clip((cell.value - low) / (high - low), 0, 1)))
    axes.add_patch(Rectangle((x - 0.5, y - 0.5), 1, 1, facecolor=colour, edgecolor="white", lw=1.2, gid="value"))
    ink = "white" if np.dot(colour[:3], (0.299, 0.587, 0.114)) < LIGHT else "black"  # luminance after ITU-R BT.601
    text = f"{cell.value:+.2f}" if which in DIFFERENCES else f"{cell.value:.2f}"
    weight = "bold" if cell.certain else "normal"
    axes.text(x, y, text + "*" * cell.cut, ha="center", va="center", fontsize=9, color=ink, weight=weight)
    if is_taught(cell.trained, cell.evaluated):
        axes.text(x + 0.44, y - 0.44, "T", ha="right", va="top", fontsize=7, weight="bold", color=ink, gid="taught")
    if cell.n_seeds < cell.n_planned_seeds:
        seeds = f"{cell.n_seeds}/{cell.n_planned_seeds}"
        axes.text(x - 0.45, y + 0.44, seeds, ha="left", va="bottom", fontsize=6, color=ink, gid="few")


def _of_difference(row: dict[Hashable, Any], arms: tuple[str, ...], *, held_out: bool) -> MatrixCell:
    """Return the cell of a row of the table of pair differences."""
    value, p_value = ("held_out", "held_out_p_holm") if held_out else ("difference", "p_holm")
    certain = bool(row[p_value] < CLEAR)
    state = "too few items" if row["state"] == DONE and np.isnan(row[value]) else row["state"]
    place = (tuple(row[name] for name in arms), row["trained"], row["evaluated"])
    return MatrixCell(*place, row[value], state, certain, False, row["n_seeds"], row["n_planned_seeds"])


def _position(name: str) -> int:
    return [short_name(geometry) for geometry in NAMES].index(name)
