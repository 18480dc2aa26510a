"""Figure of accuracy or gap as bars by training level, beside the untrained learner, in a grid of panels."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import numpy as np

from offdiag.analyses import Frames
from offdiag.analyses.selection import DONE, one_per
from offdiag.errors import NotPlannedError
from offdiag.figures.figure import StudyFigure
from offdiag.figures.style import GREY, absent_entry, heading, legend, new_figure, styled
from offdiag.studies.easy_to_hard.analyses.accuracy_over_draws import AccuracyOverDraws
from offdiag.studies.easy_to_hard.analyses.generalisation_gap import GeneralisationGap
from offdiag.studies.easy_to_hard.figures.style import LEVEL_LOOKS, ORDER, UNTRAINED, draws_footnote, level_entry

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LEVEL = "train_level"
OF_LEARNERS = ("learner", "method")  # columns in which the untrained learner differs from all it is compared with
MOST_LABELLED = 8  # a panel with more bars does not write their values
WIDTH, WIDEST = 0.8, 0.3  # width of a group, and the largest of a bar in it; 1 from group to group
Y_LABELS = {"accuracy": "accuracy", "gap": "hard minus training level"}


class _Bar(NamedTuple):
    """A bar: its place on the x axis, its training level, and its row of the table."""

    x: float
    level: str
    row: dict[Any, Any]


class TrainingBars(StudyFigure):
    """Groups of bars with intervals: the untrained learner first, then one bar per training level.

    Attributes:
        of: the table to draw; its ``where`` and ``match_on`` count, those of the figure do not.
        groups: columns whose combinations stand side by side; with ``train_level`` among them each group is one bar.
        rows, columns: a column of the table each; one row, or one column, of panels per value.
        words: label of a group (its values joined by blanks) -> what to write instead.
        title: of the figure.
    """

    tag: ClassVar[str] = "training-bars"
    of: AccuracyOverDraws | GeneralisationGap
    groups: tuple[str, ...] = ("eval_hardness",)
    rows: str = "model"
    columns: str = "learner"
    words: Mapping[str, str] = {}
    title: str

    def plot(self, frames: Frames) -> "Figure":
        """Draw the bars; those without a result are crosses on the axis.

        Raises:
            UserError: nothing is trained, or two rows have the same bar.
        """
        table = frames.table(self.of)
        trained = table[table[LEVEL].notna()]
        if trained.empty:
            raise NotPlannedError(f"figure {self.name}: nothing is trained")
        keys = dict.fromkeys((LEVEL, self.rows, self.columns, *self.groups))
        one_per(trained, list(keys), f"figure {self.name}", "where= of its table")
        rows, columns = (list(dict.fromkeys(trained[name])) for name in (self.rows, self.columns))
        groups = list(dict.fromkeys(trained[list(self.groups)].itertuples(index=False, name=None)))
        there = {*trained[LEVEL], *([UNTRAINED] if len(trained) < len(table) else [])}
        levels = [level for level in ORDER if level in there]
        bars = {
            (row, column): list(self._bars(table, {self.rows: row, self.columns: column}, groups, levels))
            for row in rows
            for column in columns
        }
        most = max(map(len, bars.values()))
        with styled():
            width = 2.2 + max(2.6, 0.9 + 0.21 * most) * len(columns)
            figure = new_figure(max(width, 6.4), 1.5 + 2.9 * len(rows))
            grid = figure.subplots(len(rows), len(columns), sharex=True, sharey=True, squeeze=False)
            for (row, column), axes in zip(bars, grid.flat, strict=True):
                self._panel(axes, bars[row, column])
                axes.set_title(_plain(column) if row == rows[0] else "", loc="left")
                self._ticks(axes, groups)
            for axes, row in zip(grid[:, 0], rows, strict=True):
                axes.set_ylabel(self._row_words(row, alone=len(rows) == 1))
            self._scale(grid[0, 0], table)
            heading(figure, self.title, draws_footnote(trained, "bar"))
            absent = [absent_entry()] if (table["state"] != DONE).any() else []
            legend(figure, {}, *map(level_entry, levels), *absent, title="trained on")
        return figure

    def _bars(
        self, table: "pd.DataFrame", panel: Mapping[str, Any], groups: list[tuple[Any, ...]], levels: list[str]
    ) -> Iterator[_Bar]:
        """Yield the bars of a panel."""
        single = LEVEL in self.groups
        if single and UNTRAINED in levels:
            yield from (_Bar(-1.0, UNTRAINED, row) for row in self._of(table, panel, UNTRAINED))
        for place, key in enumerate(groups):
            group = {**panel, **dict(zip(self.groups, key, strict=True))}
            for number, level in enumerate(levels):
                if not single:
                    x = place + WIDTH * ((number + 0.5) / len(levels) - 0.5)
                    yield from (_Bar(x, level, row) for row in self._of(table, group, level))
                elif group[LEVEL] == level:
                    yield from (_Bar(place, level, row) for row in self._of(table, group, level))

    def _of(self, table: "pd.DataFrame", group: Mapping[str, Any], level: str) -> list[dict[Any, Any]]:
        """Return the row of a bar, if there is one; all learners of a group have the same untrained bar."""
        if level == UNTRAINED:
            rows = table[table[LEVEL].isna()]
            for column, value in group.items():
                if column not in OF_LEARNERS:
                    rows = rows[rows[column].isna() | (rows[column] == value).fillna(False).astype(bool)]
        else:
            rows = table[(table[LEVEL] == level).fillna(False).astype(bool)]
            for column, value in group.items():
                rows = rows[(rows[column] == value).fillna(False).astype(bool)]
        one_per(rows, (LEVEL,), f"figure {self.name}, bar {level}", "where= of its table")
        return rows.to_dict("records")

    def _panel(self, axes: "Axes", bars: list[_Bar]) -> None:
        n_levels = max(1, len({bar.level for bar in bars}))
        width = 0.7 if LEVEL in self.groups else min(WIDEST, 0.92 * WIDTH / n_levels)
        for x, level, row in bars:
            if row["state"] != DONE:
                axes.plot(x, 0.02, "x", color=GREY, ms=6, transform=axes.get_xaxis_transform(), gid="absent")
                continue
            value, low, high = (float(row[name]) for name in (self.of.value, "low", "high"))
            look = LEVEL_LOOKS[level]
            axes.bar(x, value, width, color=look.colour, hatch=look.hatch, ec="white", lw=0.6, zorder=2, gid="bar")
            axes.vlines(x, low, high, color="black", lw=1.1, zorder=3)
            if len(bars) <= MOST_LABELLED:
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
