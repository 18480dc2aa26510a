"""The supervision gap recovered, beside one another for data sets, measures of hardness and methods."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from offdiag.analyses import Frames
from offdiag.errors import UserError
from offdiag.figures.figure import StudyFigure
from offdiag.figures.style import GREY, PALE, Look, heading, looks, new_figure, styled
from offdiag.studies.easy_to_hard.analyses.supervision_gap import SupervisionGapRecovered

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

VIEW = (-0.3, 1.6)
DODGE = 0.2


class SupervisionGapFigure(StudyFigure):
    """Points with intervals at 0 (as good as untrained) to 1 (easy training data are as good as hard ones).

    Attributes:
        of: what is drawn; its ``where`` and ``own`` are those that count.
        groups: columns of it whose combinations stand side by side. series: column with a colour and marker a value.
        panels: column with one panel a value.
    """

    tag: ClassVar[str] = "supervision-gap-figure"
    of: SupervisionGapRecovered
    groups: tuple[str, ...] = ("eval_dataset", "eval_hardness")
    series: str = "method"
    panels: str = "model"

    def plot(self, frames: Frames) -> "Figure":
        """The points; hollow and pale where the gap is not significant, at the edge where the ratio is beyond it."""
        table = frames.table(self.of)
        if table.empty:
            raise UserError(f"figure {self.name}: nothing is trained on both easy and hard items")
        self._check(table)
        places = list(dict.fromkeys(table[list(self.groups)].itertuples(index=False, name=None)))
        methods, models = (list(dict.fromkeys(table[column])) for column in (self.series, self.panels))
        styles = dict(zip(methods, looks(len(methods)), strict=True))
        with styled():
            width = max(1.35, 0.45 * len(methods)) * len(places)
            figure = new_figure(max(7.2, 3.9 + width), 1.2 + 3.2 * len(models))
            for axes, model in zip(figure.subplots(len(models), 1, squeeze=False).flat, models, strict=True):
                here = table[table[self.panels] == model]
                for number, (method, look) in enumerate(styles.items()):
                    rows = here[here[self.series] == method]
                    keys = rows[list(self.groups)].itertuples(index=False, name=None)
                    x = np.array([places.index(key) for key in keys]) + DODGE * (number - (len(styles) - 1) / 2)
                    _points(axes, x, rows, look)
                _finish(axes, places, str(model))
            heading(figure, "Supervision gap recovered by easy training data", _footnote(table))
            _legend(figure, table, styles)
        return figure

    def _check(self, table: "pd.DataFrame") -> None:
        columns = [*self.groups, self.series, self.panels]
        if table.duplicated(columns).any():
            raise UserError(
                f"figure {self.name}: rows that differ in {', '.join(set(self.of.by) - set(columns))} claim one spot: "
                "single one out with where= of its table"
            )


def _points(axes: "Axes", x: Any, rows: "pd.DataFrame", look: Look) -> None:
    done = (rows["state"] == "done").to_numpy() & rows["recovered"].notna().to_numpy()
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
            _say_beyond(axes, float(x[at]), float(value[at]))
    axes.plot(x[~done], [VIEW[0] + 0.06] * int((~done).sum()), "x", color=look.colour, ms=6, gid="absent")


def _say_beyond(axes: "Axes", x: float, value: float) -> None:
    above = value > VIEW[1]
    axes.annotate(f"{value:.1f}", (x, VIEW[int(above)]), xytext=(6, 3 if above else 7), textcoords="offset points",
                  va="center", fontsize=8, color=GREY, gid="beyond")  # fmt: skip


def _finish(axes: "Axes", places: Sequence[tuple[Any, ...]], model: str) -> None:
    for height, words in ((0, "untrained"), (1, "hard training data")):
        axes.axhline(height, color=GREY, lw=1, ls="--", zorder=1)
        axes.annotate(words, (1, height), xycoords=("axes fraction", "data"), xytext=(3, 0), textcoords="offset points",
                      va="center", fontsize=8.5, color=GREY)  # fmt: skip
    axes.set_xticks(range(len(places)), ["\n".join(str(part).replace("_", " ") for part in place) for place in places])
    axes.set(ylim=VIEW, xlim=(-0.5, len(places) - 0.5), ylabel="recovered")
    axes.set_title(model, loc="left", pad=12)  # above the numbers of points beyond the edge


def _footnote(table: "pd.DataFrame") -> str:
    done = table[table["state"] == "done"]
    if done.empty:
        return "no result yet"
    items = (
        f"{done['n_items'].min()} to {done['n_items'].max()}"
        if done["n_items"].nunique() > 1
        else done["n_items"].iloc[0]
    )
    draws = sorted({int(n) for column in ("n_easy", "n_hard") for n in done[column]})
    drawn = f"{draws[0]} to {draws[-1]}" if len(draws) > 1 else draws[0]
    return (
        f"(easy - untrained) / (hard - untrained) on {items} hard items, {drawn} draws of training data\n"
        "lines: 95 % of a joint bootstrap over items and draws · numbers: points beyond the edge"
    )


def _legend(figure: "Figure", table: "pd.DataFrame", styles: dict[Any, Look]) -> None:
    from matplotlib.lines import Line2D

    entries = [
        Line2D([], [], color=look.colour, ls="", marker=look.marker, ms=7, label=str(method))
        for method, look in styles.items()
    ]
    done = table[table["state"] == "done"]
    if (done["note"] != "").any():
        entries.append(Line2D([], [], color=PALE, marker="o", mfc="white", mec=GREY, ms=7, label="gap not significant"))
    if table["recovered"].isna().any():
        entries.append(Line2D([], [], color=GREY, ls="", marker="x", label="no result yet, or no gap"))
    figure.legend(handles=entries, loc="outside right center")
