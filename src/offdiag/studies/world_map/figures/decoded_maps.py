"""Figure and 3-D animation of the maps decoded from hidden states, beside the true map."""

from collections.abc import Iterator
from textwrap import fill
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from offdiag.analyses import Frames
from offdiag.figures.figure import StudyFigure
from offdiag.figures.scatter_3d import Animation, Scatter3D
from offdiag.figures.style import counted, footnote, heading, new_figure, styled
from offdiag.stats import FloatArray
from offdiag.stats.coordinate_probe import probe_quality
from offdiag.studies.world_map.analyses.decoded_maps import MapSnapshot, read_maps, rotate_to_map
from offdiag.studies.world_map.figures.city_map import COLOURS, LEGEND_SIZE, NEW, region_label

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST = 4  # models in one figure
NEW_CITIES = "new cities"


class CityMaps(StudyFigure):
    """Every city at its true place, where linear probes put it, and where the first principal components do.

    The interactive page has all snapshots: the first three components rotated to the map, and the two probe directions
    with the first component of the rest. The figure shows the end of each training, for the first four models.
    """

    tag: ClassVar[str] = "city-maps"

    def plot(self, frames: Frames) -> "Figure":
        """Draw a row per model: true places, decoded places, principal components rotated and scaled to the map.

        Raises:
            UserError: see :func:`offdiag.studies.world_map.analyses.decoded_maps.read_maps`.
        """
        models = read_maps(frames, self.where, f"figure {self.name}")
        left_out = max(len(models) - MOST, 0)
        models = dict(list(models.items())[:MOST])
        with styled():
            figure = new_figure(12.6, 1.2 + max(len(models), 1) * (0.7 + 3.3 * _proportion(models)))
            grid = figure.subplots(max(len(models), 1), 3, sharex=True, sharey=True, squeeze=False)
            for row, (name, snapshots) in zip(grid, models.items(), strict=False):
                _draw_model(row, snapshots[-1])
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

    def scatter_3d(self, frames: Frames) -> Scatter3D | None:
        models = read_maps(frames, self.where, f"figure {self.name}")
        if not models:
            return None
        animations = [animation for name, snapshots in models.items() for animation in _animations(name, snapshots)]
        seen = {group for animation in animations for group in animation.groups}
        labels = {region_label(region): colour for region, colour in COLOURS.items()}
        colours = {label: colour for label, colour in labels.items() if label in seen}
        return Scatter3D(
            title=self.caption.partition(".")[0] or "The map in the states",
            colours=colours | {NEW_CITIES: NEW},
            marked=frozenset({NEW_CITIES}),
            animations=animations,
        )


def _draw_model(row: "list[Axes]", snapshot: MapSnapshot) -> None:
    ordinary = ~snapshot.new
    quality = probe_quality(snapshot.true[ordinary], snapshot.probed[ordinary], n_resamples=1000).r2
    panels = {
        "true places": snapshot.true,
        f"decoded: R² {quality.value:.2f} [{quality.low:.2f}, {quality.high:.2f}]".replace(
            "-", "\N{MINUS SIGN}"
        ): snapshot.probed,
        f"components 1 and 2 (first three: {snapshot.share:.0%})": rotate_to_map(snapshot, 2),
    }
    for axes, (title, places) in zip(row, panels.items(), strict=True):
        _dots(axes, snapshot, places)
        axes.set_title(title)
        axes.set_aspect("equal")
        axes.grid(visible=True, axis="both")
    low, high = _reach(snapshot)
    row[0].set(xlim=(low[0], high[0]), ylim=(low[1], high[1]))


def _reach(snapshot: MapSnapshot) -> tuple[FloatArray, FloatArray]:
    """Return the west and south, and the east and north ends of what is drawn, ``[2]`` each."""
    low, high = snapshot.true.min(0), snapshot.true.max(0)
    margin = 0.1 * float((high - low).max())
    return low - margin, high + margin


def _proportion(models: dict[str, list[MapSnapshot]]) -> float:
    """Return height over width of a panel."""
    if not models:
        return 0.5
    low, high = _reach(next(iter(models.values()))[-1])
    width, height = high - low
    return float(height / width)


def _dots(axes: "Axes", snapshot: MapSnapshot, places: FloatArray) -> None:
    """Draw each city at its row of ``places`` ``[cities, 2]``."""
    size = float(np.clip(12_000 / len(places), 3, 30))
    region = np.array(snapshot.region)
    for name, colour in COLOURS.items():
        here = (region == name) & ~snapshot.new
        if here.any():
            x, y = places[here].T
            axes.scatter(x, y, s=size, color=colour, lw=0, label=region_label(name), gid=name)
    mark: dict[str, Any] = {"marker": "D", "s": 1.6 * size, "color": NEW, "edgecolor": "white", "linewidth": 0.3}
    x, y = places[snapshot.new].T
    axes.scatter(x, y, label=NEW_CITIES, gid="new", zorder=3, **mark)


def _legend(figure: "Figure", axes: "Axes") -> None:
    from matplotlib.collections import PathCollection

    legend = figure.legend(*axes.get_legend_handles_labels(), loc="outside right center", handletextpad=0.3)
    for handle in legend.legend_handles:
        if isinstance(handle, PathCollection):
            handle.set_sizes([LEGEND_SIZE])


def _footnote(models: dict[str, list[MapSnapshot]], left_out: int) -> str:
    if not models:
        return "nothing is measured yet"
    new = [snapshots[-1].new for snapshots in models.values()]
    return footnote(
        f"{counted([(~each).sum() for each in new], 'ordinary city')} and "
        f"{counted([each.sum() for each in new], 'new city')}",
        "decoded by linear probes of ordinary cities that have not seen the city; R² of the ordinary ones with its "
        "95 % interval over cities",
        "components are rotated and scaled as a whole to the ordinary cities, never stretched; what lies outside the "
        "frame is not drawn",
        f"{left_out} more models on the interactive page" if left_out else "",
    )


def _animations(name: str, snapshots: list[MapSnapshot]) -> Iterator[Animation]:
    """Yield both views of a model, in units of the spread of the true places."""
    last = snapshots[-1]
    true = last.true
    middle, unit = true.mean(0), float(np.sqrt(np.mean(np.sum((true - true.mean(0)) ** 2, 1))))
    goal = np.column_stack([(true - middle) / unit, np.zeros(len(true))])

    def scaled(places: FloatArray, third: FloatArray) -> FloatArray:
        return np.column_stack([(places - middle) / unit, third])

    captions = [_when(snapshot.update) for snapshot in snapshots]
    components = [rotate_to_map(snapshot, 3) for snapshot in snapshots]
    rests = [snapshot.rest / (2 * float(np.std(snapshot.rest)) or 1.0) for snapshot in snapshots]
    prefix = f"{name}: " if name else ""
    points: dict[str, Any] = {
        "names": [f"{city} ({country})" for city, country in zip(last.city, last.country, strict=True)],
        "groups": [NEW_CITIES if new else region_label(r) for r, new in zip(last.region, last.new, strict=True)],
        "marked": last.new.tolist(),
        "goal": goal,
    }
    yield Animation(
        label=f"{prefix}principal components 1 to 3",
        axes=("rotated to east", "rotated to north", "third direction"),
        steps=[(c, scaled(xyz[:, :2], xyz[:, 2] / unit)) for c, xyz in zip(captions, components, strict=True)],
        **points,
    )
    yield Animation(
        label=f"{prefix}decoded places and the rest",
        axes=("decoded east", "decoded north", "first component of the rest"),
        steps=[(c, scaled(s.probed, rest)) for c, s, rest in zip(captions, snapshots, rests, strict=True)],
        **points,
    )


def _when(update: int | None) -> str:
    if update is None:
        return "at the end"
    return "after 1 update" if update == 1 else f"after {update:,} updates"
