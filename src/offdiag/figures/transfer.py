"""Figure of what training on one domain changes on others: bars of paired differences to the baseline."""

import math
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from offdiag.analyses import Frames
from offdiag.analyses.estimates import CellEstimate, estimate
from offdiag.analyses.selection import require, select_final
from offdiag.errors import NotPlannedError, UserError
from offdiag.figures.figure import StudyFigure
from offdiag.figures.style import GREY, PALE, counted, heading, label, looks, new_figure, noun, styled, values_of

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTH = 0.76
TAUGHT = "#F3EBD3"
BASELINES = {
    "zero-shot": "the untuned model, zero-shot",
    "pre-training": "the same model before its fine-tuning",
}
LENT_MARK = "‡"  # an interval whose remark stands below the figure; † is of learners that had not learnt
SEED_DOT: dict[str, Any] = {"marker": "o", "ms": 3.5, "mfc": "white", "mec": "black", "mew": 0.7}


class Transfer(StudyFigure):
    """Accuracy points above or below the baseline, by training value (panels), evaluation value (x) and variant (bars).

    Attributes:
        panels: column with one panel per value. x: column along each panel. bars: column with one bar per value, None
            for a single bar. method: only the cells of this method are drawn.
    """

    tag: ClassVar[str] = "transfer"
    takes_scores: ClassVar[bool] = True
    panels: str = "train"
    x: str = "eval"
    bars: str | None = "rationale"
    method: str = "fine-tuning"

    def plot(self, frames: Frames) -> "Figure":
        """Draw every planned bar with its 95 % whiskers; cells without a result are hatched and named."""
        chosen = select_final(frames.cells, {"method": self.method, **self.where}, self.match_on)
        for column in filter(None, (self.panels, self.x, self.bars)):
            require(chosen, column)
        grid = _Grid(
            panels=values_of(chosen[self.panels]),
            places=values_of(chosen[self.x]),
            variants=values_of(chosen[self.bars]) if self.bars else [None],
        )
        if not grid.panels or not grid.variants:
            raise NotPlannedError(f"figure {self.name}: no {self.method} cell has a {self.panels} and a {self.bars}")
        with styled():
            figure, row = _canvas(grid)
            bars = [bar for panel in range(len(grid.panels)) for bar in self._bars(chosen, frames, grid, panel)]
            low, high = _span(bars)
            for axes, panel in zip(row, grid.panels, strict=True):
                axes.set(ylim=(low, high), xlim=(-0.55, len(grid.places) - 0.45))
                axes.set_title(f"fine-tuned on {label(self.panels, panel)}")
                axes.set_xticks(range(len(grid.places)), [str(value) for value in grid.places])
                axes.set_xlabel(f"evaluated on {noun(self.x)}")
                axes.axhline(0, color="black", lw=0.9, zorder=2.5)
            figure.supylabel("difference in accuracy (points)", fontsize=10)
            for bar in bars:
                _draw_bar(row[bar.panel], bar)
            against = _baseline(chosen, frames.cells)
            heading(figure, f"Change in accuracy against {against}", _footnote(bars, against))
            _legend(figure, bars, [label(self.bars, value) for value in grid.variants] if self.bars else [])
        return figure

    def _bars(self, chosen: "pd.DataFrame", frames: Frames, grid: "_Grid", panel: int) -> "list[_Bar]":
        here = chosen[chosen[self.panels] == grid.panels[panel]]
        width = WIDTH / len(grid.variants)
        bars = []
        for place, value in enumerate(grid.places):
            for variant, (wanted, look) in enumerate(zip(grid.variants, looks(len(grid.variants)), strict=True)):
                rows = here[here[self.x] == value]
                rows = rows[rows[self.bars] == wanted] if self.bars else rows
                if rows.empty:
                    where = f"{self.panels} = {grid.panels[panel]}, {self.x} = {value}, {self.bars} = {wanted}"
                    raise UserError(f"figure {self.name}: no cell with {where}; narrow the figure with where=")
                centre = place + (variant - (len(grid.variants) - 1) / 2) * width
                spot = estimate(rows, frames.records, "difference", baselines=frames.cells)
                bars.append(_Bar(panel, place, variant, centre, 0.9 * width, look.colour, _taught(rows), spot))
        return bars


def _baseline(chosen: "pd.DataFrame", cells: "pd.DataFrame") -> str:
    """Return in words what the chosen cells are compared with, by the method of their baselines."""
    methods = cells.loc[cells["cell"].isin(chosen["baseline"].dropna()), "method"].unique()
    return " or ".join(BASELINES.get(method, f"method {method}") for method in methods) or "the baseline"


class _Grid(NamedTuple):
    panels: list[Any]
    places: list[Any]
    variants: list[Any]


def _canvas(grid: _Grid) -> "tuple[Figure, list[Axes]]":
    """Return the figure and its panels; more than three stand in two rows."""
    n = len(grid.panels)
    across = n if n <= 3 else math.ceil(n / 2)
    down = math.ceil(n / across)
    figure = new_figure(max(6.8, 2.6 + across * (0.9 + 0.5 * len(grid.places))), 1.4 + 3.2 * down)
    axes = list(figure.subplots(down, across, sharey=True, squeeze=False).flat)
    for spare in axes[n:]:
        spare.remove()
    return figure, axes[:n]


class _Bar(NamedTuple):
    """One bar: where it stands (indices, and centre and width along x), how it looks, what it says (proportions)."""

    panel: int
    place: int
    variant: int
    centre: float
    width: float
    colour: str
    taught: bool
    spot: CellEstimate


def _taught(rows: "pd.DataFrame") -> bool:
    """Return whether training and evaluation agree in all parameters that both have."""
    first = rows.iloc[0].dropna()
    names = [str(column).removeprefix("train_") for column in first.index if str(column).startswith("train_")]
    shared = [name for name in names if f"eval_{name}" in first.index]
    return bool(shared) and all(first[f"train_{name}"] == first[f"eval_{name}"] for name in shared)


def _span(bars: list[_Bar]) -> tuple[float, float]:
    """Return limits of y that hold all whiskers and seeds, and are never so narrow that noise looks like an effect."""
    done = [bar.spot for bar in bars if bar.spot.state == "done"]
    ends = [100 * end for spot in done for end in (spot.low, spot.high, *spot.by_seed)]
    low, high = min([-10.0, *ends]), max([10.0, *ends])
    margin = (0.16 if any(bar.spot.n_done < bar.spot.n_planned for bar in bars) else 0.08) * (high - low)
    return low - margin, high + margin


def _draw_bar(axes: "Axes", bar: _Bar) -> None:
    spot = bar.spot
    if bar.taught:
        axes.axvspan(bar.place - 0.48, bar.place + 0.48, color=TAUGHT, lw=0, zorder=0, gid="taught")
        axes.get_xticklabels()[bar.place].set_fontweight("bold")
    if spot.state != "done":
        _draw_absent(axes, bar)
        return
    value, low, high = 100 * spot.value, 100 * spot.low, 100 * spot.high
    axes.bar(bar.centre, value, bar.width, color=bar.colour, alpha=0.85, zorder=2, gid="bar")
    reach = [[max(value - low, 0)], [max(high - value, 0)]]
    mark: dict[str, Any] = {"fmt": "o", "ms": 4.5, "mfc": bar.colour, "mec": "black", "color": "black"}
    axes.errorbar(bar.centre, value, yerr=reach, lw=1.1, capsize=3, zorder=4, **mark)
    if spot.n_planned > 1:
        points = [100 * each for each in spot.by_seed]
        axes.plot([bar.centre + 0.28 * bar.width] * len(points), points, ls="", zorder=5, gid="seeds", **SEED_DOT)
    marks = [f"{spot.n_done} of {spot.n_planned}\nseeds"] if spot.n_done < spot.n_planned else []
    if marks := [*marks, *([LENT_MARK] if spot.remark else [])]:
        text = "\n".join(marks if value < 0 else reversed(marks))
        above = (0, 4) if value >= 0 else (0, -4)
        side = "bottom" if value >= 0 else "top"
        at = (bar.centre, high if value >= 0 else low)
        axes.annotate(text, at, above, textcoords="offset points", ha="center", va=side, fontsize=7, color=GREY)


def _draw_absent(axes: "Axes", bar: _Bar) -> None:
    """Draw a hatched column of full height, which no one can take for a value."""
    left, tall = bar.centre - bar.width / 2, axes.get_xaxis_transform()
    axes.axvspan(left, left + bar.width, facecolor="none", edgecolor=PALE, hatch="////", lw=0.8, zorder=1, gid="absent")
    text = axes.text(bar.centre, 0.82, bar.spot.state, transform=tall, ha="center", va="center", rotation=90)
    text.set(fontsize=8.5, color=GREY, zorder=6, bbox={"facecolor": "white", "edgecolor": "none", "pad": 1.5})


def _footnote(bars: list[_Bar], against: str) -> str:
    items = counted((bar.spot.n_items for bar in bars), "paired item")
    seeds = max(bar.spot.n_planned for bar in bars)
    if seeds == 1:
        note = f"{items} per bar · whiskers: 95 % interval of the paired difference"
    else:
        note = f"{items} per bar, mean of {seeds} seeds (white dots) · whiskers: 95 % interval over seeds and items"
    remarks = dict.fromkeys(bar.spot.remark for bar in bars if bar.spot.remark)
    lent = "".join(f"\n{LENT_MARK} {remark}" for remark in remarks)
    return f"{note}\nbaseline of each bar: {against}, on the same items with the same prompt{lent}"


def _legend(figure: "Figure", bars: list[_Bar], variants: list[str]) -> None:
    from matplotlib.patches import Patch

    colours = [look.colour for look in looks(len(variants))]
    entries = [Patch(color=colour, alpha=0.85, label=name) for colour, name in zip(colours, variants, strict=True)]
    if any(bar.taught for bar in bars):
        entries.append(Patch(color=TAUGHT, label="the taught domain"))
    if any(bar.spot.state != "done" for bar in bars):
        entries.append(Patch(facecolor="none", edgecolor=PALE, hatch="////", label="no result"))
    if entries:
        figure.legend(handles=entries, loc="outside right center")
