"""Panels in rows of a few."""

from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_COLUMNS = 3


def shape(n: int) -> tuple[int, int]:
    """Rows and columns for ``n`` panels."""
    columns = min(max(n, 1), MOST_COLUMNS)
    return -(-n // columns) or 1, columns


def panels(figure: "Figure", n: int, *, same_height: bool) -> "Iterator[Axes]":
    """The first ``n`` axes of a grid; what is left over is blank."""
    axes = figure.subplots(*shape(n), sharey=same_height, squeeze=False).flat
    yield from islice(axes, n)
    for left_over in axes:
        left_over.axis("off")
