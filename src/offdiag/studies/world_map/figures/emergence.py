"""Figure of the accuracy (R²) of linear probes of coordinates, over pre-training."""

from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from offdiag.analyses import Frames
from offdiag.analyses.selection import one_per
from offdiag.figures.figure import StudyFigure
from offdiag.figures.style import GREY, Look, heading, label, legend, looks, new_figure, noun, styled, values_of
from offdiag.studies.world_map.analyses.city_measurements import (
    TRAINED,
    UPDATE,
    done_rows,
    mean_over_seeds,
    training_label,
)
from offdiag.studies.world_map.analyses.probe_generalisation import PROBES

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

CURVE = "curve"
FLOOR = -0.5  # a probe that does worse is drawn here


class Emergence(StudyFigure):
    """Held-out R² of linear probes against updates, on a logarithmic axis.

    Attributes:
        series: columns with one curve per combination of values. panels: column with one panel per value.
        group: of cities.
    """

    tag: ClassVar[str] = "emergence"
    series: tuple[str, ...] = Field(default=("model", TRAINED), min_length=1)
    group: Literal["ordinary", "new"] = "ordinary"
    panels: str = "layer"

    def plot(self, frames: Frames) -> "Figure":
        """Draw means over seeds and a thin line per seed; empty axes where no snapshot is measured yet.

        Raises:
            UserError: two probes are alike, or nothing is selected.
        """
        rows = done_rows(frames, PROBES, self.where)
        rows = rows[rows[UPDATE].notna() & (rows["group"] == self.group)] if UPDATE in rows and len(rows) else rows[:0]
        if len(rows):
            one_per(rows, [self.panels, *self.series, UPDATE, "seed"], f"figure {self.name}", "series= or where=")
        rows = rows.assign(**{CURVE: self._names(rows)})
        names = rows[CURVE].drop_duplicates().tolist()
        panels = values_of(rows[self.panels]) if len(rows) else [None]
        style = dict(zip(names, looks(len(names)), strict=True))
        with styled():
            figure = new_figure(2.6 + 3.9 * len(panels), 4.2)
            row = figure.subplots(1, len(panels), sharey=True, squeeze=False)[0]
            for axes, panel in zip(row, panels, strict=True):
                here = rows[rows[self.panels] == panel] if len(rows) else rows
                for name, look in style.items():
                    _draw_curve(axes, here[here[CURVE] == name], look)
                _finish(axes, here, "no snapshot is measured yet" if panel is None else f"{noun(self.panels)} {panel}")
            row[0].set_ylabel(f"held-out R² of coordinates, {self.group} cities")
            heading(figure, "How well linear probes decode coordinates, over training", _footnote(rows))
            legend(figure, style, _chance_entry())
        return figure

    def _names(self, rows: "pd.DataFrame") -> list[str]:
        """Return the name of each row's curve: what tells it apart from the others."""
        varying = [column for column in self.series if len(rows) and rows[column].nunique() > 1] or [TRAINED]
        return [
            ", ".join(training_label(str(row[c])) if c == TRAINED else label(c, row[c]) for c in varying)
            for row in rows.to_dict("records")
        ]


def _draw_curve(axes: "Axes", rows: "pd.DataFrame", look: Look) -> None:
    if rows.empty:
        return
    table = mean_over_seeds(rows, "r2", UPDATE)
    x, y, low, high = (table[name].to_numpy(np.float64) for name in (UPDATE, "value", "low", "high"))
    for _, of_seed in rows.groupby("seed") if rows["seed"].nunique() > 1 else ():
        of_seed = of_seed.sort_values(UPDATE)
        height = np.maximum(of_seed["r2"].to_numpy(np.float64), FLOOR)
        axes.plot(of_seed[UPDATE].to_numpy(np.float64), height, color=look.colour, lw=0.7, alpha=0.5, gid="seed")
    axes.fill_between(x, np.maximum(low, FLOOR), high.clip(FLOOR, 1), color=look.colour, alpha=0.16, lw=0)
    mark: dict[str, Any] = {"marker": look.marker, "markersize": 4.5}
    axes.plot(x, np.maximum(y, FLOOR), color=look.colour, lw=1.8, gid="curve", **mark)


def _finish(axes: "Axes", rows: "pd.DataFrame", title: str) -> None:
    axes.set(title=title, xlabel="updates", ylim=(FLOOR - 0.05, 1.05))
    updates = rows[UPDATE].to_numpy(np.float64) if len(rows) else np.array([1.0])
    positive = updates[updates > 0]
    if positive.size:
        axes.set_xscale("symlog", linthresh=float(positive.min()), linscale=0.4)
        axes.set_xlim(0 if (updates == 0).any() else float(positive.min()) * 0.85, float(positive.max()) * 1.3)
        axes.minorticks_off()
    axes.axhline(0, color=GREY, lw=0.9, ls=":")


def _footnote(rows: "pd.DataFrame") -> str:
    if rows.empty:
        return "nothing is measured yet"
    seeds = rows["seed"].nunique()
    mean = f"mean of {seeds} seeds (thin lines), band: 95 % over seeds and cities"
    band = mean if seeds > 1 else "band: 95 % over cities"
    lines = [f"{rows['n'].max()} cities, each placed by a probe that has not seen it", band]
    if (rows["r2_low"] < FLOOR).any():
        lines.append(f"values below \N{MINUS SIGN}{-FLOOR:g} are drawn there")
    return "\n".join(lines)


def _chance_entry() -> "Artist":
    """Return the legend entry of the line at R² 0."""
    from matplotlib.lines import Line2D

    return Line2D([], [], color=GREY, ls=":", label="no better than\nthe mean place")
