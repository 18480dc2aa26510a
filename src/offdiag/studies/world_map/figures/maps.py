"""The map that a model has made of its cities, beside the true one."""

from collections.abc import Iterator
from textwrap import fill
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from offdiag.analyses import Frames
from offdiag.figures.figure import StudyFigure
from offdiag.figures.scene import Film, Scene
from offdiag.figures.style import heading, new_figure, styled
from offdiag.stats import FloatArray
from offdiag.stats.coordinate_probe import probe_quality
from offdiag.studies.world_map.analyses.maps import Step, read_maps, turned
from offdiag.studies.world_map.figures.world import COLOURS, LEGEND_SIZE, NEW, named

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST = 4  # models in one figure
NEW_CITIES = "new cities"


class CityMaps(StudyFigure):
    """Every city where it is, where linear probes put it, and where the first principal components do.

    The interactive page has all snapshots: the first three components turned to the map, and the two probe directions
    with the first component of the rest. The figure has the end of each training, of the first four models.
    """

    tag: ClassVar[str] = "city-maps"

    def plot(self, frames: Frames) -> "Figure":
        """One row a model: true places, decoded places, principal components turned and scaled to the map.

        Raises:
            UserError: see :func:`offdiag.studies.world_map.analyses.maps.read_maps`.
        """
        models = read_maps(frames, self.where, f"figure {self.name}")
        left_out = max(len(models) - MOST, 0)
        models = dict(list(models.items())[:MOST])
        with styled():
            figure = new_figure(12.6, 1.2 + max(len(models), 1) * (0.7 + 3.3 * _proportion(models)))
            grid = figure.subplots(max(len(models), 1), 3, sharex=True, sharey=True, squeeze=False)
            for row, (name, steps) in zip(grid, models.items(), strict=False):
                _draw_model(row, steps[-1])
                row[0].set_ylabel(f"{fill(name, 22)}\nunits north" if len(models) > 1 else "units north")
            if not models:
                grid[0, 0].set_title("nothing is measured yet")
            for axes in grid[-1]:
                axes.set_xlabel("units east")
            _legend(figure, grid[0, 0])
            title = next(iter(models)) if len(models) == 1 else f"{len(models)} models"
            layer = f", layer {next(iter(models.values()))[-1].layer}" if models else ""
            heading(
                figure, f"The map in the states{layer}" + (f": {title}" if title else ""), _footnote(models, left_out)
            )
        return figure

    def scene(self, frames: Frames) -> Scene | None:
        models = read_maps(frames, self.where, f"figure {self.name}")
        if not models:
            return None
        films = [film for name, steps in models.items() for film in _films(name, steps)]
        seen = {group for film in films for group in film.groups}
        colours = {named(region): colour for region, colour in COLOURS.items() if named(region) in seen}
        return Scene(
            title=self.caption.partition(".")[0] or "The map in the states",
            colours=colours | {NEW_CITIES: NEW},
            marked=frozenset({NEW_CITIES}),
            films=films,
        )


def _draw_model(row: "list[Axes]", step: Step) -> None:
    old = ~step.new
    quality = probe_quality(step.true[old], step.probed[old], n_resamples=1000).r2
    panels = {
        "true places": step.true,
        f"decoded: R² {quality.value:.2f} [{quality.low:.2f}, {quality.high:.2f}]".replace(
            "-", "\N{MINUS SIGN}"
        ): step.probed,
        f"components 1 and 2 (first three: {step.share:.0%})": turned(step, 2),
    }
    for axes, (title, places) in zip(row, panels.items(), strict=True):
        _dots(axes, step, places)
        axes.set_title(title)
        axes.set_aspect("equal")
        axes.grid(visible=True, axis="both")
    low, high = _reach(step)
    row[0].set(xlim=(low[0], high[0]), ylim=(low[1], high[1]))


def _reach(step: Step) -> tuple[FloatArray, FloatArray]:
    """West and south, east and north ends of what is drawn, ``[2]`` each."""
    low, high = step.true.min(0), step.true.max(0)
    margin = 0.1 * float((high - low).max())
    return low - margin, high + margin


def _proportion(models: dict[str, list[Step]]) -> float:
    """Height over width of a panel."""
    if not models:
        return 0.5
    low, high = _reach(next(iter(models.values()))[-1])
    width, height = high - low
    return float(height / width)


def _dots(axes: "Axes", step: Step, places: FloatArray) -> None:
    size = float(np.clip(12_000 / len(places), 3, 30))
    region = np.array(step.region)
    for name, colour in COLOURS.items():
        here = (region == name) & ~step.new
        if here.any():
            x, y = places[here].T
            axes.scatter(x, y, s=size, color=colour, lw=0, label=named(name), gid=name)
    mark: dict[str, Any] = {"marker": "D", "s": 1.6 * size, "color": NEW, "edgecolor": "white", "linewidth": 0.3}
    x, y = places[step.new].T
    axes.scatter(x, y, label=NEW_CITIES, gid="new", zorder=3, **mark)


def _legend(figure: "Figure", axes: "Axes") -> None:
    from matplotlib.collections import PathCollection

    legend = figure.legend(*axes.get_legend_handles_labels(), loc="outside right center", handletextpad=0.3)
    for handle in legend.legend_handles:
        if isinstance(handle, PathCollection):
            handle.set_sizes([LEGEND_SIZE])


def _footnote(models: dict[str, list[Step]], left_out: int) -> str:
    if not models:
        return "nothing is measured yet"
    step = next(iter(models.values()))[-1]
    return (
        f"{(~step.new).sum():,} ordinary and {step.new.sum():,} new cities · decoded by linear probes of ordinary "
        "cities that have not seen the city; R² of the ordinary ones with its 95 % interval over cities\n"
        "components are turned and scaled as a whole to the ordinary cities, never stretched; "
        "what lies outside the frame is not drawn" + (f" · {left_out} more on the interactive page" if left_out else "")
    )


def _films(name: str, steps: list[Step]) -> Iterator[Film]:
    """Both views of a model, in units of the spread of the true places."""
    true = steps[-1].true
    middle, unit = true.mean(0), float(np.sqrt(np.mean(np.sum((true - true.mean(0)) ** 2, 1))))
    goal = np.column_stack([(true - middle) / unit, np.zeros(len(true))])

    def flat(places: FloatArray, third: FloatArray) -> FloatArray:
        return np.column_stack([(places - middle) / unit, third])

    captions = [_when(step.update) for step in steps]
    turns = [turned(step, 3) for step in steps]
    rests = [step.rest / (2 * float(np.std(step.rest)) or 1.0) for step in steps]
    before, last = f"{name}: " if name else "", steps[-1]
    cast: dict[str, Any] = {
        "names": [f"{city} ({country})" for city, country in zip(last.city, last.country, strict=True)],
        "groups": [NEW_CITIES if new else named(r) for r, new in zip(last.region, last.new, strict=True)],
        "marked": last.new.tolist(),
        "goal": goal,
    }
    yield Film(
        label=f"{before}principal components 1 to 3",
        axes=("turned to east", "turned to north", "third direction"),
        steps=[(c, flat(turn[:, :2], turn[:, 2] / unit)) for c, turn in zip(captions, turns, strict=True)],
        **cast,
    )
    yield Film(
        label=f"{before}decoded places and the rest",
        axes=("decoded east", "decoded north", "first component of the rest"),
        steps=[(c, flat(s.probed, rest)) for c, s, rest in zip(captions, steps, rests, strict=True)],
        **cast,
    )


def _when(update: int | None) -> str:
    if update is None:
        return "at the end"
    return "after 1 update" if update == 1 else f"after {update:,} updates"
