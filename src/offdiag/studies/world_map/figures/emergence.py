"""When the map appears in a model: how well coordinates can be read off its states, over its training."""

from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from offdiag.analyses import Frames
from offdiag.analyses.selection import require
from offdiag.errors import UserError
from offdiag.figures.figure import StudyFigure
from offdiag.figures.style import GREY, Look, heading, label, looks, new_figure, noun, styled, values_of
from offdiag.studies.world_map.analyses.probe_generalisation import PROBES
from offdiag.studies.world_map.analyses.rows import TRAINED, UPDATE, done_rows, over_seeds, trained_words

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

CURVE = "curve"
FLOOR = -0.5  # a probe that does worse is drawn here


class Emergence(StudyFigure):
    """Held-out R2 of linear probes against updates, on a logarithmic axis.

    Attributes:
        series: columns with one curve for each of their values. panels: column with one panel a value.
        group: of cities.
    """

    tag: ClassVar[str] = "emergence"
    series: tuple[str, ...] = Field(default=("model", TRAINED), min_length=1)
    group: Literal["ordinary", "new"] = "ordinary"
    panels: str = "layer"

    def plot(self, frames: Frames) -> "Figure":
        """Means over seeds, a thin line each seed; without snapshots, or before any is measured, an empty frame.

        Raises:
            UserError: two probes of one seed claim one point, or nothing is selected.
        """
        rows = done_rows(frames, PROBES, self.where)
        rows = rows[rows[UPDATE].notna() & (rows["group"] == self.group)] if UPDATE in rows and len(rows) else rows[:0]
        for column in (*self.series, self.panels, "seed") if len(rows) else ():
            require(rows, column)
        spot = [self.panels, *self.series, UPDATE, "seed"]
        if len(rows) and rows.duplicated(spot).any():
            raise UserError(f"figure {self.name}: two probes of one {', '.join(spot)}: tell them apart with where=")
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
            heading(figure, "How far coordinates are linear in the states, over training", _footnote(rows))
            _legend(figure, style)
        return figure

    def _names(self, rows: "pd.DataFrame") -> list[str]:
        """What sets the curve of each row apart from the others."""
        varying = [column for column in self.series if len(rows) and rows[column].nunique() > 1] or [TRAINED]
        return [
            ", ".join(trained_words(str(row[c])) if c == TRAINED else label(c, row[c]) for c in varying)
            for row in rows.to_dict("records")
        ]


def _draw_curve(axes: "Axes", rows: "pd.DataFrame", look: Look) -> None:
    if rows.empty:
        return
    table = over_seeds(rows, "r2", UPDATE)
    x, y, low, high = (table[name].to_numpy(np.float64) for name in (UPDATE, "value", "low", "high"))
    for _, one in rows.groupby("seed") if rows["seed"].nunique() > 1 else ():
        own = one.sort_values(UPDATE)
        height = np.maximum(own["r2"].to_numpy(np.float64), FLOOR)
        axes.plot(own[UPDATE].to_numpy(np.float64), height, color=look.colour, lw=0.7, alpha=0.5, gid="seed")
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


def _legend(figure: "Figure", style: dict[str, Look]) -> None:
    from matplotlib.lines import Line2D

    entries = [Line2D([], [], color=look.colour, marker=look.marker, label=name) for name, look in style.items()]
    entries.append(Line2D([], [], color=GREY, ls=":", label="knows nothing"))
    figure.legend(handles=entries, loc="outside right center")
