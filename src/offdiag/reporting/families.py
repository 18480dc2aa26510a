"""Rows of the matrix that differ in one number, such as k, as a family: one row in which each square is a curve."""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from offdiag.reporting.cell_texts import CellText, ResultText
from offdiag.reporting.matrix import GridCell, MatrixRow, pieces
from offdiag.reporting.wording import number
from offdiag.stats import Estimate

MANY = 3  # values of a factor, from which on they are a curve
_OF_DOMAINS = ("train_", "proxy_")  # factors of what is taught, which the heading of a row says


@dataclass(frozen=True, kw_only=True)
class Point:
    """One point of a curve: the value of the factor, the square at it, and what that square shows, if it is done."""

    value: str
    grid_cell: GridCell
    shown: ResultText | None


@dataclass(frozen=True, kw_only=True)
class DrawnCurve:
    """What a square of several values draws, as paths in a box of 120 x 44, and what has to be known of it.

    Attributes:
        line, dots, band: accuracies, and their intervals. chance: the line of guessing; empty where it is not known.
        lacking: values without a result. one_answer: values at which one answer is given to all items.
        unparsed: the largest share of unparsed answers; empty for none.
    """

    line: str
    dots: str
    band: str
    chance: str
    lacking: int
    one_answer: int
    unparsed: str


@dataclass(frozen=True, kw_only=True)
class Family:
    """A row of the matrix, or several that differ in one factor alone.

    Attributes:
        name: what the rows' names have in common. axis: the factor, and values: those of the rows; empty for one row.
        rows: in the order of the values.
    """

    name: str
    axis: str
    values: tuple[str, ...]
    rows: tuple[MatrixRow, ...]

    @property
    def pieces(self) -> list[str]:
        """The name in pieces; a line may break between them."""
        return pieces(self.name)

    @property
    def curves(self) -> list[tuple[Point, ...]]:
        """The points of each column, without those that are not part of the study."""
        columns = zip(*(row.grid_cells for row in self.rows), strict=True)
        return [
            tuple(
                Point(value=value, grid_cell=place, shown=shown_in(place))
                for value, place in zip(self.values, column, strict=True)
                if place.cells
            )
            for column in columns
        ]


def curve_of(points: Sequence[Point]) -> DrawnCurve:
    """Return the curve of some points, which stand at equal distances."""
    shown = [point.shown for point in points]
    left, wide = (6.0, 108 / (len(points) - 1)) if len(points) > 1 else (60.0, 0.0)
    runs: list[list[tuple[float, Estimate]]] = [[]]
    for i, found in enumerate(shown):
        if found is None:
            runs.append([])
        else:
            runs[-1].append((left + i * wide, found.estimates["accuracy"]))
    runs = [run for run in runs if run]
    chances = {found.chance for found in shown if found is not None}
    (chance,) = chances if len(chances) == 1 else (None,)
    shares = [float(found.unparsed.removesuffix(" %")) for found in shown if found is not None and found.unparsed]
    return DrawnCurve(
        line="".join(_path((x, e.value) for x, e in run) for run in runs),
        dots="".join(f"M{x:.1f} {_y(e.value)}h0" for run in runs for x, e in run),
        band="".join(_band(run) for run in runs),
        chance="" if chance is None else f"M0 {_y(chance)}H120",
        lacking=shown.count(None),
        one_answer=sum(bool(found.one_answer) for found in shown if found is not None),
        unparsed=f"{max(shares):.1f} %" if shares else "",
    )


def _band(run: Sequence[tuple[float, Estimate]]) -> str:
    """Return the closed path around the intervals of points that follow each other; a bar around one alone."""
    if len(run) == 1:
        run = [(run[0][0] + side, run[0][1]) for side in (-2, 2)]
    return _path([*((x, e.high) for x, e in run), *((x, e.low) for x, e in reversed(run))]) + "Z"


def _path(points: Iterable[tuple[float, float]]) -> str:
    return "M" + "L".join(f"{x:.1f} {_y(value)}" for x, value in points)


def _y(accuracy: float) -> str:
    return f"{41 - 38 * accuracy:.1f}"


def shown_in(place: GridCell) -> ResultText | None:
    """Return the result of a square: the mean of its draws, or its one cell; None where nothing is done."""
    if place.replicated:
        return place.mean
    done = [cell for cell in place.cells if cell.shade is not None]
    return done[0] if done else None


def all_cells(points: Sequence[Point]) -> list[CellText]:
    """Return the cells of some points."""
    return cells_of(point.grid_cell for point in points)


def cells_of(places: Iterable[GridCell]) -> list[CellText]:
    """Return all cells of some squares."""
    return [cell for place in places for cell in place.cells]


def families_of(rows: Sequence[MatrixRow]) -> list[Family]:
    """Return the rows as families, each where its first row stands.

    Rows are of one family if they differ in one numeric factor alone (and in their names), which has :data:`MANY`
    values or more; of several such factors it is the one that leaves the fewest rows.
    """
    found: dict[int, Family] = {}
    left = dict(enumerate(rows))
    numeric = {name for row in rows for name, value in row.factors.items() if _is_number(value)}
    axes = [name for name in sorted(numeric) if not name.startswith(_OF_DOMAINS)]
    for axis in sorted(axes, key=lambda name: len(_alike(left, name))):
        for places in _alike(left, axis).values():
            values = [left[i].factors.get(axis) for i in places]
            if len(set(values)) == len(places) >= MANY and all(map(_is_number, values)):
                places.sort(key=lambda i: float(left[i].factors[axis]))
                found[min(places)] = _family(axis, [left.pop(i) for i in places])
    found |= {i: Family(name=row.name, axis="", values=(), rows=(row,)) for i, row in left.items()}
    return [found[i] for i in sorted(found)]


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _alike(rows: Mapping[int, MatrixRow], axis: str) -> dict[tuple[object, ...], list[int]]:
    """Return which rows have all factors but ``axis`` in common."""
    groups: defaultdict[tuple[object, ...], list[int]] = defaultdict(list)
    for i, row in rows.items():
        others = sorted((name, str(value)) for name, value in row.factors.items() if name != axis)
        groups[(axis in row.factors, *others)].append(i)
    return groups


def _family(axis: str, rows: Sequence[MatrixRow]) -> Family:
    parts = [re.split(r"[.+]", row.name) for row in rows]
    name = ".".join(part for part in parts[0] if all(part in other for other in parts))
    values = tuple(number(row.factors[axis]) for row in rows)
    return Family(name=name, axis=axis, values=values, rows=tuple(rows))
