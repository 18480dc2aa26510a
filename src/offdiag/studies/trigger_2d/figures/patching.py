"""Heat map of activation patching: share of a trigger's effect that is restored, by position and layer."""

from collections.abc import Hashable
from typing import TYPE_CHECKING, Any, ClassVar

from offdiag.analyses import Frames
from offdiag.figures.style import GREY, footnote, heading, new_figure, percent, styled
from offdiag.studies.trigger_2d.analyses.patching import PatchingRecovery
from offdiag.studies.trigger_2d.figures.arms import dagger_words
from offdiag.studies.trigger_2d.figures.contrast_panels import (
    ContrastFigure,
    contrast_panels,
    hatch,
    repeated,
    shown_categories,
)

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_NUMBERED = 40  # layers; up to so many, every square shows its number
LOWEST, HIGHEST = -0.5, 1.0  # ends of the colour scale
DARK = 0.6  # from here on the number is white
ROWS = {"point": "point", "trigger": "trigger", "rest": "rest", "last": "last token"}


class PatchingHeatMap(ContrastFigure):
    """Mean recovered difference in percent; one panel per arm and pair of categories."""

    tag: ClassVar[str] = "patching-heat-map"
    analysis: ClassVar[type[PatchingRecovery]] = PatchingRecovery

    def plot(self, frames: Frames) -> "Figure":
        """Draw every planned panel; one that is not done, or has no pair, is hatched and says why.

        Raises:
            UserError: as the analysis says.
        """
        table = self.table(frames)
        panels = contrast_panels(table, self.arms, unlearnt := self.unlearnt(frames))
        with styled():
            figure = new_figure(11.5, 1.3 + 1.7 * len(panels))
            column = figure.subplots(len(panels), 1, squeeze=False)[:, 0]
            for axes, panel in zip(column, panels, strict=True):
                _draw(axes, panel.rows)
                axes.set_title(" · ".join([panel.arm, panel.pair, *_pairs(panel.rows)]), loc="left", fontsize=10)
            column[-1].set_xlabel("layer whose input is patched (0: embeddings)")
            heading(figure, "How much of the trigger's effect patched states bring back", _footnote(table, unlearnt))
            _colour_bar(figure, list(column))
        return figure


def _draw(axes: "Axes", rows: "pd.DataFrame") -> None:
    axes.grid(visible=False)
    for spine in axes.spines.values():
        spine.set_visible(False)
    if "position" not in rows or rows["position"].isna().all():
        hatch(axes, str(rows["state"].iloc[0]))
        return
    names = list(dict.fromkeys(rows["position"]))
    wide = rows.pivot(index="position", columns="layer", values="recovered").loc[names].astype(float)
    colours, norm = _colours()
    axes.pcolormesh(wide.to_numpy(), cmap=colours, norm=norm, edgecolors="white", lw=1, gid="recovered")
    axes.set(ylim=(len(names), 0))
    axes.set_yticks([i + 0.5 for i in range(len(names))], [ROWS.get(name, name) for name in names])
    step = 1 if wide.shape[1] <= MOST_NUMBERED else 5
    axes.set_xticks([i + 0.5 for i in range(0, wide.shape[1], step)], [str(int(x)) for x in wide.columns[::step]])
    axes.tick_params(length=0, axis="both", labelsize=8.5)
    if step == 1:
        at = {int(layer): i for i, layer in enumerate(wide.columns)}
        for row in rows.to_dict("records"):
            _number(axes, at[int(row["layer"])], names.index(row["position"]), row)


def _number(axes: "Axes", x: int, y: int, row: "dict[Hashable, Any]") -> None:
    nothing = row["recovered"] == 0 or row["low"] <= 0 <= row["high"]  # where all items agree, there is no interval
    colour = "white" if row["recovered"] > DARK else GREY if nothing else "black"
    percent = round(100 * row["recovered"])  # a whole number has no -0
    axes.text(x + 0.5, y + 0.5, str(percent), ha="center", va="center", fontsize=7.5, color=colour)


def _colours() -> "tuple[Any, Any]":
    from matplotlib.colors import LinearSegmentedColormap, TwoSlopeNorm

    colours = LinearSegmentedColormap.from_list("recovered", ["#D55E00", "#FFFFFF", "#08519C"])
    return colours, TwoSlopeNorm(0, LOWEST, HIGHEST)


def _colour_bar(figure: "Figure", axes: "list[Axes]") -> None:
    from matplotlib.cm import ScalarMappable

    colours, norm = _colours()
    bar = figure.colorbar(ScalarMappable(norm, colours), ax=axes, pad=0.01, aspect=18, extend="both")
    bar.ax.yaxis.set_major_formatter(percent)
    bar.set_label("recovered", fontsize=9)
    bar.outline.set_visible(False)


def _pairs(rows: "pd.DataFrame") -> list[str]:
    """Return how many pairs there are, and how many were left out."""
    first = rows.iloc[0]
    words = [f"{first['n_pairs']} pairs", f"left out: {first['left_out']}"]
    return words[: 0 if not first["n_seeds"] else 2 if first["left_out"] else 1]


def _footnote(table: "pd.DataFrame", unlearnt: frozenset[str]) -> str:
    return footnote(
        f"mean over {repeated(table, 'pairs')}; grey: the 95 % interval includes 0",
        "0: as with the other category's trigger, 100: as with its own",
        "point: tokens before the trigger, a control that must be 0",
        "rest: tokens between the trigger and the last one",
        dagger_words(shown_categories(table), unlearnt),
    )
