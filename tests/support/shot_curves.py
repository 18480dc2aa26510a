"""A curve of accuracy over k that rises, and the lines that a figure draws for it."""

from matplotlib.figure import Figure
from matplotlib.lines import Line2D

KS = [0, 1, 2, 4, 8, 16]
RISING = [0.05, 0.2, 0.5, 0.8, 0.9, 0.9]


def marked(figure: Figure, gid: str) -> list[Line2D]:
    """Return the lines of the first panel that have this gid."""
    return [line for line in figure.axes[0].lines if line.get_gid() == gid]
