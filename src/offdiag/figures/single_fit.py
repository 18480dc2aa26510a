"""Figure of one transition: the points, the fitted curve, and the width from 10 % to 90 % of the plateau."""

import math
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from pydantic import Field

from offdiag.analyses import Frames, transition
from offdiag.analyses.logistic import logistic
from offdiag.analyses.selection import select_shots
from offdiag.figures.curves import ShotCurve, k_axis, read_curve, whisker_note
from offdiag.figures.figure import StudyFigure
from offdiag.figures.style import GREY, heading, looks, new_figure, styled
from offdiag.stats.bootstrap import MOST_RESAMPLES

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

ORANGE = "#D55E00"


class SingleFit(StudyFigure):
    """The transition of one curve, which ``where`` must single out.

    Attributes:
        title: what the curve is, in words. n_resamples: bootstrap resamples behind the intervals. seed: of these.
    """

    tag: ClassVar[str] = "single-fit"
    title: str
    n_resamples: int = Field(default=2000, ge=0, le=MOST_RESAMPLES)
    seed: int = 0

    def plot(self, frames: Frames) -> "Figure":
        """Draw the curve with its fit; where there is none the figure says why."""
        rows = select_shots(frames.cells, self.where, self.match_on)
        (look,) = looks(1)
        curve = read_curve(rows, frames.records, self.title, look)
        fit = self._fit(rows, frames)
        with styled():
            figure = new_figure(8.8, 5.0)
            axes = figure.subplots()
            axes.errorbar(
                curve.k, curve.accuracy, yerr=curve.whiskers, color=look.colour, ls="", marker="o", ms=6,
                mec="white", capsize=2.5, elinewidth=1.1, zorder=4, gid="points",
            )  # fmt: skip
            if fit is None or math.isnan(fit["midpoint"]):
                _say_why(axes, curve, "no cell is done" if fit is None else fit["note"])
            else:
                _draw_fit(axes, curve, fit)
                _legend(figure, fit)
            k_axis(axes, curve.k)
            axes.set(ylabel="accuracy", ylim=(-0.02, 1.04))
            quality = "" if fit is None or math.isnan(fit["midpoint"]) else f"   R² = {fit['r_squared']:.3f}"
            brackets = " · brackets: bootstrap over items" if figure.legends else ""
            heading(figure, f"{self.title}{quality}", whisker_note([curve]) + brackets)
        return figure

    def _fit(self, rows: "pd.DataFrame", frames: Frames) -> dict[Any, Any] | None:
        """Return the row of :func:`offdiag.analyses.transition` for this curve, None while nothing is done."""
        done = frames.answers(rows.loc[rows["state"] == "done", "cell"])
        if done.empty:
            return None
        (found,) = transition(
            done.assign(series="this"), "series", n_resamples=self.n_resamples, seed=self.seed
        ).to_dict(orient="records")  # fmt: skip
        return found


def _draw_fit(axes: "Axes", curve: ShotCurve, fit: dict[Any, Any]) -> None:
    plateau, middle, width = fit["plateau"], fit["midpoint"], fit["width_10_90"]
    low, high = float(curve.k.min()), float(curve.k.max())
    dense = np.linspace(low, high, 600)
    parameters = np.array([0.0, plateau, fit["slope"], middle])
    axes.plot(dense, logistic(dense, parameters), color=ORANGE, lw=1.8, zorder=3, gid="fit")
    if not math.isnan(fit["midpoint_from"]):
        axes.axvspan(fit["midpoint_from"], fit["midpoint_to"], color=ORANGE, alpha=0.12, lw=0, zorder=1, gid="bracket")
        return
    dashed: dict[str, Any] = {"color": GREY, "ls": "--", "lw": 0.9, "zorder": 2}
    ends = middle - width / 2, middle + width / 2
    for share, place in zip((0.1, 0.9), ends, strict=True):
        axes.axhline(share * plateau, gid="level", **dashed)
        if low <= place <= high:
            axes.axvline(place, gid="end", **dashed)
        word = f"{100 * share:.0f} % of the plateau"
        where: dict[str, Any] = {"xycoords": ("axes fraction", "data"), "textcoords": "offset points"}
        axes.annotate(word, (1, share * plateau), (-2, 3), ha="right", fontsize=8.5, color=GREY, **where)
    left, right = max(ends[0], low), min(ends[1], high)
    half = plateau / 2
    axes.annotate(
        "", (right, half), (left, half), arrowprops={"arrowstyle": "<->", "lw": 1.4, "shrinkA": 0, "shrinkB": 0}
    )


def _legend(figure: "Figure", fit: dict[Any, Any]) -> None:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    names = {"width_10_90": "width, 10 to 90 %", "fwhm": "FWHM of the slope", "midpoint": "midpoint", "k50": "k50"}
    names["plateau"] = "plateau"
    entries: list[Any] = [Line2D([], [], color=ORANGE, lw=1.8, label="fitted logistic")]
    if not math.isnan(fit["midpoint_from"]):
        entries.append(Patch(color=ORANGE, alpha=0.12, label="where the rise lies:\nno better is known"))
    for key, name in names.items():
        if not math.isnan(fit[key]):
            entries.append(Line2D([], [], ls="", label=f"{name}:\n{_valued(fit, key)}"))
    figure.legend(handles=entries, loc="outside right center")


def _valued(fit: dict[Any, Any], key: str) -> str:
    low, high = fit[f"{key}_low"], fit[f"{key}_high"]
    interval = "" if math.isnan(low) else f" [{low:.2f}, {high:.2f}]".replace("inf", "∞")
    return f"{fit[key]:.2f}{interval}"


def _say_why(axes: "Axes", curve: ShotCurve, reason: str) -> None:
    axes.plot(curve.k, curve.accuracy, color=curve.look.colour, lw=1, alpha=0.4, zorder=2)
    text = "no fit: " + reason.replace("; ", "\n")
    axes.text(0.98, 0.55, text, transform=axes.transAxes, ha="right", va="center", color=GREY, gid="reason")
