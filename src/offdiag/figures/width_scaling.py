"""The widths of transitions against the size of a system, with the curve A / sqrt(n)."""

import math
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from pydantic import Field

from offdiag.analyses import Frames, WidthScaling
from offdiag.analyses.width_scaling_of import Counted
from offdiag.figures.figure import StudyFigure
from offdiag.figures.style import GREY, PALETTE, heading, new_figure, styled

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


class WidthScalingPlot(StudyFigure):
    """:class:`offdiag.analyses.WidthScaling` drawn, both axes logarithmic.

    Attributes:
        size, counted, n_resamples, seed: as there.
    """

    tag: ClassVar[str] = "width-scaling"
    size: str
    counted: Counted
    n_resamples: int = Field(default=2000, ge=0)
    seed: int = 0

    def plot(self, frames: Frames) -> "Figure":
        """Each width with its interval, and the fit; sizes without a width are named."""
        widths = WidthScaling(
            name=self.name, where=self.where, match_on=self.match_on, size=self.size, counted=self.counted,
            n_resamples=self.n_resamples, seed=self.seed,
        )  # fmt: skip
        return draw_width_scaling(frames.table(widths), self.size)


def draw_width_scaling(table: "pd.DataFrame", size: str = "size") -> "Figure":
    """The figure of a table that :func:`offdiag.analyses.scaling_table` made, with its column ``counted``."""
    used, first = table[table["used"]], table.iloc[0]
    with styled():
        figure = new_figure(8.2, 5.0)
        axes = figure.subplots()
        title = "Width of the transition by system size"
        if used.empty:
            axes.text(0.5, 0.5, "no fit: no size has a width", transform=axes.transAxes, ha="center", color=GREY)
            axes.set(xticks=[], yticks=[])
        else:
            _draw(axes, used, size, float(first["amplitude"]))
            title += f"   A = {_amplitude(first)}"
            axes.legend(loc="upper right")
        axes.set(xlabel=f"system size n ({first['counted']})", ylabel="width W, 10 to 90 % (demonstrations)")
        heading(figure, title, _footnote(table, size))
    return figure


def _draw(axes: "Axes", used: "pd.DataFrame", size: str, amplitude: float) -> None:
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    n, width = (used[name].to_numpy(np.float64) for name in (size, "width_10_90"))
    reach = np.nan_to_num(np.stack([width - used["width_10_90_low"], used["width_10_90_high"] - width]).astype(float))
    mark: dict[str, Any] = {"color": PALETTE[0], "marker": "o", "ms": 6, "mec": "white", "ls": "", "capsize": 3}
    axes.errorbar(n, width, yerr=np.maximum(reach, 0), zorder=3, label="width, 95 % interval", gid="widths", **mark)
    dense = np.geomspace(n.min() / 1.4, n.max() * 1.4, 200)
    axes.plot(dense, amplitude / np.sqrt(dense), "--", color=PALETTE[1], zorder=2, gid="fit", label="A / √n, fitted")
    axes.set(xscale="log", yscale="log")
    axes.set_xticks(n, [f"{each:g}" if each < 1e5 else f"{each:.2g}" for each in n])
    axes.minorticks_off()
    axes.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.yaxis.set_minor_formatter(NullFormatter())


def _amplitude(first: "pd.Series[Any]") -> str:
    low, high, r_squared = float(first["amplitude_low"]), float(first["amplitude_high"]), float(first["r_squared"])
    interval = "" if math.isnan(low) else f" [{low:.3g}, {high:.3g}]"
    return f"{first['amplitude']:.3g}{interval}" + ("" if math.isnan(r_squared) else f", R² = {r_squared:.2f}")


def _footnote(table: "pd.DataFrame", size: str) -> str:
    kind = "weighted by the errors of the widths" if table["weighted"].iloc[0] else "all widths weigh the same"
    dropped = [f"{each:g}" for each in table.loc[~table["used"], size]]
    left_out = f" · without a width, left out: n = {', '.join(dropped)}" if dropped else ""
    return f"least squares, {kind}{left_out}"
