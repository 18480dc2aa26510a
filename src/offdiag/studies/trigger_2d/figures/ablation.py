"""Figure of trigger ablation: which rule the answers follow when the trigger is taken away or replaced."""

from math import ceil
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from offdiag.analyses import Frames
from offdiag.analyses.selection import DONE
from offdiag.figures.style import Look, footnote, heading, legend, looks, new_figure, percent_axis, styled
from offdiag.studies.trigger_2d.analyses.ablation import TriggerAblationRates
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

SERIES = {"own": "own category's rule", "other": "other category's rule", "neither": "neither rule"}
NAMES = {"intact": "own\ntrigger", "placeholder": "place-\nholder", "empty": "nothing", "swapped": "other\ntrigger"}
ACROSS = 3  # panels side by side


class TriggerAblationFigure(ContrastFigure):
    """Rates of the rule that the answers follow, by what stands in the trigger's place; one panel per arm and pair."""

    tag: ClassVar[str] = "trigger-ablation-figure"
    analysis: ClassVar[type[TriggerAblationRates]] = TriggerAblationRates

    def plot(self, frames: Frames) -> "Figure":
        """Draw every planned panel; one that is not done is hatched and says why.

        Raises:
            UserError: as the analysis says.
        """
        table = self.table(frames)
        panels = contrast_panels(table, self.arms, unlearnt := self.unlearnt(frames))
        across = min(ACROSS, len(panels))
        down = ceil(len(panels) / across)
        styles = dict(zip(SERIES, looks(len(SERIES)), strict=True))
        with styled():
            figure = new_figure(2.6 + 4.0 * across, 1.3 + 2.7 * down)
            grid = figure.subplots(down, across, squeeze=False, sharey=True).ravel()
            for axes, panel in zip(grid, panels, strict=False):
                axes.set_title(f"{panel.arm}\n{panel.pair}", fontsize=10, loc="left")
                _draw(axes, panel.rows, styles)
            for axes in grid[len(panels) :]:
                axes.set_visible(False)
            for axes in grid[::across]:
                axes.set_ylabel("answers")
            heading(figure, "Which rule the answers follow without their trigger", _footnote(table, unlearnt))
            legend(figure, {f"by {SERIES[name]}": look for name, look in styles.items()}, ls="", mec="none")
        return figure


def _draw(axes: "Axes", rows: "pd.DataFrame", styles: dict[str, Look]) -> None:
    percent_axis(axes)
    if rows["ablation"].isna().all():
        hatch(axes, str(rows["state"].iloc[0]))
        return
    x = np.arange(len(rows))
    for i, (name, look) in enumerate(styles.items()):
        value, low, high = (rows[column].to_numpy(float) for column in (name, f"{name}_low", f"{name}_high"))
        reach = np.maximum([value - low, high - value], 0)
        axes.errorbar(
            x + 0.2 * (i - 1), value, yerr=reach, color=look.colour, marker=look.marker, ls="", markersize=6,
            capsize=2.5, lw=1.3, gid=name,
        )  # fmt: skip
    axes.set(xlim=(-0.5, len(rows) - 0.5))
    axes.set_xticks(x, [NAMES.get(name, name) for name in rows["ablation"]], fontsize=9)


def _footnote(table: "pd.DataFrame", unlearnt: frozenset[str]) -> str:
    done = table[table["state"] == DONE]
    if done.empty:
        return "nothing is measured yet"
    items = f"{int(done['n_items'].max())} questions each, about the same points"
    intervals = f"bars: 95 % interval over {repeated(table, 'triggers')}"
    return footnote(items, intervals, dagger_words(shown_categories(table), unlearnt))
