"""Figure of the supervision gap recovered, by data set, measure of hardness and method."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from offdiag.analyses import Frames
from offdiag.analyses.selection import DONE, one_per
from offdiag.errors import NotPlannedError
from offdiag.figures.figure import StudyFigure
from offdiag.figures.style import GREY, PALE, Look, counted, footnote, heading, legend, looks, new_figure, styled
from offdiag.studies.easy_to_hard.analyses.supervision_gap import NOT_SIGNIFICANT, SupervisionGapRecovered

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

VIEW = (-0.3, 1.6)  # limits of the y axis
DODGE = 0.2  # distance of series from each other; 1 from group to group


class SupervisionGapFigure(StudyFigure):
    """Points with intervals: 0 is as good as untrained, 1 is as good as hard training data.

    Attributes:
        of: the table to draw; its ``where`` and ``match_on`` count, those of the figure do not.
        groups: columns of it whose combinations stand side by side.
        series: column with one colour and marker per value. panels: column with one panel per value.
        words: label of a group (its values joined by blanks) -> what to write instead.
        taught, oracle: words for the training data of a point, and for those that stand for all of the gap.
    """

    tag: ClassVar[str] = "supervision-gap-figure"
    of: SupervisionGapRecovered
    groups: tuple[str, ...] = ("eval_dataset", "eval_hardness")
    series: str = "method"
    panels: str = "model"
    words: Mapping[str, str] = {}
    taught: str = "easy"
    oracle: str = "hard"

    def plot(self, frames: Frames) -> "Figure":
        """Draw the points: hollow and pale where the gap is not significant, at the edge where the ratio is beyond it.

        Raises:
            UserError: nothing is trained on both easy and hard items, or two rows have the same point.
        """
        table = frames.table(self.of)
        if table.empty:
            raise NotPlannedError(f"figure {self.name}: nothing is trained on both easy and hard items")
        keys = (*self.groups, self.series, self.panels)
        one_per(table, keys, f"figure {self.name}", "where= of its table")
        groups = list(dict.fromkeys(table[list(self.groups)].itertuples(index=False, name=None)))
        methods, models = (list(dict.fromkeys(table[column])) for column in (self.series, self.panels))
        styles = dict(zip(methods, looks(len(methods)), strict=True))
        with styled():
            width = max(1.35, 0.45 * len(methods)) * len(groups)
            figure = new_figure(max(7.2, 3.9 + width), 1.2 + 3.2 * len(models))
            for axes, model in zip(figure.subplots(len(models), 1, squeeze=False).flat, models, strict=True):
                panel = table[table[self.panels] == model]
                for number, (method, look) in enumerate(styles.items()):
                    rows = panel[panel[self.series] == method]
                    of_points = rows[list(self.groups)].itertuples(index=False, name=None)
                    x = np.array([groups.index(group) for group in of_points]) + DODGE * (
                        number - (len(styles) - 1) / 2
                    )
                    _points(axes, x, rows, look)
                self._finish(axes, groups, str(model))
            heading(figure, f"Supervision gap recovered by {self.taught} training data", self._footnote(table))
            legend(figure, styles, *_other_entries(table), ls="")
        return figure

    def _finish(self, axes: "Axes", groups: Sequence[tuple[Any, ...]], model: str) -> None:
        for height, words in ((0, "untrained"), (1, f"{self.oracle} training data")):
            axes.axhline(height, color=GREY, lw=1, ls="--", zorder=1)
            axes.annotate(words, (1, height), xycoords=("axes fraction", "data"), xytext=(3, 0),
                          textcoords="offset points", va="center", fontsize=8.5, color=GREY)  # fmt: skip
        plain = ("\n".join(str(part).replace("_", " ") for part in group) for group in groups)
        named = [
            self.words.get(" ".join(map(str, group)), words).replace(": ", ":\n")
            for group, words in zip(groups, plain, strict=True)
        ]
        axes.set_xticks(range(len(groups)), named)
        axes.set(ylim=VIEW, xlim=(-0.5, len(groups) - 0.5), ylabel="recovered")
        axes.set_title(model, loc="left", pad=12)  # above the numbers of points beyond the edge

    def _footnote(self, table: "pd.DataFrame") -> str:
        done = table[table["state"] == DONE]
        if done.empty:
            return "no result yet"
        draws = counted((int(n) for column in ("n_easy", "n_hard") for n in done[column]), "draw")
        ratio = f"({self.taught} - untrained) / ({self.oracle} - untrained)"
        return footnote(
            f"{ratio} on {counted(done['n_items'], 'hard item')}, {draws} of training data",
            "lines: 95 % interval over items and draws (Fieller); across the whole panel where the gap may be 0",
            "numbers: points beyond the edge",
            per_line=1,
        )


def _points(axes: "Axes", x: Any, rows: "pd.DataFrame", look: Look) -> None:
    done = (rows["state"] == DONE).to_numpy() & rows["recovered"].notna().to_numpy()
    sure = done & (rows["note"] == "").to_numpy()
    value, low, high = (rows[name].to_numpy(np.float64) for name in ("recovered", "low", "high"))
    for chosen, colour, face in ((sure, look.colour, look.colour), (done & ~sure, PALE, "white")):
        if not chosen.any():  # an empty line that is not clipped would stretch the layout to the figure's corner
            continue
        axes.vlines(x[chosen], *np.clip([low[chosen], high[chosen]], *VIEW), color=colour, lw=1.3, zorder=2)
        edge = look.colour if face == "white" else "white"
        axes.plot(x[chosen], value[chosen].clip(*VIEW), ls="", marker=look.marker, ms=7, mfc=face, mec=edge, zorder=3,
                  clip_on=False)  # fmt: skip
        for at in np.flatnonzero(chosen & ((value < VIEW[0]) | (value > VIEW[1]))):
            _write_value(axes, float(x[at]), float(value[at]))
    axes.plot(x[~done], [VIEW[0] + 0.06] * int((~done).sum()), "x", color=look.colour, ms=6, gid="absent")


def _write_value(axes: "Axes", x: float, value: float) -> None:
    above = value > VIEW[1]
    axes.annotate(f"{value:.1f}", (x, VIEW[int(above)]), xytext=(6, 3 if above else 7), textcoords="offset points",
                  va="center", fontsize=8, color=GREY, gid="beyond")  # fmt: skip


def _other_entries(table: "pd.DataFrame") -> "Iterator[Artist]":
    from matplotlib.lines import Line2D

    if (table.loc[table["state"] == DONE, "note"] != "").any():
        yield Line2D([], [], color=PALE, marker="o", mfc="white", mec=GREY, ms=7, label=NOT_SIGNIFICANT)
    if table["recovered"].isna().any():
        yield Line2D([], [], color=GREY, ls="", marker="x", label="no result yet, or no gap")
