"""Bars by what was learnt from, beside the untrained learner's: any number of them, in rows and columns of panels."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import numpy as np

from offdiag.analyses import Frames
from offdiag.errors import UserError
from offdiag.figures.figure import StudyFigure
from offdiag.figures.style import GREY, heading, new_figure, styled
from offdiag.studies.easy_to_hard.analyses.accuracy_over_draws import AccuracyOverDraws
from offdiag.studies.easy_to_hard.analyses.generalisation_gap import GeneralisationGap
from offdiag.studies.easy_to_hard.figures.draws_footnote import draws_footnote
from offdiag.studies.easy_to_hard.figures.levels import LEVEL_LOOKS, ORDER, UNTRAINED

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LEVEL = "train_level"
OF_LEARNERS = ("learner", "method")  # columns in which the untrained learner differs from all it is compared with
MOST_LABELLED = 8  # bars of a panel with their values
WIDTH, WIDEST = 0.8, 0.3  # of a group, and of a bar in it
Y_LABELS = {"accuracy": "accuracy", "gap": "hard less own level"}


class Spot(NamedTuple):
    """A bar: where it stands, the level that it is for, and its row of the table."""

    x: float
    level: str
    row: dict[Any, Any]


class TrainingBars(StudyFigure):
    """Groups of bars with intervals; one bar for each level that is learnt from, the untrained learner's before them.

    Attributes:
        of: what is drawn; its ``where`` and ``own`` are those that count.
        groups: columns whose combinations stand side by side; with ``train_level`` among them each bar has its place.
        rows, columns: column with one row, or one column, of panels a value.
        words: what is written for a group (its values with a blank between them) instead of its values.
        title: in words.
    """

    tag: ClassVar[str] = "training-bars"
    of: AccuracyOverDraws | GeneralisationGap
    groups: tuple[str, ...] = ("eval_hardness",)
    rows: str = "model"
    columns: str = "learner"
    words: Mapping[str, str] = {}
    title: str

    def plot(self, frames: Frames) -> "Figure":
        """The bars; those without a result are crosses on the axis.

        Raises:
            UserError: nothing is trained, or two rows claim one bar.
        """
        table = frames.table(self.of)
        trained = table[table[LEVEL].notna()]
        if trained.empty:
            raise UserError(f"figure {self.name}: nothing is trained")
        rows, columns = (list(dict.fromkeys(trained[name])) for name in (self.rows, self.columns))
        groups = list(dict.fromkeys(trained[list(self.groups)].itertuples(index=False, name=None)))
        levels = [level for level in ORDER if level in set(trained[LEVEL]) or (level == UNTRAINED and self._has(table))]
        spots = {
            (row, column): list(self._spots(table, {self.rows: row, self.columns: column}, groups, levels))
            for row in rows
            for column in columns
        }
        most = max(map(len, spots.values()))
        with styled():
            width = 2.2 + max(2.6, 0.9 + 0.21 * most) * len(columns)
            figure = new_figure(max(width, 6.4), 1.5 + 2.9 * len(rows))
            grid = figure.subplots(len(rows), len(columns), sharex=True, sharey=True, squeeze=False)
            for (row, column), axes in zip(spots, grid.flat, strict=True):
                self._panel(axes, spots[row, column])
                axes.set_title(_plain(column) if row == rows[0] else "", loc="left")
                self._ticks(axes, groups)
            for axes, row in zip(grid[:, 0], rows, strict=True):
                axes.set_ylabel(self._row_words(row, alone=len(rows) == 1))
            self._scale(grid[0, 0], table)
            heading(figure, self.title, draws_footnote(trained, "bar"))
            _legend(figure, levels, table)
        return figure

    def _has(self, table: "pd.DataFrame") -> bool:
        return bool(table[LEVEL].isna().any())

    def _spots(
        self, table: "pd.DataFrame", panel: Mapping[str, Any], groups: list[tuple[Any, ...]], levels: list[str]
    ) -> Iterator[Spot]:
        """The bars of a panel."""
        single = LEVEL in self.groups
        if single and UNTRAINED in levels:
            yield from (Spot(-1.0, UNTRAINED, row) for row in self._of(table, panel, UNTRAINED))
        for place, key in enumerate(groups):
            here = {**panel, **dict(zip(self.groups, key, strict=True))}
            for number, level in enumerate(levels):
                if not single:
                    x = place + WIDTH * ((number + 0.5) / len(levels) - 0.5)
                    yield from (Spot(x, level, row) for row in self._of(table, here, level))
                elif here[LEVEL] == level:
                    yield from (Spot(place, level, row) for row in self._of(table, here, level))

    def _of(self, table: "pd.DataFrame", place: Mapping[str, Any], level: str) -> list[dict[Any, Any]]:
        """The row of a bar, if there is one; the untrained learner is the same for all learners."""
        if level == UNTRAINED:
            found = table[table[LEVEL].isna()]
            for column, value in place.items():
                if column not in OF_LEARNERS:
                    found = found[found[column].isna() | (found[column] == value).fillna(False).astype(bool)]
        else:
            found = table[(table[LEVEL] == level).fillna(False).astype(bool)]
            for column, value in place.items():
                found = found[(found[column] == value).fillna(False).astype(bool)]
        if len(found) > 1:
            raise UserError(
                f"figure {self.name}: {len(found)} rows claim the bar of {level} at "
                f"{', '.join(map(str, place.values()))}: single one out with where= of its table"
            )
        return found.to_dict("records")

    def _panel(self, axes: "Axes", spots: list[Spot]) -> None:
        n_levels = max(1, len({spot.level for spot in spots}))
        width = 0.7 if LEVEL in self.groups else min(WIDEST, 0.92 * WIDTH / n_levels)
        for x, level, row in spots:
            if row["state"] != "done":
                axes.plot(x, 0.02, "x", color=GREY, ms=6, transform=axes.get_xaxis_transform(), gid="absent")
                continue
            value, low, high = (float(row[name]) for name in (self.of.value, "low", "high"))
            look = LEVEL_LOOKS[level]
            axes.bar(x, value, width, color=look.colour, hatch=look.hatch, ec="white", lw=0.6, zorder=2, gid="bar")
            axes.vlines(x, low, high, color="black", lw=1.1, zorder=3)
            if len(spots) <= MOST_LABELLED:
                up = value >= 0
                text = f"{100 * value:.1f}".replace("-", "−")
                axes.annotate(text, (x, high if up else low), xytext=(0, 2 if up else -2), textcoords="offset points",
                              ha="center", va="bottom" if up else "top", fontsize=8, gid="label")  # fmt: skip

    def _ticks(self, axes: "Axes", groups: list[tuple[Any, ...]]) -> None:
        texts = [self.words.get(" ".join(map(str, key)), "\n".join(map(_plain, key))) for key in groups]
        places: list[float] = list(range(len(groups)))
        if LEVEL in self.groups:
            places, texts = [-1.0, *places], [UNTRAINED, *texts]
        tilted = len(texts) > 2 and max(len(line) for text in texts for line in text.split("\n")) > 9
        turned: dict[str, Any] = {"rotation": 25, "ha": "right", "rotation_mode": "anchor"} if tilted else {}
        axes.set_xticks(places, texts, **turned)
        axes.set_xlim(places[0] - 0.6, places[-1] + 0.6)
        axes.tick_params(axis="x", length=0)

    def _row_words(self, value: Any, *, alone: bool) -> str:
        words = Y_LABELS[self.of.value]
        if self.rows == "asked":
            return f"{words},\n{value} items"
        return words if alone else f"{_plain(value)}\n{words}"

    def _scale(self, axes: "Axes", table: "pd.DataFrame") -> None:
        from matplotlib.ticker import PercentFormatter

        low, high = (table[name].to_numpy(np.float64) for name in ("low", "high"))
        least, most = float(np.nanmin([0.0, *low])), float(np.nanmax([0.05, *high]))
        room = 0.09 * (most - least)
        axes.set_ylim(least - room if least < 0 else 0, min(most + room, 1.06))
        axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))


def _plain(value: object) -> str:
    return str(value).replace("_", " ")


def _legend(figure: "Figure", levels: list[str], table: "pd.DataFrame") -> None:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    entries: list[Any] = [
        Patch(fc=LEVEL_LOOKS[level].colour, hatch=LEVEL_LOOKS[level].hatch, ec="white", label=level.replace("_", " "))
        for level in levels
    ]
    if (table["state"] != "done").any():
        entries.append(Line2D([], [], color=GREY, ls="", marker="x", label="no result yet,\nor failed"))
    figure.legend(handles=entries, loc="outside right center", title="learnt from")
