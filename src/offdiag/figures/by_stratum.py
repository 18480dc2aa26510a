"""Accuracy by strata of the items, such as the number of carries: one panel a place, one line an arm."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from offdiag.analyses import Frames, accuracy_by_stratum
from offdiag.errors import UserError
from offdiag.figures.figure import StudyFigure
from offdiag.figures.style import GREY, Look, heading, label, looks, new_figure, noun, styled

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FEW = 20
DODGE = 0.16
ABSENT = 1.06  # where the crosses stand


class ByStratum(StudyFigure):
    """The accuracy of a few arms on the items of each stratum, whose number stands below it.

    Attributes:
        stratum: column of the records whose values are the strata.
        panels: column with one panel a value, None for a single panel.
        arms: the arms to compare: name -> (column -> value). Each must leave one cell a seed for each panel.
    """

    tag: ClassVar[str] = "by-stratum"
    stratum: str = "carries"
    panels: str | None = "eval_base"
    arms: Mapping[str, Mapping[str, str | int | float | bool]]

    def draw(self, frames: Frames) -> "Figure":
        """The lines; arms of which nothing is done are crosses above the plot, strata of few items are hollow."""
        table = accuracy_by_stratum(frames, self.stratum, self.panels, self.arms, self.where, self.own)
        if table.empty:
            raise UserError(f"figure {self.name}: no cell is planned for {', '.join(self.arms)}")
        places = list(table[self.panels].drop_duplicates()) if self.panels else [None]
        styles = dict(zip(self.arms, looks(len(self.arms)), strict=True))
        with styled():
            figure = new_figure(2.6 + 3.4 * len(places), 4.4)
            row = list(figure.subplots(1, len(places), sharey=True, squeeze=False).flat)
            for axes, place in zip(row, places, strict=True):
                here = table if place is None else table[table[self.panels] == place]
                _panel(axes, here, styles, self.stratum)
                if place is not None:
                    axes.set_title(label(str(self.panels), place), loc="left")
            row[0].set(ylabel="accuracy", ylim=(-0.03, 1.1 if _absent(table) else 1.03), yticks=np.linspace(0, 1, 6))
            heading(figure, f"Accuracy by {noun(self.stratum)}", _footnote(table))
            _legend(figure, table, styles)
        return figure


def _panel(axes: "Axes", table: "pd.DataFrame", styles: Mapping[str, Look], stratum: str) -> None:
    strata = sorted(table["stratum"].dropna().unique().tolist())
    sizes = table.groupby("stratum")["n_items"].max()
    place = {value: at for at, value in enumerate(strata)}
    for number, (arm, look) in enumerate(styles.items()):
        rows = table[(table["arm"] == arm) & table["stratum"].notna()]
        x = rows["stratum"].map(place).to_numpy(np.float64) + DODGE * (number - (len(styles) - 1) / 2)
        done = (rows["state"] == "done").to_numpy()
        if done.any():
            _line(axes, x[done], rows[done], look)
        axes.plot(x[~done], [ABSENT] * int((~done).sum()), "x", color=look.colour, ms=6, gid="absent")
    axes.set_xticks(range(len(strata)), [f"{_plain(value)}\n(n = {sizes[value]})" for value in strata])
    axes.set(xlabel=f"{noun(stratum)} (items)", xlim=(-0.5, max(len(strata), 1) - 0.5))
    if not strata:
        axes.text(0.5, 0.5, "no result yet", transform=axes.transAxes, ha="center", color=GREY)


def _line(axes: "Axes", x: Any, rows: "pd.DataFrame", look: Look) -> None:
    value, low, high = (rows[name].to_numpy(np.float64) for name in ("accuracy", "ci_low", "ci_high"))
    reach = np.maximum(np.stack([value - low, high - value]), 0)
    axes.plot(x, value, color=look.colour, lw=1.2, alpha=0.5, zorder=2, gid="joined")
    axes.errorbar(x, value, yerr=reach, ls="", color=look.colour, elinewidth=1.1, capsize=2.5, zorder=3)
    few = (rows["n_items"] < FEW).to_numpy()
    mark: dict[str, Any] = {"ls": "", "marker": look.marker, "ms": 6, "zorder": 4}
    axes.plot(x[~few], value[~few], mfc=look.colour, mec="white", gid="points", **mark)
    axes.plot(x[few], value[few], mfc="white", mec=look.colour, gid="few", **mark)


def _plain(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _absent(table: "pd.DataFrame") -> bool:
    return bool(((table["state"] != "done") & table["stratum"].notna()).any())


def _footnote(table: "pd.DataFrame") -> str:
    several = int(table["n_planned_seeds"].max()) > 1
    kind = "Wilson; over seeds and items where an arm has seeds" if several else "Wilson"
    few = f" · hollow: fewer than {FEW} items" if (table["n_items"] < FEW).any() else ""
    return f"n: items in the stratum · whiskers: 95 % interval ({kind}){few}"


def _legend(figure: "Figure", table: "pd.DataFrame", styles: Mapping[str, Look]) -> None:
    from matplotlib.lines import Line2D

    entries = []
    for arm, look in styles.items():
        states = table.loc[(table["arm"] == arm) & (table["state"] != "done"), "state"]
        whole = len(states) == int((table["arm"] == arm).sum())
        name = f"{arm} ({states.iloc[0]})" if whole and len(states) else arm
        entries.append(Line2D([], [], color=look.colour, marker=look.marker, ms=6, label=name))
    if _absent(table):
        entries.append(Line2D([], [], color=GREY, ls="", marker="x", label="no result yet, or failed"))
    figure.legend(handles=entries, loc="outside right center")
