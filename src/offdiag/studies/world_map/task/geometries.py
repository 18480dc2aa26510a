"""The seven geometry questions about tuples of cities: their answers and their text.

All geometry is Euclidean on integer coordinates. Coordinates come as two int32 arrays of shape (cities, rows): the
first axis is the position in the question; an answer is an int32 array of shape (rows,).
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import combinations
from typing import Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray

from offdiag.studies.world_map.task.world import Ints

Name: TypeAlias = Literal["distance", "trianglearea", "angle", "compass", "inside", "perimeter", "crossing"]
NAMES: tuple[Name, ...] = get_args(Name)
AnswerFunction: TypeAlias = Callable[[Ints, Ints], Ints]
TRUTH = ("FALSE", "TRUE")
COMPASS = ("E", "NE", "N", "NW", "W", "SW", "S", "SE")


@dataclass(frozen=True)
class Geometry:
    """One kind of question.

    Attributes:
        call: the word before the parenthesis. sizes: how many cities it takes; all sizes are equally frequent.
        answer: computes the answers: whole numbers, or positions in ``words``.
        words: the possible answers, () for numbers.
        head: how many cities stand before the semicolon, 0 where there is none.
        balanced: whether the answers are drawn to be equally frequent, within each size.
    """

    call: str
    sizes: tuple[int, ...]
    answer: AnswerFunction
    words: tuple[str, ...] = ()
    head: int = 0
    balanced: bool = False

    def written(self, cities: list[str]) -> str:
        """Return the question as text: ``inside(c_9012;c_3456,c_7890,c_1234)=`` from the four names."""
        parts = [cities[: self.head], cities[self.head :]] if self.head else [cities]
        return f"{self.call}({';'.join(','.join(part) for part in parts)})="


def distance(x: Ints, y: Ints) -> Ints:
    """Return the distance of two cities, rounded."""
    return _rounded(_length(x[1] - x[0], y[1] - y[0]))


def trianglearea(x: Ints, y: Ints) -> Ints:
    """Return the area of the triangle of three cities, halves rounded to even."""
    twice = np.abs(_cross(x[1] - x[0], y[1] - y[0], x[2] - x[0], y[2] - y[0]))
    return _rounded(twice * 0.5)


def angle(x: Ints, y: Ints) -> Ints:
    """Return the angle at the second of three cities in degrees, 0 to 180, rounded.

    0 where it coincides with another one.
    """
    ax, ay, bx, by = x[0] - x[1], y[0] - y[1], x[2] - x[1], y[2] - y[1]
    lengths = _length(ax, ay) * _length(bx, by)
    cosine = (ax * bx + ay * by) / np.where(lengths > 0, lengths, 1)
    degrees = np.degrees(np.arccos(cosine.clip(-1, 1)))
    return _rounded(np.where(lengths > 0, degrees, 0))


def compass(x: Ints, y: Ints) -> Ints:
    """Return the direction from the first to the second city in sectors of 45 degrees; N where they coincide."""
    dx, dy = x[1] - x[0], y[1] - y[0]
    sector = _rounded(np.arctan2(dy, dx) * (4 / np.pi)) % 8
    return np.where((dx == 0) & (dy == 0), np.int32(COMPASS.index("N")), sector)


def inside(x: Ints, y: Ints) -> Ints:
    """Return whether the first city is in the convex hull of the others, boundary included.

    Computed without a hull, by signs of integer cross products, so that it is exact and vectorised: the city lies
    outside if all others, seen from it, are within less than half a turn counter-clockwise of one of them. Where all
    are on one line through it, the hull has no area and nothing is inside.
    """
    dx, dy = x[1:] - x[0], y[1:] - y[0]
    n, rows = dx.shape
    first = np.ones((n, rows), np.bool_)  # whether all others are less than half a turn counter-clockwise of this one
    on_a_line = np.ones(rows, np.bool_)
    for i, j in combinations(range(n), 2):
        turn = _cross(dx[i], dy[i], dx[j], dy[j])
        level = turn == 0
        ahead = level & (dx[i] * dx[j] + dy[i] * dy[j] > 0)
        first[i] &= (turn > 0) | ahead
        first[j] &= (turn < 0) | ahead
        on_a_line &= level
    outside = first.any(axis=0)
    return (~outside & ~on_a_line).astype(np.int32)


def perimeter(x: Ints, y: Ints) -> Ints:
    """Return the length of the closed path through the cities; of two cities their distance."""
    if len(x) == 2:
        return distance(x, y)
    total = _length(x[0] - x[-1], y[0] - y[-1])  # summed before it is rounded, so that errors do not add up
    for i in range(len(x) - 1):
        total += _length(x[i + 1] - x[i], y[i + 1] - y[i])
    return _rounded(total)


def crossing(x: Ints, y: Ints) -> Ints:
    """Return whether the segment of the first two cities crosses that of the last two; touching does not count."""

    def side(a: int, b: int, c: int) -> Ints:
        return _cross(x[b] - x[a], y[b] - y[a], x[c] - x[a], y[c] - y[a])

    return (_opposite(side(0, 1, 2), side(0, 1, 3)) & _opposite(side(2, 3, 0), side(2, 3, 1))).astype(np.int32)


GEOMETRIES: dict[Name, Geometry] = {
    "distance": Geometry("dist", (2,), distance),
    "trianglearea": Geometry("triarea", (3,), trianglearea),
    "angle": Geometry("angle", (3,), angle),
    "compass": Geometry("compass", (2,), compass, COMPASS),
    "inside": Geometry("inside", (4, 5, 6), inside, TRUTH, head=1, balanced=True),
    "perimeter": Geometry("perimeter", (2, 3, 4, 5), perimeter),
    "crossing": Geometry("cross", (4,), crossing, TRUTH, head=2, balanced=True),
}


def _length(dx: Ints, dy: Ints) -> NDArray[np.float64]:
    return np.sqrt(dx * dx + dy * dy, dtype=np.float64)


def _cross(ax: Ints, ay: Ints, bx: Ints, by: Ints) -> Ints:
    """Return the cross product: twice a signed area, at most 4 * 3600 * 1800, so int32 holds it."""
    return ax * by - ay * bx


def _opposite(a: Ints, b: Ints) -> NDArray[np.bool_]:
    return ((a > 0) & (b < 0)) | ((a < 0) & (b > 0))


def _rounded(values: NDArray[np.float64]) -> Ints:
    return np.rint(values).astype(np.int32)
