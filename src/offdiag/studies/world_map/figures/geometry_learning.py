"""Figure of accuracy or error per geometry over pre-training, beside what guessing scores."""

from typing import TYPE_CHECKING, ClassVar

import numpy as np

from offdiag.analyses import Frames
from offdiag.errors import NotPlannedError
from offdiag.figures.figure import StudyFigure
from offdiag.figures.style import GREY, Look, counted, footnote, heading, looks, new_figure, styled
from offdiag.studies.world_map.analyses.city_cells import ARMS, Cities
from offdiag.studies.world_map.analyses.task_learning import TaskLearning
from offdiag.studies.world_map.task import NAMES

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

ACROSS = 4
LEAST_ERROR = 0.05  # where an error of zero is drawn


class GeometryLearning(StudyFigure):
    """One panel per geometry: accuracy, or mean error of the parsed answers, against updates; one curve per arm.

    Attributes:
        arms: columns with one curve per combination of values. cities: which ones are asked about.
    """

    tag: ClassVar[str] = "geometry-learning"
    arms: tuple[str, ...] = ARMS
    cities: Cities = "real"

    def plot(self, frames: Frames) -> "Figure":
        """Draw means over seeds with 95 % bands; dotted: the best guess from the number of cities in the question.

        Raises:
            UserError: no pre-trained arm is asked about these cities.
        """
        settings = TaskLearning(
            name=self.name, where=self.where, match_on=self.match_on, arms=self.arms, over_training=True
        )
        table = frames.table(settings)
        table = table[table["cities"] == self.cities] if len(table) else table
        if table.empty:
            raise NotPlannedError(f"figure {self.name}: no pre-trained arm is asked about cities={self.cities}")
        geometries = [name for name in NAMES if name in set(table["geometry"])]
        keys = list(dict.fromkeys(table[list(self.arms)].itertuples(index=False, name=None)))
        style = dict(zip(keys, looks(len(keys)), strict=True))
        across = min(ACROSS, len(geometries))
        down = -(-len(geometries) // across)
        with styled():
            figure = new_figure(0.9 + 2.75 * across + (0 if across * down > len(geometries) else 1.8), 1.0 + 2.5 * down)
            panels = list(figure.subplots(down, across, squeeze=False, sharex=True).flat)
            for axes, geometry in zip(panels, geometries, strict=False):
                here = table[table["geometry"] == geometry]
                for key, look in style.items():
                    _curve(axes, here[(here[list(self.arms)] == list(key)).all(axis=1)], look)
                _frame(axes, here, geometry)
            _legend(figure, panels[len(geometries) :], {" ".join(map(str, key)): look for key, look in style.items()})
            for axes in panels[max(0, len(geometries) - across) : len(geometries)]:
                axes.tick_params(axis="x", labelbottom=True)
                axes.set_xlabel("updates")
            group = "ordinary" if self.cities == "real" else "new"
            heading(figure, f"Accuracy or error per geometry over pre-training, {group} cities", _footnote(table))
        return figure


def _curve(axes: "Axes", rows: "pd.DataFrame", look: Look) -> None:
    rows = rows[rows["result"].notna()].sort_values("update")
    x = rows["update"].to_numpy(np.float64)
    value, low, high = (rows[name].to_numpy(np.float64) for name in ("result", "low", "high"))
    if len(rows) and rows["measure"].iloc[0] == "error":
        value, low, high = (np.maximum(part, LEAST_ERROR) for part in (value, low, high))
    axes.fill_between(x, low, high, color=look.colour, alpha=0.13, lw=0, gid="band")
    axes.plot(x, value, color=look.colour, marker=look.marker, ms=4, mec="white", mew=0.5, lw=1.5, gid="curve")


def _frame(axes: "Axes", rows: "pd.DataFrame", geometry: str) -> None:
    from matplotlib.ticker import NullLocator

    axes.set_title("triangle area" if geometry == "trianglearea" else geometry, loc="left")
    guess = rows["by_size"].dropna()
    if len(guess):
        axes.axhline(float(guess.mean()), color=GREY, ls=":", lw=1.3, zorder=1, gid="guess")
    else:
        axes.text(0.5, 0.5, "no result yet", transform=axes.transAxes, ha="center", color=GREY)
    if rows["measure"].iloc[0] == "accuracy":
        axes.set(ylim=(-0.03, 1.03), ylabel="accuracy")
    elif len(guess):
        errors = np.maximum(rows["result"].dropna().to_numpy(np.float64), LEAST_ERROR)
        top = max(float(errors.max()), float(guess.max()))
        axes.set(yscale="log", ylabel="mean error", ylim=(float(errors.min()) / 2.5, 2.5 * top))
    updates = rows["update"].to_numpy(np.float64)
    first = float(min(updates[updates > 0], default=1.0))
    axes.set_xscale("symlog", linthresh=first, linscale=0.4)
    decades = [10**power for power in range(7) if 1.3 * first <= 10**power <= updates.max()]
    ticks = [*([0] if updates.min() == 0 else []), *(decades or [updates.max()])]
    axes.set_xticks(ticks, [f"{tick:g}" if tick < 1e4 else f"{tick:.0e}".replace("e+0", "e") for tick in ticks])
    axes.xaxis.set_minor_locator(NullLocator())


def _legend(figure: "Figure", spare: "list[Axes]", style: dict[str, Look]) -> None:
    """Draw the legend into the first panel that is left over, or beside the panels where none is."""
    from matplotlib.lines import Line2D

    entries = [Line2D([], [], color=look.colour, marker=look.marker, ms=5, label=n) for n, look in style.items()]
    entries.append(Line2D([], [], color=GREY, ls=":", lw=1.3, label="best guess from\nthe number of cities"))
    for axes in spare:
        axes.set_axis_off()
    if spare:
        spare[0].legend(handles=entries, loc="center left")
    else:
        figure.legend(handles=entries, loc="outside right center")


def _footnote(table: "pd.DataFrame") -> str:
    done = table[table["n_seeds"] > 0]
    if done.empty:
        return "no cell is done"
    over = "items" if set(done["n_seeds"]) == {1} else "seeds and items"
    worst = float(done["unparsed"].max())
    return footnote(
        f"{counted(done['n_items'], 'item')} per point, {counted(done['n_seeds'], 'seed')}",
        f"bands: 95 % interval over {over}",
        f"up to {100 * worst:.0f} % of the answers unparsed, left out of errors" if worst else "",
        f"{len(table) - len(done)} of {len(table)} points have no result" if len(done) < len(table) else "",
        per_line=4,
    )
