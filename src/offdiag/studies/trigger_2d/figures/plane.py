"""Truth beside prediction in the plane of points: one column a trigger, one row an arm."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from offdiag.analyses import Frames, select
from offdiag.analyses.selection import filled, require
from offdiag.errors import UserError
from offdiag.figures.figure import StudyFigure
from offdiag.figures.style import GREY, PALE, Look, heading, new_figure, styled
from offdiag.stats import wilson
from offdiag.studies.trigger_2d.analyses.outcomes import ARMS, final
from offdiag.studies.trigger_2d.figures.arms import arm_name, category_name, label_looks

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST = 8  # triggers side by side
MANY = 40  # points that are drawn at full size
FINE = 160  # pixels of a region along each side
SILENT = "no label"
SIGNS = {"Q1": (1, 1), "Q2": (-1, 1), "Q3": (-1, -1), "Q4": (1, -1)}


class Plane(StudyFigure):
    """What each point is and what it was called at the end, with the regions that the labels take.

    Attributes:
        category: the category whose triggers are drawn. triggers: some of them, in this order; by default all.
        arms: columns whose values tell the arms, one row each. Several seeds are drawn as one, by their majority.
        replicates: columns that tell repetitions of one arm apart: seeds.
    """

    tag: ClassVar[str] = "plane"
    category: str
    triggers: tuple[str, ...] = ()
    arms: tuple[str, ...] = ARMS
    replicates: tuple[str, ...] = ("seed",)

    def plot(self, frames: Frames) -> "Figure":
        """The true labels above, below them an arm's answers, wrong ones ringed; a region has its nearest answer.

        Raises:
            UserError: nothing is planned for the category, a trigger is unknown, or there are more than eight.
        """
        asked = frames.cells[frames.cells["eval_category"].isin([self.category, "all"])] if len(frames.cells) else None
        if asked is None or asked.empty:
            raise UserError(f"figure {self.name}: no cell is planned for category {self.category!r}")
        cells = select(filled(final(asked), (*self.arms, *self.where)), self.where, self.match_on)
        panels = self._panels(cells, frames)
        states = {key: _state(rows) for key, rows in cells.groupby(list(self.arms), sort=False)}
        words = self._words(panels)
        seen = sorted({label for one in panels.values() for label in (*one.truth, *one.said)} - {SILENT})
        looks = label_looks(seen)
        reach = 1.04 * max((float(np.abs(one.points).max()) for one in panels.values()), default=1.0)
        with styled():
            figure = new_figure(1.5 + 1.75 * max(len(words), 2), 1.4 + 1.8 * (1 + len(states)))
            above, *below = figure.subplots(
                1 + len(states), max(len(words), 1), sharex=True, sharey=True, squeeze=False
            ).tolist()
            for axes, word in zip(above, words or [""], strict=True):
                _frame(axes, reach)
                _truth(axes, next((p for (_, w), p in panels.items() if w == word), None), word, looks, reach)
            for (key, state), line in zip(states.items(), below, strict=True):
                for axes, word in zip(line, words or [""], strict=True):
                    _frame(axes, reach)
                    _answers(axes, panels.get((key, word)), state, looks, reach)
            names = ["truth", *(arm_name(self.arms, key) for key in states)]
            for line, name in zip((above, *below), names, strict=True):
                line[0].set_ylabel(name.replace(", ", ",\n"), fontsize=9.5, fontweight="bold")
            heading(figure, f"Answers in the plane: {category_name(self.category)}", _footnote(panels))
            _legend(figure, looks, panels)
        return figure

    def _panels(self, cells: "pd.DataFrame", frames: Frames) -> "dict[tuple[Any, str], _Panel]":
        """By arm and trigger, in the order of the cells; without the records of any, none."""
        done = frames.answers(cells["cell"])
        if done.empty:
            return {}
        for column in ("category", "trigger", "quadrant", "x1", "x2", "target", "parsed", *self.replicates):
            require(done, column)
        done = filled(done[done["category"] == self.category], self.arms)
        twice = done.duplicated([*self.arms, *self.replicates, "problem"])
        if twice.any():
            both = " and ".join(done.loc[done["problem"] == done[twice]["problem"].iloc[0], "cell"].unique()[:2])
            raise UserError(f"figure {self.name}: {both} answer the same points; tell them apart with arms= or where=")
        by_spot = done.groupby([*self.arms, "trigger"], sort=False)
        return {(key[:-1], str(key[-1])): _panel(rows) for key, rows in by_spot}

    def _words(self, panels: "Mapping[tuple[Any, str], _Panel]") -> list[str]:
        there = list(dict.fromkeys(word for _, word in panels))
        unknown = [word for word in self.triggers if word not in there] if there else []
        if unknown:
            raise UserError(f"figure {self.name}: no answers for trigger {unknown[0]!r}; there are {', '.join(there)}")
        words = [word for word in self.triggers or there if word in there]
        if len(words) > MOST:
            raise UserError(
                f"figure {self.name}: {len(words)} triggers do not fit side by side; name up to {MOST} of them"
            )
        return words


class _Panel(NamedTuple):
    """The points of one trigger ``[n, 2]``, their labels and what they were called.

    Attributes:
        by_quadrant: the true label of each quadrant that has points. n_seeds: how many answers a label stands for.
    """

    points: NDArray[np.float64]
    truth: list[str]
    said: list[str]
    by_quadrant: dict[str, str]
    n_seeds: int


def _panel(rows: "pd.DataFrame") -> _Panel:
    """Points are averaged over seeds: the most frequent answer, the first of them where several are."""
    said = rows.assign(parsed=rows["parsed"].astype(object).where(rows["parsed"].notna(), SILENT))
    points = said.groupby("example", sort=False)
    first = points.first()
    return _Panel(
        points=first[["x1", "x2"]].to_numpy(np.float64),
        truth=[str(label) for label in first["target"]],
        said=[str(answers.mode().iloc[0]) for _, answers in points["parsed"]],
        by_quadrant={str(q): str(t) for q, t in zip(first["quadrant"], first["target"], strict=True)},
        n_seeds=int(rows["cell"].nunique()),
    )


def _truth(axes: "Axes", panel: _Panel | None, word: str, looks: Mapping[str, Look], reach: float) -> None:
    if panel is None:
        _absent(axes, "no result yet")
        return
    for where, label in panel.by_quadrant.items():
        side1, side2 = (sign * reach for sign in SIGNS[where])
        colour = looks[label].colour
        axes.fill([0, side1, side1, 0], [0, 0, side2, side2], color=colour, alpha=0.22, lw=0, gid="region")
    _scatter(axes, panel.points, panel.truth, panel.truth, looks)
    axes.set_title(word, fontweight="bold", fontsize=10.5)


def _answers(axes: "Axes", panel: _Panel | None, state: str, looks: Mapping[str, Look], reach: float) -> None:
    if panel is None:
        _absent(axes, state)
        return
    from matplotlib.colors import to_rgba

    along = (np.arange(FINE) + 0.5) / FINE * 2 * reach - reach
    places = np.stack(np.meshgrid(along, along), axis=-1)
    nearest = ((places[:, :, None, :] - panel.points) ** 2).sum(-1).argmin(-1)
    colours = np.array([to_rgba(looks[label].colour if label in looks else "white", 0.22) for label in panel.said])
    extent = (-reach, reach, -reach, reach)
    axes.imshow(colours[nearest], origin="lower", extent=extent, interpolation="nearest", aspect="auto", gid="region")
    _scatter(axes, panel.points, panel.said, panel.truth, looks)
    right = sum(said == truth for said, truth in zip(panel.said, panel.truth, strict=True))
    low, high = wilson(right, len(panel.said))
    share = 100 * right / len(panel.said)
    axes.set_title(f"{share:.0f} % [{100 * float(low):.0f}, {100 * float(high):.0f}]", fontsize=8.5, color=GREY, pad=3)


def _absent(axes: "Axes", state: str) -> None:
    from matplotlib.patches import Rectangle

    hatched: dict[str, Any] = {"facecolor": "white", "edgecolor": PALE, "hatch": "////", "lw": 0, "gid": "absent"}
    axes.add_patch(Rectangle((0, 0), 1, 1, transform=axes.transAxes, zorder=2.5, **hatched))
    box = {"facecolor": "white", "edgecolor": "none", "pad": 1.5}
    text = axes.text(0.5, 0.5, state, transform=axes.transAxes, ha="center", va="center", color=GREY, bbox=box)
    text.set(fontsize=8.5, zorder=3)


def _scatter(
    axes: "Axes", points: NDArray[np.float64], shown: list[str], truth: list[str], looks: Mapping[str, Look]
) -> None:
    size = 30 if len(points) <= MANY else 16
    for label in (*looks, SILENT):
        for wrong in (False, True):
            chosen = [s == label and (s != t) == wrong for s, t in zip(shown, truth, strict=True)]
            if any(chosen):
                look = looks.get(label, Look("white", "X"))
                edge: dict[str, Any] = {"edgecolors": "black", "linewidths": 1.2} if wrong else {"edgecolors": "white"}
                axes.scatter(
                    points[chosen, 0],
                    points[chosen, 1],
                    s=size,
                    c=look.colour,
                    marker=look.marker,
                    zorder=3,
                    gid=label,
                    **edge,
                )


def _frame(axes: "Axes", reach: float) -> None:
    axes.axhline(0, color=GREY, lw=0.8, zorder=2)
    axes.axvline(0, color=GREY, lw=0.8, zorder=2)
    axes.grid(visible=False)
    axes.set(xlim=(-reach, reach), ylim=(-reach, reach), box_aspect=1)
    axes.tick_params(labelsize=8)


def _state(cells: "pd.DataFrame") -> str:
    """Why an arm has no answers."""
    return next((str(state) for state in cells["state"] if state != "done"), "not asked")


def _footnote(panels: "Mapping[tuple[Any, str], _Panel]") -> str:
    if not panels:
        return "no cell is done"
    sizes = sorted({len(one.said) for one in panels.values()})
    points = f"{sizes[0]}" if len(sizes) == 1 else f"{sizes[0]} to {sizes[-1]}"
    seeds = max(one.n_seeds for one in panels.values())
    whose = "" if seeds == 1 else f" · the answer of most of {seeds} seeds"
    return f"x1 across, x2 up · {points} points a trigger{whose} · percent right with 95 % interval (Wilson)"


def _legend(figure: "Figure", looks: Mapping[str, Look], panels: "Mapping[tuple[Any, str], _Panel]") -> None:
    from matplotlib.lines import Line2D

    style: dict[str, Any] = {"ls": "", "ms": 6.5}
    entries = [
        Line2D([], [], color=look.colour, marker=look.marker, label=name, **style) for name, look in looks.items()
    ]
    said = [label for one in panels.values() for label in one.said]
    if SILENT in said:
        entries.append(Line2D([], [], marker="X", mfc="white", mec="black", label=SILENT, **style))
    if any(s != t for one in panels.values() for s, t in zip(one.said, one.truth, strict=True)):
        entries.append(Line2D([], [], marker="o", mfc="none", mec="black", mew=1.3, label="wrong", **style))
    if entries:
        figure.legend(handles=entries, loc="outside right upper")
