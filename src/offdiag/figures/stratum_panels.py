"""Panels of accuracy by strata of the items: one line per arm, the number of items below each stratum."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from offdiag.figures import style
from offdiag.figures.style import GREY, Look
from offdiag.stats.replicated import interval_words

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FEW = 20
DODGE = 0.16
MANY, SMALL = 4, 7.5  # strata, from which on their names are smaller
ABSENT = 1.06  # where the crosses stand


def panel(axes: "Axes", table: "pd.DataFrame", styles: Mapping[str, Look], words: str) -> None:
    """Draw one panel: the rows of a table with the columns of :func:`offdiag.analyses.accuracy_by_stratum`.

    Args:
        styles: of each arm. words: what the strata are, for the axis; a column ``label`` says what each is called.
    """
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
    names = _names(table)
    many = len(strata) > MANY
    texts = [f"{names[value]}\n" + (f"n={sizes[value]}" if many else f"(n = {sizes[value]})") for value in strata]
    axes.set_xticks(range(len(strata)), texts, fontsize=SMALL if many else None)
    axes.set(xlabel=f"{words} (items)", xlim=(-0.5, max(len(strata), 1) - 0.5))
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


def _names(table: "pd.DataFrame") -> dict[Any, str]:
    known = table[table["stratum"].notna()]
    if "label" in known:
        return dict(zip(known["stratum"], known["label"], strict=True))
    return {value: f"{value:g}" if isinstance(value, float) else str(value) for value in known["stratum"]}


def scale(axes: "Axes", table: "pd.DataFrame") -> None:
    """Set the axis of accuracies: up to the highest interval; all of it, with room, where there are crosses."""
    absent = _absent(table)
    top = 1.0 if absent else _top(table["ci_high"].max())
    axes.set(ylabel="accuracy", ylim=(-0.03 * top, 1.1 if absent else 1.03 * top))
    axes.set_yticks(np.linspace(0, top, round(5 * top) + 1))


def _top(highest: float) -> float:
    """Return the next fifth above, at least two of them, so that accuracies near nothing are not blown up."""
    return min(1.0, max(0.4, np.ceil(5 * highest) / 5)) if highest > 0 else 1.0


def _absent(table: "pd.DataFrame") -> bool:
    return bool(((table["state"] != "done") & table["stratum"].notna()).any())


def footnote(table: "pd.DataFrame") -> str:
    """Return a footnote on the numbers and intervals."""
    several = int(table["n_planned_seeds"].max()) > 1
    called, made = interval_words()
    kind = f"{made}; over seeds and items where an arm has seeds" if several else made
    few = f" · hollow: fewer than {FEW} items" if (table["n_items"] < FEW).any() else ""
    return f"n: items in the stratum · whiskers: {called} ({kind}){few}"


def legend(figure: "Figure", table: "pd.DataFrame", styles: Mapping[str, Look]) -> None:
    """Draw the legend: the arms, and what crosses are."""
    names = {}
    for arm, look in styles.items():
        states = table.loc[(table["arm"] == arm) & (table["state"] != "done"), "state"]
        whole = len(states) == int((table["arm"] == arm).sum())
        names[f"{arm} ({states.iloc[0]})" if whole and len(states) else arm] = look
    style.legend(figure, names, *([style.absent_entry()] if _absent(table) else []))
