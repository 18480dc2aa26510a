"""Data of an animated 3-D scatter plot, which a figure gives and a page of the report shows."""

from collections.abc import Sequence
from dataclasses import dataclass

from offdiag.stats import FloatArray


@dataclass(frozen=True, kw_only=True)
class Animation:
    """Points that move through a sequence of steps.

    Attributes:
        label: what moves, and in which coordinates. axes: what the three axes are.
        names, groups: of each point ``[n]``. marked: which are drawn as diamonds, ``[n]``.
        steps: a caption and the places ``[n, 3]`` of each step; a distance of 1 is about the spread of the points.
        goal: where the points should come to lie ``[n, 3]``, if there is such a place.
    """

    label: str
    axes: tuple[str, str, str]
    names: Sequence[str]
    groups: Sequence[str]
    marked: Sequence[bool]
    steps: Sequence[tuple[str, FloatArray]]
    goal: FloatArray | None = None


@dataclass(frozen=True, kw_only=True)
class Scatter3D:
    """A 3-D scatter plot with several animations to choose from.

    Attributes:
        title: of the page. colours: of each group, as ``#rrggbb``, in the order of the legend.
        marked: the groups of which points are drawn as diamonds, for the legend.
    """

    title: str
    colours: dict[str, str]
    marked: frozenset[str]
    animations: Sequence[Animation]
