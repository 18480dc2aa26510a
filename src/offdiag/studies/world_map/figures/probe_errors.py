"""How far off linear probes put ordinary and new cities, for each training."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, ClassVar, Literal, NamedTuple

from pydantic import Field

from offdiag.analyses import Frames
from offdiag.figures.figure import StudyFigure
from offdiag.figures.style import GREY, Look, heading, label, new_figure, styled
from offdiag.studies.world_map.analyses.probe_generalisation import GROUPS, probe_rows
from offdiag.studies.world_map.analyses.rows import TRAINED, over_seeds, tasks_of

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LOOKS = {"ordinary": Look("#0072B2", "o"), "new": Look("#D55E00", "D")}
WORDS = {"ordinary": "ordinary cities, held out", "new": "new cities"}


class ProbeErrors(StudyFigure):
    """Euclidean error of probes of ordinary cities, on both groups; trainings with one task apart from the others.

    Attributes:
        arms: columns with one panel for each of their values.
        split_by: the task. error: of a model, over its cities.
    """

    tag: ClassVar[str] = "probe-errors"
    arms: tuple[str, ...] = Field(default=("model",), min_length=1)
    split_by: str = "distance"
    error: Literal["error", "median"] = "median"

    def plot(self, frames: Frames) -> "Figure":
        """One place a training, in one order for all panels; means over seeds, a small dot each seed.

        Raises:
            UserError: see :func:`offdiag.studies.world_map.analyses.probe_generalisation.probe_rows`.
        """
        rows = probe_rows(frames, self.where, self.arms, f"figure {self.name}")
        panels = list(rows.groupby(list(self.arms), sort=False)) if len(rows) else [(("",) * len(self.arms), rows)]
        order = self._order(rows)
        what = "Median" if self.error == "median" else "Mean"
        with styled():
            figure = new_figure(max(6.8, 3.4 + 0.42 * len(order)), 1.7 + 3.0 * len(panels))
            column = figure.subplots(len(panels), 1, sharex=True, sharey=True, squeeze=False)[:, 0]
            for axes, (key, few) in zip(column, panels, strict=True):
                for spot in self._spots(few):
                    _draw_spot(axes, spot, order.index(spot.trained))
                self._finish(axes, few, order)
                name = ", ".join(label(*each) for each in zip(self.arms, key, strict=True))
                axes.set_ylabel((f"{name}\n" if len(panels) > 1 else "") + f"{what.lower()} error (units)")
            column[-1].set_xlabel("fine-tuned on")
            heading(figure, f"{what} distance between true and decoded place", _footnote(rows))
            _legend(figure)
        return figure

    def _order(self, rows: "pd.DataFrame") -> list[str]:
        """Trainings without the task first, then by the error on new cities."""
        new = rows[rows["group"] == "new"] if len(rows) else rows
        at = new.groupby(TRAINED)[self.error].mean().to_dict() if len(new) else {}
        return sorted(map(str, at), key=lambda trained: (self._has(trained), float(at[trained])))

    def _spots(self, rows: "pd.DataFrame") -> "Iterator[_Spot]":
        for group in GROUPS if len(rows) else ():
            here = rows[rows["group"] == group]
            for row in over_seeds(here, self.error, TRAINED).to_dict("records"):
                few = here.loc[here[TRAINED] == row[TRAINED], self.error]
                value, low, high = (float(row[name]) for name in ("value", "low", "high"))
                yield _Spot(str(row[TRAINED]), group, value, low, high, tuple(map(float, few)))

    def _has(self, trained: str) -> bool:
        return self.split_by in tasks_of(trained)

    def _finish(self, axes: "Axes", rows: "pd.DataFrame", order: list[str]) -> None:
        axes.set_xticks(range(len(order)), [name.replace("+", " +\n") for name in order], rotation=60, ha="right")
        axes.tick_params(axis="x", labelsize=8.5)
        axes.set_xlim(-0.6, max(len(order), 1) - 0.4)
        if rows.empty:
            return
        axes.set_yscale("log")
        axes.yaxis.set_major_formatter("{x:g}")
        without = sum(not self._has(name) for name in order)
        if 0 < without < len(order):
            axes.axvspan(without - 0.5, len(order) - 0.4, color="#F3EBD3", lw=0, zorder=0)
            for x, text in ((0.02, f"without {self.split_by}"), (0.98, f"with {self.split_by}")):
                side = "left" if x < 0.5 else "right"
                axes.text(x, 1.02, text, transform=axes.transAxes, ha=side, va="bottom", fontsize=9.5, color=GREY)
        for group in GROUPS:
            blind = float(rows.loc[rows["group"] == group, "blind"].mean())
            axes.axhline(blind, color=LOOKS[group].colour, lw=1, ls=":", gid="blind")


class _Spot(NamedTuple):
    """The error of one training on one group of cities: the mean with its interval, and each seed's."""

    trained: str
    group: str
    value: float
    low: float
    high: float
    by_seed: tuple[float, ...]


def _draw_spot(axes: "Axes", spot: _Spot, place: int) -> None:
    look = LOOKS[spot.group]
    x = place + (-0.14 if spot.group == "ordinary" else 0.14)
    # an interval of a few seeds can reach below 0, where a logarithmic axis has no place
    low = max(spot.low, min(spot.by_seed) / 3)
    reach = [[max(spot.value - low, 0)], [max(spot.high - spot.value, 0)]]
    mark: dict[str, Any] = {"fmt": look.marker, "ms": 6, "color": look.colour, "mec": "black", "mew": 0.5}
    axes.errorbar(x, spot.value, yerr=reach, capsize=2.5, lw=1.2, zorder=3, **mark)
    if len(spot.by_seed) > 1:
        dots: dict[str, Any] = {"ls": "", "marker": "o", "ms": 2.6, "color": look.colour, "alpha": 0.7}
        axes.plot([x + 0.1] * len(spot.by_seed), spot.by_seed, gid="seeds", **dots)


def _footnote(rows: "pd.DataFrame") -> str:
    if rows.empty:
        return "nothing is measured yet"
    n = {group: int(rows.loc[rows["group"] == group, "n"].max()) for group in GROUPS}
    seeds = rows["seed"].nunique()
    whiskers = (
        f"{seeds} seeds (dots), whiskers: 95 % over seeds and cities" if seeds > 1 else "whiskers: 95 % over cities"
    )
    return (
        f"probes are fitted to ordinary cities only; {n['ordinary']} ordinary and {n['new']} new cities\n{whiskers}\n"
        "dotted: the mean error of placing every city at the centre of the ordinary ones"
    )


def _legend(figure: "Figure") -> None:
    from matplotlib.lines import Line2D

    entries = [
        Line2D([], [], color=look.colour, marker=look.marker, ls="", mec="black", mew=0.5, label=WORDS[group])
        for group, look in LOOKS.items()
    ]
    entries.append(Line2D([], [], color=GREY, ls=":", label="one place for all"))
    figure.legend(handles=entries, loc="outside right center")
