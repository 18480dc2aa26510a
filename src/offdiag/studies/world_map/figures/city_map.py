"""Map of the cities of a world: every city is a dot in the colour of its region."""

from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from offdiag.analyses import Frames
from offdiag.figures.figure import StudyFigure
from offdiag.figures.style import heading, new_figure, styled
from offdiag.studies.world_map.task import Cities, World
from offdiag.studies.world_map.task.world import SYNTHETIC

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Neighbouring regions differ in hue or lightness; new cities are red and drawn larger, so no region is red.
COLOURS = {
    "north-america": "#0072B2",
    "south-america": "#009E73",
    "western-europe": "#CC79A7",
    "eastern-europe": "#7A5195",
    "africa": "#E69F00",
    "middle-east": "#8C6D31",
    "central-asia": "#56B4E9",
    "south-asia": "#117733",
    "china": "#B5838D",
    "korea": "#332288",
    "japan": "#44AA99",
    "southeast-asia": "#6699CC",
    "oceania": "#999933",
    "antarctica": "#888888",
}
NEW = "#D7191C"
LEGEND_SIZE = 28  # points squared


class WorldMapFigure(StudyFigure):
    """The cities of a world in its own units, by region, with the new ones marked.

    Attributes:
        world: what is drawn; the frames are not read.
    """

    tag: ClassVar[str] = "world-map"
    world: World = World()

    def plot(self, frames: Frames) -> "Figure":
        """Draw the map; see :func:`draw_city_map`."""
        return draw_city_map(self.world)


def draw_city_map(world: World) -> "Figure":
    """Draw the map of a world: one dot per city, degrees on both axes, new cities as red diamonds.

    Raises:
        UserError: the world cannot be built.
    """
    from matplotlib.collections import PathCollection

    cities = world.build()
    with styled():
        figure = new_figure(10.5, 5.4 if world.new == "scattered" else 4.3)
        axes = figure.subplots()
        _dots(axes, cities, world)
        _frame(axes, world)
        legend = figure.legend(loc="outside right center", handletextpad=0.3)
        for handle in legend.legend_handles:
            if isinstance(handle, PathCollection):
                handle.set_sizes([LEGEND_SIZE])
        unit = f"1 unit = {1 / world.per_degree:g}°"
        heading(
            figure,
            f"{cities.n_real:,} ordinary cities and {len(cities) - cities.n_real:,} new ones",
            f"{unit}; distances are those of this plane, not of the globe · all that a model sees of a city is its id",
        )
    return figure


def region_label(region: str) -> str:
    """Return a region in words: ``Western Europe`` for ``western-europe``."""
    return region.replace("-", " ").title()


def _dots(axes: "Axes", cities: Cities, world: World) -> None:
    x, y = cities.x / world.per_degree, cities.y / world.per_degree
    size = float(np.clip(24_000 / len(cities), 5, 40))
    for region, colour in COLOURS.items():
        here = (cities.region == region) & ~cities.new
        if here.any():
            name = f"{region_label(region)} ({here.sum():,})"
            axes.scatter(x[here], y[here], s=size, color=colour, lw=0, label=name, gid=region)
    new = cities.new
    marks: dict[str, Any] = {"marker": "D", "s": 1.6 * size, "color": NEW, "edgecolor": "white", "linewidth": 0.3}
    group = "Atlantis" if world.new in SYNTHETIC else region_label(world.new)
    axes.scatter(x[new], y[new], label=f"New: {group} ({new.sum():,})", gid="new", zorder=3, **marks)


def _frame(axes: "Axes", world: World) -> None:
    axes.set_aspect("equal")
    axes.set(xlim=(-183, 183), ylim=(-62, 78) if world.new != "scattered" else (-93, 93))
    axes.set_xticks(range(-180, 181, 60))
    axes.set_yticks([y for y in range(-90, 91, 30) if axes.get_ylim()[0] <= y <= axes.get_ylim()[1]])
    axes.set(xlabel="degrees east", ylabel="degrees north")
    axes.grid(visible=True, axis="both")
