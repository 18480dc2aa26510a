"""Figure of the anchoring score over the layers of a model."""

from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from offdiag.analyses import Frames
from offdiag.analyses.selection import DONE
from offdiag.errors import UserError
from offdiag.figures.figure import StudyFigure
from offdiag.figures.style import (
    GREY,
    Look,
    counted,
    footnote,
    heading,
    label,
    legend,
    looks,
    new_figure,
    noun,
    styled,
    values_of,
)
from offdiag.studies.base_addition.analyses.anchoring_curves import LayerCurve, layer_curves

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

STEEP = 30.0  # largest over smallest size of a score above which a panel's axis turns logarithmic away from zero
LINEAR = 1.0  # up to this size such an axis is linear


class LayerwiseAnchoring(StudyFigure):
    """S over layers: one panel per pooling (or form, or k), one curve per series, its highest layer marked.

    Without ``k`` in ``where`` the largest k is drawn; whatever else was measured in several ways has to be in
    ``where``. Layers on which all anchors are the same are gaps.

    Attributes:
        series: column with one curve per value. panels: column with one panel per value.
    """

    tag: ClassVar[str] = "layerwise-anchoring"
    series: str = "eval_base"
    panels: str = "pooling"

    def plot(self, frames: Frames) -> "Figure":
        """Draw the curves with their 95 % bands; the legend names each series without a result."""
        curves = layer_curves(frames, self.where, self.match_on, self.series)
        done = self._of_one_k([curve for curve in curves if curve.state == DONE])
        self._check_one_each(done)
        names = values_of(_column(self.series, curves))
        styles = dict(zip(names, looks(len(names)), strict=True))
        panels = values_of(_column(self.panels, done)) if done else ["no result yet"]
        with styled():
            figure = new_figure(2.2 + 4.4 * len(panels), 4.6)
            row = figure.subplots(1, len(panels), squeeze=False)[0]
            for axes, panel in zip(row, panels, strict=True):
                here = [curve for curve in done if curve.factors[self.panels] == panel]
                for curve in here:
                    _draw_curve(axes, curve, styles[curve.factors[self.series]], relative=_differ(done))
                _finish(axes, here, _title(self.panels, panel), relative=_differ(done))
            row[0].set_ylabel("anchoring score S")
            k = f" of {done[0].factors['k']} anchors" if done and self.panels != "k" else ""
            heading(figure, f"Anchoring score{k} by layer, for each {noun(self.series)}", _footnote(done))
            self._entries(figure, curves, styles)
        return figure

    def _of_one_k(self, curves: list[LayerCurve]) -> list[LayerCurve]:
        if self.panels == "k" or not curves:
            return curves
        most = max(int(curve.factors["k"]) for curve in curves)
        return [curve for curve in curves if curve.factors["k"] == most]

    def _check_one_each(self, curves: list[LayerCurve]) -> None:
        places = [(curve.factors[self.panels], curve.factors[self.series]) for curve in curves]
        if len(set(places)) < len(places):
            varying = [
                name for name in curves[0].factors
                if name not in (self.panels, self.series) and len({str(c.factors[name]) for c in curves}) > 1
            ]  # fmt: skip
            raise UserError(
                f"figure {self.name}: several curves of one {self.series} in one panel, which differ in "
                f"{', '.join(varying)}: choose with where="
            )

    def _entries(self, figure: "Figure", curves: list[LayerCurve], styles: "dict[object, Look]") -> None:
        from matplotlib.lines import Line2D

        names = {}
        for value, look in styles.items():
            states = {curve.state for curve in curves if curve.factors[self.series] == value}
            absent = "" if DONE in states else f" ({', '.join(sorted(states))})"
            names[label(self.series, value) + absent] = look
        highest = Line2D(
            [], [], color=GREY, ls="", marker="D", mfc="white", markersize=7, label="highest layer, $S_{max}$"
        )
        legend(figure, names, highest, marker="")


def _draw_curve(axes: "Axes", curve: LayerCurve, look: "Look", *, relative: bool) -> None:
    x = curve.depth if relative else curve.layers
    axes.fill_between(x, curve.low, curve.high, color=look.colour, alpha=0.2, lw=0)
    axes.plot(x, curve.score, color=look.colour, lw=1.6, marker="o", markersize=2.6, gid="curve")
    highest, index, _, _ = curve.summary
    if index >= 0:
        ends = np.array([[highest - curve.low[index]], [curve.high[index] - highest]])
        axes.errorbar(
            [x[index]], [highest], yerr=np.maximum(ends, 0), color=look.colour, marker="D", mfc="white", markersize=7,
            mew=1.5, capsize=2.5, zorder=4, gid="highest",
        )  # fmt: skip


def _finish(axes: "Axes", curves: list[LayerCurve], title: str, *, relative: bool) -> None:
    axes.set_title(title)
    axes.set_xlabel("relative depth (0: embeddings)" if relative else "layer (0: embeddings)")
    scores = np.concatenate([curve.score for curve in curves] or [np.array([])])
    scores = scores[np.isfinite(scores)]
    if scores.size and np.abs(scores).max() > STEEP * max(np.abs(scores).min(), LINEAR):
        axes.set_yscale("symlog", linthresh=LINEAR)
        axes.yaxis.set_major_formatter("{x:g}")
        # a band that reaches below all curves by orders of magnitude would leave them no room
        axes.set_ylim(bottom=float(scores.min() - 0.6 * max(abs(scores.min()), LINEAR)))


def _title(column: str, value: object) -> str:
    words = {"mean": "mean over tokens", "last": "last token"}
    return words.get(str(value), str(value)) if isinstance(value, str) else label(column, value)


def _footnote(curves: list[LayerCurve]) -> str:
    if not curves:
        return "nothing is measured yet"
    seeds = max(curve.n_seeds for curve in curves)
    anchors = "anchors (jackknife)" if seeds == 1 else f"{seeds} draws of anchors"
    return footnote(
        counted((curve.n_queries for curve in curves), "query"),
        f"band: 95 % interval over queries and {anchors}",
        "gap: identical anchors, no score" if any(np.isnan(curve.score).any() for curve in curves) else "",
        per_line=3,
    )


def _differ(curves: list[LayerCurve]) -> bool:
    return len({float(curve.layers[-1]) for curve in curves}) > 1


def _column(name: str, curves: list[LayerCurve]) -> "pd.Series[Any]":
    import pandas as pd

    return pd.Series([curve.factors.get(name) for curve in curves])
