"""Scatter plot of transfer between two geometries against their alignment (CKA)."""

from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from pydantic import Field

from offdiag.analyses import Frames
from offdiag.analyses.selection import Where
from offdiag.figures.figure import StudyFigure
from offdiag.figures.style import GREY, Look, footnote, heading, legend, looks, new_figure, styled
from offdiag.studies.world_map.analyses.alignment_transfer import (
    AlignmentTransfer,
    fit_line,
    jackknife_half_width,
    mantel_p_value,
)
from offdiag.studies.world_map.figures.alignment_matrix import CKA
from offdiag.studies.world_map.figures.transfer_cells import short_name
from offdiag.studies.world_map.task import NAMES

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

ACROSS = 3


class AlignmentTransferFigure(StudyFigure):
    """One point per ordered pair X, Y: CKA of models pre-trained on each, and improvement on Y after training on X.

    Attributes:
        measured, without: see :class:`AlignmentTransfer`.
    """

    tag: ClassVar[str] = "alignment-transfer-figure"
    measured: Where = Field(default_factory=dict)
    without: tuple[str, ...] = ("crossing",)

    def plot(self, frames: Frames) -> "Figure":
        """Draw a panel per layer, with the least-squares line and its 95 % band."""
        settings = AlignmentTransfer(
            name=self.name, where=self.where, match_on=self.match_on, measured=self.measured, without=self.without,
        )  # fmt: skip
        points = settings.points(frames)
        layers = points["layer"].drop_duplicates().tolist() or [None]
        names: list[str] = [name for name in NAMES if name in set(points["train"])]
        style = dict(zip(names, looks(len(names)), strict=True))
        across = min(ACROSS, len(layers))
        down = -(-len(layers) // across)
        with styled():
            figure = new_figure(2.2 + 3.7 * across, 1.2 + 3.6 * down)
            panels = list(figure.subplots(down, across, squeeze=False, sharey=True, sharex=True).flat)
            for axes, layer in zip(panels, layers, strict=False):
                _panel(axes, points[points["layer"] == layer], style, layer)
            for spare in panels[len(layers) :]:
                spare.remove()
            low, high = panels[0].get_ylim()
            panels[0].set_ylim(min(-0.05, low), max(high, 1.0) + 0.15)  # room for the words; shared by all
            for first in panels[::across][:down]:
                first.set_ylabel("improvement on Y, trained on X")
            for axes in panels[: len(layers)]:
                axes.set_xlabel(f"{CKA} of X and Y")
                axes.tick_params(axis="x", labelbottom=True)
            note = footnote(
                "means over seeds",
                "line: least squares, band: 95 %, leaving out one geometry at a time",
                f"without {', '.join(self.without)}" if self.without else "",
                per_line=3,
            )
            heading(figure, "Is transfer larger between geometries with aligned representations?", note)
            legend(figure, {f"X = {short_name(name)}": look for name, look in style.items()}, ls="")
        return figure


def _panel(axes: "Axes", points: "pd.DataFrame", style: dict[str, Look], layer: object) -> None:
    axes.set_title("no pair is measured yet" if layer is None else f"layer {layer}", loc="left")
    for name, look in style.items():
        of_training = points[points["train"] == name]
        mark: dict[str, Any] = {"color": look.colour, "marker": look.marker, "ls": "", "ms": 6, "mec": "white"}
        axes.plot(of_training["alignment"], of_training["improvement"], gid="pair", zorder=3, **mark)
    fit = fit_line(points) if len(points) else None
    if fit is None or np.isnan(fit.slope.value):
        return
    x = np.linspace(points["alignment"].min(), points["alignment"].max(), 60)
    y = fit.intercept + fit.slope.value * x
    half = jackknife_half_width(fit.left_out[:, :1] + fit.left_out[:, 1:] * x)
    axes.fill_between(x, y - half, y + half, color=GREY, alpha=0.2, lw=0, zorder=1, gid="band")
    axes.plot(x, y, color=GREY, lw=1.6, zorder=2, gid="line")
    p = mantel_p_value(points)
    low, high = max(-1.0, fit.r.low), min(1.0, fit.r.high)
    words = f"r = {fit.r.value:.2f} [{low:.2f}, {high:.2f}], {len(points)} pairs"
    words += "" if np.isnan(p) else f"\npermuted geometries: p = {p:.2g}"
    axes.text(0.03, 0.98, words, transform=axes.transAxes, va="top", fontsize=8.5, color="#333333")
