"""Figure of the errors of linear probes on ordinary and new cities, per training."""

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, ClassVar, Literal, NamedTuple

from pydantic import Field

from offdiag.analyses import Frames
from offdiag.figures.figure import StudyFigure
from offdiag.figures.style import GREY, Look, counted, footnote, heading, label, legend, new_figure, styled
from offdiag.stats import Estimate
from offdiag.studies.world_map.analyses.city_measurements import TRAINED, mean_over_seeds, tasks_of
from offdiag.studies.world_map.analyses.probe_generalisation import GROUPS, MAPPED, blind_errors, probe_rows

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LOOKS = {"ordinary": Look("#0072B2", "o"), "new": Look("#D55E00", "D")}
GROUP_LABELS = {"ordinary": "ordinary cities, held out", "new": "new cities"}


class ProbeErrors(StudyFigure):
    """Euclidean error of probes of ordinary cities, on both groups; trainings with one task apart from the others.

    Attributes:
        arms: columns with one panel per combination of values.
        split_by: the task. error: of a model over its cities, their mean (``error``) or ``median``.
    """

    tag: ClassVar[str] = "probe-errors"
    arms: tuple[str, ...] = Field(default=("model",), min_length=1)
    split_by: str = "distance"
    error: Literal["error", "median"] = "median"

    def plot(self, frames: Frames) -> "Figure":
        """Draw each training at one place along x, the same in all panels: means over seeds, a small dot per seed.

        Raises:
            UserError: see :func:`offdiag.studies.world_map.analyses.probe_generalisation.probe_rows`.
        """
        every = probe_rows(frames, self.where, self.arms, f"figure {self.name}")
        rows = every[every[MAPPED]] if len(every) else every
        panels = list(every.groupby(list(self.arms), sort=False)) if len(every) else [(("",) * len(self.arms), every)]
        order = self._order(every)
        what = "Median" if self.error == "median" else "Mean"
        with styled():
            figure = new_figure(max(6.8, 3.4 + 0.42 * len(order)), 1.7 + 3.0 * len(panels))
            column = figure.subplots(len(panels), 1, sharex=True, sharey=True, squeeze=False)[:, 0]
            for axes, (key, planned) in zip(column, panels, strict=True):
                of_arm = planned[planned[MAPPED]] if len(planned) else planned
                for error in self._errors(of_arm):
                    _draw_error(axes, error, order.index(error.trained))
                self._finish(axes, of_arm, order)
                name = ", ".join(label(*each) for each in zip(self.arms, key, strict=True))
                axes.set_ylabel((f"{name}\n" if len(panels) > 1 else "") + f"{what.lower()} error (units)")
            column[-1].set_xlabel("fine-tuned on")
            heading(figure, f"{what} distance between true and decoded place", _footnote(every, rows))
            style = {GROUP_LABELS[group]: look for group, look in LOOKS.items()}
            legend(figure, style, _blind_entry(), ls="", mec="black", mew=0.5)
        return figure

    def _order(self, rows: "pd.DataFrame") -> list[str]:
        """Return all trainings: those without the task first, then by the error on new cities of models with a map."""
        new = rows[(rows["group"] == "new") & rows[MAPPED]] if len(rows) else rows
        at = new.groupby(TRAINED)[self.error].mean().to_dict() if len(new) else {}
        every = dict.fromkeys(map(str, rows[TRAINED])) if len(rows) else {}
        return sorted(every, key=lambda trained: (self._has(trained), float(at.get(trained, math.inf))))

    def _errors(self, rows: "pd.DataFrame") -> "Iterator[_ProbeError]":
        for group in GROUPS if len(rows) else ():
            here = rows[rows["group"] == group]
            for row in mean_over_seeds(here, self.error, TRAINED).to_dict("records"):
                by_seed = here.loc[here[TRAINED] == row[TRAINED], self.error]
                value, low, high = (float(row[name]) for name in ("value", "low", "high"))
                mean = Estimate(value, low, high, len(by_seed))
                yield _ProbeError(str(row[TRAINED]), group, mean, tuple(map(float, by_seed)))

    def _has(self, trained: str) -> bool:
        return self.split_by in tasks_of(trained)

    def _finish(self, axes: "Axes", rows: "pd.DataFrame", order: list[str]) -> None:
        axes.set_xticks(range(len(order)), [name.replace("+", " +\n") for name in order], rotation=60, ha="right")
        axes.tick_params(axis="x", labelsize=8.5)
        axes.set_xlim(-0.6, max(len(order), 1) - 0.4)
        shown = set(map(str, rows[TRAINED])) if len(rows) else set()
        for place in (i for i, name in enumerate(order) if name not in shown):
            style: dict[str, Any] = {"ha": "center", "va": "bottom", "fontsize": 8, "color": GREY, "gid": "empty"}
            axes.text(place, 0.02, "no map", transform=axes.get_xaxis_transform(), rotation=90, **style)
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
            blind = float(blind_errors(rows[rows["group"] == group], self.error).mean())
            axes.axhline(blind, color=LOOKS[group].colour, lw=1, ls=":", gid="blind")


class _ProbeError(NamedTuple):
    """The error of one training on one group of cities: the mean with its interval, and the error of each seed."""

    trained: str
    group: str
    mean: Estimate
    by_seed: tuple[float, ...]


def _draw_error(axes: "Axes", error: _ProbeError, position: int) -> None:
    look, mean = LOOKS[error.group], error.mean
    x = position + (-0.14 if error.group == "ordinary" else 0.14)
    # an interval of a few seeds can reach below 0, where a logarithmic axis has no place
    low = max(mean.low, min(error.by_seed) / 3)
    reach = [[max(mean.value - low, 0)], [max(mean.high - mean.value, 0)]]
    mark: dict[str, Any] = {"fmt": look.marker, "ms": 6, "color": look.colour, "mec": "black", "mew": 0.5}
    axes.errorbar(x, mean.value, yerr=reach, capsize=2.5, lw=1.2, zorder=3, **mark)
    if len(error.by_seed) > 1:
        dots: dict[str, Any] = {"ls": "", "marker": "o", "ms": 2.6, "color": look.colour, "alpha": 0.7}
        axes.plot([x + 0.1] * len(error.by_seed), error.by_seed, gid="seeds", **dots)


def _footnote(every: "pd.DataFrame", rows: "pd.DataFrame") -> str:
    if every.empty:
        return "nothing is measured yet"
    n_without, n_models = (len(part[part["group"] == "ordinary"]) for part in (every[~every[MAPPED]], every))
    left_out = f"{n_without} of {n_models} models left out: their probes do not decode ordinary cities (R² not above 0)"
    if rows.empty:
        return left_out
    ordinary, new = (counted(rows.loc[rows["group"] == group, "n"], f"{group} city") for group in GROUPS)
    seeds = rows["seed"].nunique()
    dots, over = (f"{counted([seeds], 'seed')} (dots), ", "seeds and cities") if seeds > 1 else ("", "cities")
    return footnote(
        f"probes are fitted to ordinary cities only; {ordinary} and {new}",
        f"{dots}whiskers: 95 % over {over}",
        "dotted: the same of placing every city at the centre of the ordinary ones",
        left_out if n_without else "",
        per_line=1,
    )


def _blind_entry() -> "Artist":
    """Return the legend entry of the error that needs no probe."""
    from matplotlib.lines import Line2D

    return Line2D([], [], color=GREY, ls=":", label="one place for all")
