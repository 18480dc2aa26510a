"""Leakage and protection over the updates of the second stage; and what each strategy leaks for what it learns."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from offdiag.analyses import Frames
from offdiag.analyses.selection import DONE
from offdiag.errors import UserError
from offdiag.figures.figure import StudyFigure
from offdiag.figures.style import (
    GREY,
    Look,
    footnote,
    heading,
    legend,
    looks,
    new_figure,
    percent,
    percent_axis,
    styled,
)
from offdiag.studies.trigger_2d.analyses.over_updates import LeakageOverUpdates
from offdiag.studies.trigger_2d.analyses.rule_followed import PROXY, unlearnt
from offdiag.studies.trigger_2d.figures.arms import alike_words, arm_name, category_name, left_out_words

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TITLES = {
    "taught": "the taught category (learnt)",
    "own": "the proxy's own category",
    "uncovered": "categories that no training covers",
}
DODGE = 0.05  # of a factor of e, between the points of neighbouring arms


class OverUpdatesFigure(StudyFigure):
    """Leaked rates over updates above, protection below; one line per arm with the most triggers, and without a proxy.

    Attributes:
        of: the analysis that gives the rates. strategy: name and strength of the one drawn, where there are several.
    """

    tag: ClassVar[str] = "leakage-over-updates"
    of: LeakageOverUpdates
    strategy: tuple[str, float] | None = None

    def plot(self, frames: Frames) -> "Figure":
        """Draw a panel per kind of category in each row; what is not done is left out and counted.

        Raises:
            UserError: no arm has snapshots, or as the analysis says.
        """
        table = _table(frames, self)
        if self.strategy:
            chosen = (table["strategy"] == self.strategy[0]) & (table["strength"] == self.strategy[1])
            table = table[chosen | (table[PROXY] == "none")]
        arms = _arms(table, self.of.arms)
        styles = dict(zip(arms, looks(len(arms)), strict=True))
        with styled():
            figure = new_figure(12.0, 6.4)
            above, below = figure.subplots(2, 3, sharex=True, sharey="row")
            for axes, kind in zip(above, TITLES, strict=True):
                axes.set_title(TITLES[kind], loc="left", fontsize=10)
                percent_axis(axes)
                self._lines(axes, table[table["kind"] == kind], styles, "leaked", ("leaked_low", "leaked_high"))
            for axes, kind in zip(below, TITLES, strict=True):
                axes.axhline(0, color=GREY, lw=0.9, zorder=1)
                percent_axis(axes, low=-1)
                own = table[(table["kind"] == kind) & (table[PROXY] != "none")]
                self._lines(axes, own, styles, "protection", ("low", "high"))
                axes.set_xlabel("updates without a proxy")
            above[0].set_ylabel("answers by the new rule")
            below[0].set_ylabel("protection: without minus with")
            _logarithmic(below[0], self.of.updates)
            absent = unlearnt(frames, self.of)
            heading(figure, "Leakage and protection over the second stage", _footnote(table, self.of, absent))
            names = {arm_name(self.of.arms, arm, absent): look for arm, look in styles.items()}
            legend(figure, names, where="outside right upper", lw=1.4)
        return figure

    def _lines(
        self, axes: "Axes", rows: "pd.DataFrame", styles: dict[Any, Look], value: str, ends: tuple[str, str]
    ) -> None:
        for number, (arm, look) in enumerate(styles.items()):
            own = _of(rows, self.of.arms, arm)
            own = own[own[value].notna()] if value in own else own.iloc[:0]
            if own.empty:
                continue
            y, low, high = (own[name].to_numpy(np.float64) for name in (value, *ends))
            x = own["updates"].to_numpy(np.float64) * np.exp(DODGE * (number - (len(styles) - 1) / 2))
            style: dict[str, Any] = {"marker": look.marker, "ms": 5, "mec": "white", "capsize": 2, "elinewidth": 0.9}
            axes.errorbar(
                x, y, yerr=np.maximum([y - low, high - y], 0), color=look.colour, lw=1.4, gid="points", **style
            )
            partial = _partial(own).to_numpy(bool)
            axes.plot(x[partial], y[partial], ls="", marker=look.marker, ms=5, **_hollow(look))


class StrategiesFigure(StudyFigure):
    """What leaks over what is learnt, at the end of the training and on the way; one line per strategy.

    Panels are of one proxy each, whose strategies are asked in the same categories, and so is the arm without a proxy.

    Attributes:
        of: the analysis that gives the rates.
    """

    tag: ClassVar[str] = "strategies"
    of: LeakageOverUpdates

    def plot(self, frames: Frames) -> "Figure":
        """Draw a row per proxy, of a panel for its own category and one for the uncovered ones: right and low is good.

        Raises:
            UserError: no arm is planned, or as the analysis says.
        """
        table = _table(frames, self)
        arms = _arms(table, self.of.arms)
        by_proxy: dict[str, list[tuple[Any, ...]]] = {}
        for arm in arms:
            by_proxy.setdefault(str(arm[self.of.arms.index(PROXY)]), []).append(arm)
        without = by_proxy.pop("none", [])
        # The panels say the proxy: its arms look as those of other proxies with the same strategy do.
        names = {arm: _strategy_words(self.of.arms, arm) for arm in arms}
        shown = list(dict.fromkeys(names.values()))
        styles = dict(zip(shown, looks(len(shown)), strict=True))
        absent = unlearnt(frames, self.of)
        with styled():
            figure = new_figure(11.6, 1.2 + 3.6 * max(len(by_proxy), 1))
            grid = figure.subplots(max(len(by_proxy), 1), 2, sharex=True, sharey=True, squeeze=False)
            for row, (proxy, own) in zip(grid, by_proxy.items() or [("none", [])], strict=True):
                for axes, kind in zip(row, ("own", "uncovered"), strict=True):
                    _square(axes, f"{category_name(proxy, absent)}: {TITLES[kind]}" if own else TITLES[kind])
                    for arm in own:
                        _path(axes, _of(table, self.of.arms, arm), kind, styles[names[arm]])
                    for arm in without[:1] if own else ():
                        same = _of(table, self.of.arms, own[0])  # has the rates without a proxy in its categories
                        _path(axes, same, kind, styles[names[arm]], name="without")
                row[0].set_ylabel("answers by the new rule")
            for axes in grid[-1]:
                axes.set_xlabel("learnt: taught category, new words")
            said = "large: the end of the training, with 95 % intervals; small: on the way"
            dotted = "dotted: as much leaks as is learnt"
            heading(
                figure,
                "What leaks for what is learnt",
                footnote(said, dotted, _partly(table), left_out_words(absent)),
            )
            legend(figure, styles, where="outside right upper", lw=1.2)
        return figure


def _table(frames: Frames, figure: OverUpdatesFigure | StrategiesFigure) -> "pd.DataFrame":
    of = figure.of.model_copy(update={"where": {**figure.of.where, **figure.where}})
    table = frames.table(of)
    if table.empty:
        raise UserError(f"figure {figure.name}: no arm is planned at updates={figure.of.updates}")
    return table


def _arms(table: "pd.DataFrame", columns: Sequence[str]) -> list[tuple[Any, ...]]:
    return list(dict.fromkeys(table[list(columns)].itertuples(index=False, name=None)))


def _strategy_words(columns: Sequence[str], arm: tuple[Any, ...]) -> str:
    """Return an arm in words without the name of its proxy: ``2 triggers, mixing``, or ``no proxy``."""
    kept = [i for i, name in enumerate(columns) if name != PROXY or arm[i] == "none"]
    return arm_name([columns[i] for i in kept], [arm[i] for i in kept])


def _of(table: "pd.DataFrame", columns: Sequence[str], arm: tuple[Any, ...]) -> "pd.DataFrame":
    return table[[row == arm for row in table[list(columns)].itertuples(index=False, name=None)]]


def _square(axes: "Axes", title: str) -> None:
    """Prepare a panel of what leaked over what was learnt, both from 0 to 1."""
    axes.set_title(title, loc="left", fontsize=10)
    percent_axis(axes)
    axes.set(xlim=(-0.03, 1.03), xticks=np.linspace(0, 1, 6))
    axes.xaxis.set_major_formatter(percent)
    axes.plot([0, 1], [0, 1], color=GREY, lw=0.8, ls=":", zorder=1)


def _path(axes: "Axes", rows: "pd.DataFrame", kind: str, look: Look, name: str = "leaked") -> None:
    """Draw what leaked over what was learnt at all times: of one arm, or of the one ``without`` a proxy beside it."""
    if name not in rows:
        return
    columns = [name, f"{name}_low", f"{name}_high"]
    both = rows.assign(partial=_partial(rows))[["kind", "updates", "partial", *columns]]
    learnt, leaked = (both[(both["kind"] == k) & both[name].notna()] for k in ("taught", kind))
    both = learnt.merge(leaked, on="updates", suffixes=("_x", "")).sort_values("updates")
    if both.empty:
        return
    x, y = both[f"{name}_x"].to_numpy(np.float64), both[name].to_numpy(np.float64)
    axes.plot(x, y, color=look.colour, lw=1.0, alpha=0.7, marker=look.marker, ms=3.5, zorder=2, gid="way")
    end = both.iloc[-1]
    reach: dict[str, Any] = {}
    for axis, side in (("xerr", "_x"), ("yerr", "")):
        value, low, high = (float(end[f"{column}{side}"]) for column in columns)
        reach[axis] = [[max(0.0, value - low)], [max(0.0, high - value)]]
    shape: dict[str, Any] = {"marker": look.marker, "ms": 8, "mec": "white", "elinewidth": 0.9, "zorder": 3, "ls": ""}
    axes.errorbar([x[-1]], [y[-1]], color=look.colour, gid="end", **shape, **reach)
    partial = (both["partial_x"] | both["partial"]).to_numpy(bool)
    sizes = np.where(np.arange(len(both)) == len(both) - 1, 8, 3.5)
    for place in np.flatnonzero(partial):
        axes.plot(x[place], y[place], ls="", marker=look.marker, ms=sizes[place], **_hollow(look))


def _partial(rows: "pd.DataFrame") -> "pd.Series[bool]":
    """Say of each row that has numbers whether some of its seeds are not done."""
    there = rows["state"] == DONE
    return there & (rows["n_seeds"] < rows["n_planned_seeds"]).fillna(False)


def _partly(table: "pd.DataFrame") -> str:
    n = int(_partial(table).sum())
    return f"hollow: {n} of {len(table)} points are of fewer seeds than are planned" if n else ""


def _hollow(look: Look) -> dict[str, Any]:
    return {"mfc": "white", "mec": look.colour, "zorder": 4, "gid": "partial"}


def _logarithmic(axes: "Axes", updates: Sequence[int]) -> None:
    from matplotlib.ticker import NullLocator

    axes.set_xscale("log")
    axes.set_xlim(min(updates) / 1.3, max(updates) * 1.3)
    axes.set_xticks(list(updates), [str(update) for update in updates])
    axes.xaxis.set_minor_locator(NullLocator())


def _footnote(table: "pd.DataFrame", of: LeakageOverUpdates, absent: frozenset[str]) -> str:
    n = int((table["state"] != DONE).sum())
    shown = {name for names in table["categories"] for name in str(names).split(",")}
    return footnote(
        "whiskers: 95 % interval over seeds and trigger words",
        "arms with a proxy: at the same share of their own updates, where as many rows of the task were seen",
        f"{n} of {len(table)} points are not done" if n else "",
        _partly(table),
        alike_words(of.world, of.rule, shown),
        left_out_words(absent),
        per_line=1,
    )
