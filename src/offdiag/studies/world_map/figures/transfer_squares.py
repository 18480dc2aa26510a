"""The squares of a transfer matrix: what is drawn in which place, for one arm a panel."""

from collections.abc import Hashable
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeAlias

import numpy as np

from offdiag.analyses import Frames
from offdiag.analyses.transfer_matrix import SEPARATOR
from offdiag.figures.style import GREY, PALE
from offdiag.studies.world_map.analyses.improvement import HIGHEST, LOWEST
from offdiag.studies.world_map.analyses.pair_differences import PairDifferences
from offdiag.studies.world_map.analyses.scores import is_taught, scored, state
from offdiag.studies.world_map.analyses.transfer_statistics import OfMatrices
from offdiag.studies.world_map.task import NAMES

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Which: TypeAlias = Literal["single", "pair", "difference"]
COLOURS = {"single": ("YlGnBu", 0.0, 1.0), "pair": ("YlGnBu", 0.0, 1.0), "difference": ("RdBu", -0.5, 0.5)}
SIZES = {"single": 1, "pair": 2, "difference": 2}
LIGHT = 0.45  # luminance below which text is white


class Square(NamedTuple):
    """One square.

    Attributes:
        key: values of the arm's columns. value: NaN where nothing is done, for the reason ``state``.
        certain: the interval leaves out 0. cut: a seed's value lies outside of 0 to 1.5 and was clipped.
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


def squares(frames: Frames, settings: OfMatrices, which: Which) -> list[Square]:
    """All planned squares of a matrix."""
    if which == "difference":
        differences = PairDifferences(**{name: getattr(settings, name) for name in OfMatrices.model_fields})
        table = frames.table(differences)
        return [_of_difference(row, settings.arms) for row in table.to_dict("records")]
    found = []
    for one in scored(frames.cells, settings, settings.centre):
        if len(one.trained.split(SEPARATOR)) == SIZES[which]:
            values, whole = one.values(settings.column), one.values("unclipped")
            cut = bool(settings.clipped and ((whole < LOWEST) | (whole > HIGHEST)).any())
            value = float(values.mean()) if len(values) else np.nan
            place = (one.key, one.trained, one.evaluated)
            found.append(Square(*place, value, state(one), False, cut, len(values), len(one.rows)))
    return found


def row_order(found: list[Square], first: str) -> tuple[list[str], int]:
    """What was trained, rows with ``first`` on top where they are pairs, and how many rows those are."""
    rows = list(dict.fromkeys(square.trained for square in found))
    if all(SEPARATOR not in row for row in rows):
        return sorted(rows, key=NAMES.index), 0
    having = [row for row in rows if is_taught(row, first)]
    return [*having, *(row for row in rows if row not in having)], len(having)


def trained_name(trained: str) -> str:
    """``distance + crossing`` for ``crossing+distance``."""
    return " + ".join(sorted((short_name(name) for name in trained.split(SEPARATOR)), key=_place))


def short_name(geometry: str) -> str:
    """``area`` for ``trianglearea``."""
    return "area" if geometry == "trianglearea" else geometry


def draw_square(axes: "Axes", x: float, y: float, square: Square, which: Which) -> None:
    """A coloured square with its value; ``T`` marks what was trained, hatching what is not done."""
    from matplotlib import colormaps
    from matplotlib.patches import Rectangle

    if square.state != "done":
        fill: dict[str, Any] = {"facecolor": "none", "edgecolor": PALE, "hatch": "////", "lw": 0.8, "gid": "absent"}
        axes.add_patch(Rectangle((x - 0.5, y - 0.5), 1, 1, **fill))
        box = {"facecolor": "white", "edgecolor": "none", "pad": 1.0}
        word = square.state.partition(":")[2].strip() or square.state
        axes.text(x, y, word.replace(" ", "\n"), ha="center", va="center", fontsize=7, color=GREY, bbox=box)
        return
    name, low, high = COLOURS[which]
    colour = colormaps[name](float(np.clip((square.value - low) / (high - low), 0, 1)))
    axes.add_patch(Rectangle((x - 0.5, y - 0.5), 1, 1, facecolor=colour, edgecolor="white", lw=1.2, gid="value"))
    ink = "white" if np.dot(colour[:3], (0.299, 0.587, 0.114)) < LIGHT else "black"
    text = f"{square.value:+.2f}" if which == "difference" else f"{square.value:.2f}"
    weight = "bold" if square.certain else "normal"
    axes.text(x, y, text + "*" * square.cut, ha="center", va="center", fontsize=9, color=ink, weight=weight)
    if is_taught(square.trained, square.evaluated):
        axes.text(x + 0.44, y - 0.44, "T", ha="right", va="top", fontsize=7, weight="bold", color=ink, gid="taught")
    if square.n_seeds < square.n_planned_seeds:
        few = f"{square.n_seeds}/{square.n_planned_seeds}"
        axes.text(x - 0.45, y + 0.44, few, ha="left", va="bottom", fontsize=6, color=ink, gid="few")


def _of_difference(row: dict[Hashable, Any], arms: tuple[str, ...]) -> Square:
    certain = bool(row["low"] > 0 or row["high"] < 0)
    key = tuple(row[name] for name in arms)
    place = (key, row["trained"], row["evaluated"])
    return Square(*place, row["difference"], row["state"], certain, False, row["n_seeds"], row["n_planned_seeds"])


def _place(name: str) -> int:
    return [short_name(each) for each in NAMES].index(name)
