"""Scatter of points by label, the truth above the answers: one column per trigger, one row per arm."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from offdiag.analyses import Frames, select
from offdiag.analyses.selection import filled, final, one_per, require, state_of
from offdiag.errors import NotPlannedError, UserError
from offdiag.figures.style import GREY, Look, counted, footnote, heading, legend, new_figure, styled
from offdiag.stats.replicated import accuracy, interval_words
from offdiag.studies.trigger_2d.analyses.rule_followed import ARMS
from offdiag.studies.trigger_2d.figures.arms import StageFigure, arm_name, category_name, dagger_words, label_looks
from offdiag.studies.trigger_2d.figures.contrast_panels import hatch

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST = 8  # triggers side by side
MANY = 40  # points of a panel; up to so many are drawn at full size
PIXELS = 160  # of the coloured regions, along each side
NO_LABEL = "no label"
SIGNS = {"Q1": (1, 1), "Q2": (-1, 1), "Q3": (-1, -1), "Q4": (1, -1)}


class LabelScatter(StageFigure):
    """The true label and the final answer of each point, with the regions that the labels take up.

    Attributes:
        category: the category whose triggers are drawn. triggers: some of them, in this order; by default all.
        arms: columns whose values tell arms apart, one row each; of several seeds the most frequent answer is drawn.
    """

    tag: ClassVar[str] = "plane"
    category: str
    triggers: tuple[str, ...] = ()
    arms: tuple[str, ...] = ARMS

    def plot(self, frames: Frames) -> "Figure":
        """Draw true labels above, arms' answers below, wrong ones ringed; regions have the colour of the nearest point.

        Raises:
            UserError: nothing is planned for the category, a trigger is unknown, or there are more than eight.
        """
        asked = frames.cells[frames.cells["eval_category"].isin([self.category, "all"])] if len(frames.cells) else None
        if asked is None or asked.empty:
            raise NotPlannedError(f"figure {self.name}: no cell is planned for category {self.category!r}")
        cells = select(filled(final(asked), (*self.arms, *self.where)), self.where, self.match_on)
        panels = self._panels(cells, frames)
        by_arm = cells.groupby(list(self.arms), sort=False)
        states = {key: state_of(rows["state"], "not asked") for key, rows in by_arm}
        words = self._words(panels)
        seen = sorted({label for panel in panels.values() for label in (*panel.truth, *panel.answers)} - {NO_LABEL})
        looks = label_looks(seen)
        reach = 1.04 * max((float(np.abs(panel.points).max()) for panel in panels.values()), default=1.0)
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
            unlearnt = self.unlearnt(frames)
            names = ["truth", *(arm_name(self.arms, key, unlearnt) for key in states)]
            for line, name in zip((above, *below), names, strict=True):
                line[0].set_ylabel(name.replace(", ", ",\n"), fontsize=9.5, fontweight="bold")
            said = footnote(_footnote(panels), dagger_words([self.category], unlearnt), per_line=1)
            heading(figure, f"Answers in the plane: {category_name(self.category, unlearnt)}", said)
            legend(figure, looks, *_marks(panels), where="outside right upper", ls="", mec="none")
        return figure

    def _panels(self, cells: "pd.DataFrame", frames: Frames) -> "dict[tuple[Any, str], _Panel]":
        """Return the panels by arm and trigger, in the order of the cells; none where no cell has answers."""
        done = frames.answers(cells["cell"])
        if done.empty:
            return {}
        for column in ("category", "trigger", "quadrant", "x1", "x2", "target", "parsed", *self.replicates):
            require(done, column)
        done = filled(done[done["category"] == self.category], self.arms)
        one_per(done, [*self.arms, *self.replicates, "problem"], f"figure {self.name}", "arms= or where=")
        by_panel = done.groupby([*self.arms, "trigger"], sort=False)
        return {(key[:-1], str(key[-1])): _panel(rows) for key, rows in by_panel}

    def _words(self, panels: "Mapping[tuple[Any, str], _Panel]") -> list[str]:
        """Return the triggers to draw, in their order."""
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
    """A panel: the points of one trigger ``[n, 2]``, their true labels and the answers.

    Attributes:
        by_quadrant: the true label of each quadrant that has points. n_seeds: how many answers stand behind each label.
    """

    points: NDArray[np.float64]
    truth: list[str]
    answers: list[str]
    by_quadrant: dict[str, str]
    n_seeds: int


def _panel(rows: "pd.DataFrame") -> _Panel:
    """Return the panel of some records; over seeds the answer is the most frequent one, in a tie the first of them."""
    named = rows.assign(parsed=rows["parsed"].astype(object).where(rows["parsed"].notna(), NO_LABEL))
    points = named.groupby("example", sort=False)
    first = points.first()
    return _Panel(
        points=first[["x1", "x2"]].to_numpy(np.float64),
        truth=[str(label) for label in first["target"]],
        answers=[str(answers.mode().iloc[0]) for _, answers in points["parsed"]],
        by_quadrant={str(q): str(t) for q, t in zip(first["quadrant"], first["target"], strict=True)},
        n_seeds=int(rows["cell"].nunique()),
    )


def _truth(axes: "Axes", panel: _Panel | None, word: str, looks: Mapping[str, Look], reach: float) -> None:
    if panel is None:
        hatch(axes, "no result yet", ticks=True)
        return
    for where, label in panel.by_quadrant.items():
        side1, side2 = (sign * reach for sign in SIGNS[where])
        colour = looks[label].colour
        axes.fill([0, side1, side1, 0], [0, 0, side2, side2], color=colour, alpha=0.22, lw=0, gid="region")
    _scatter(axes, panel.points, panel.truth, panel.truth, looks)
    axes.set_title(word, fontweight="bold", fontsize=10.5)


def _answers(axes: "Axes", panel: _Panel | None, state: str, looks: Mapping[str, Look], reach: float) -> None:
    if panel is None:
        hatch(axes, state, ticks=True)
        return
    from matplotlib.colors import to_rgba

    along = (np.arange(PIXELS) + 0.5) / PIXELS * 2 * reach - reach
    pixels = np.stack(np.meshgrid(along, along), axis=-1)
    nearest = ((pixels[:, :, None, :] - panel.points) ** 2).sum(-1).argmin(-1)
    colours = np.array([to_rgba(looks[label].colour if label in looks else "white", 0.22) for label in panel.answers])
    extent = (-reach, reach, -reach, reach)
    axes.imshow(colours[nearest], origin="lower", extent=extent, interpolation="nearest", aspect="auto", gid="region")
    _scatter(axes, panel.points, panel.answers, panel.truth, looks)
    right = accuracy([[answer == truth for answer, truth in zip(panel.answers, panel.truth, strict=True)]])
    share, low, high = (f"{100 * number:.0f}" for number in (right.value, right.low, right.high))
    axes.set_title(f"{share} % [{low}, {high}]", fontsize=8.5, color=GREY, pad=3)


def _scatter(
    axes: "Axes", points: NDArray[np.float64], shown: list[str], truth: list[str], looks: Mapping[str, Look]
) -> None:
    size = 30 if len(points) <= MANY else 16
    for label in (*looks, NO_LABEL):
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
                    clip_on=False,  # a point at the edge keeps its whole marker
                    gid=label,
                    **edge,
                )


def _frame(axes: "Axes", reach: float) -> None:
    axes.axhline(0, color=GREY, lw=0.8, zorder=2)
    axes.axvline(0, color=GREY, lw=0.8, zorder=2)
    axes.grid(visible=False)
    axes.set(xlim=(-reach, reach), ylim=(-reach, reach), box_aspect=1)
    axes.tick_params(labelsize=8)


def _footnote(panels: "Mapping[tuple[Any, str], _Panel]") -> str:
    if not panels:
        return "no cell is done"
    points = counted((len(panel.answers) for panel in panels.values()), "point")
    seeds = max(panel.n_seeds for panel in panels.values())
    return footnote(
        "x1 across, x2 up",
        f"{points} per trigger",
        "" if seeds == 1 else f"the answer of most of {seeds} seeds",
        "percent right with {} ({})".format(*interval_words()),
        per_line=4,
    )


def _marks(panels: "Mapping[tuple[Any, str], _Panel]") -> "list[Artist]":
    """Return the legend's entries of answers without a label and of wrong answers, as far as there are any."""
    from matplotlib.lines import Line2D

    style: dict[str, Any] = {"ls": "", "ms": 6.5}
    entries: list[Artist] = []
    if any(NO_LABEL in panel.answers for panel in panels.values()):
        entries.append(Line2D([], [], marker="X", mfc="white", mec="black", label=NO_LABEL, **style))
    if any(panel.answers != panel.truth for panel in panels.values()):
        entries.append(Line2D([], [], marker="o", mfc="none", mec="black", mew=1.3, label="wrong", **style))
    return entries
