"""Heat map of the rank correlations of measures of hardness."""

from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from offdiag.analyses import Frames, StudyAnalysis
from offdiag.analyses.selection import DONE
from offdiag.errors import NotPlannedError
from offdiag.figures.figure import StudyFigure
from offdiag.figures.style import GREY, PALE, counted, footnote, heading, new_figure, noun, styled
from offdiag.stats.paired import CLEAR

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLOURS = "RdBu"  # red for -1, white for 0, blue for 1
DARK = 0.6  # absolute correlation from which on the square is dark and its text white


class CorrelationHeatMap(StudyFigure):
    """One square per pair of measures with its coefficient and interval, below the diagonal.

    Attributes:
        of: a table with ``dataset, first, second, spearman, low, high, items, p_holm``, and ``state`` where some are
            missing.
        dataset: the data set to draw.
    """

    tag: ClassVar[str] = "correlation-heat-map"
    of: StudyAnalysis
    dataset: str

    def plot(self, frames: Frames) -> "Figure":
        """Draw the squares; those without a correlation (not measured, or the same for all items) are hatched.

        Raises:
            UserError: fewer than two measures are planned.
        """
        table = frames.table(self.of)
        table = table[table["dataset"] == self.dataset]
        if "state" not in table:
            table = table.assign(state=DONE)
        if table.empty:
            raise NotPlannedError(f"figure {self.name}: a correlation needs two measures of {self.dataset}")
        names = list(dict.fromkeys([*table["first"], *table["second"]]))
        with styled():
            figure = new_figure(3.6 + 0.78 * len(names), 2.0 + 0.6 * len(names))
            axes = figure.subplots()
            _squares(axes, table, names)
            heading(figure, f"Measures of hardness of {self.dataset}", _footnote(table))
        return figure


def _squares(axes: "Axes", table: "pd.DataFrame", names: list[str]) -> None:
    grid = np.full((len(names), len(names)), np.nan)
    for row in table.to_dict("records"):
        x, y = names.index(row["first"]), names.index(row["second"])
        grid[y, x] = row["spearman"]
        _square(axes, x, y, row)
    image = axes.imshow(grid[1:, :-1], vmin=-1, vmax=1, cmap=COLOURS, extent=(-0.5, len(names) - 1.5,
                        len(names) - 0.5, 0.5), aspect="auto", zorder=1)  # fmt: skip
    words = [noun(name) for name in names]
    axes.set_xticks(range(len(names) - 1), words[:-1], rotation=30, ha="right", rotation_mode="anchor")
    axes.set_yticks(range(1, len(names)), words[1:])
    axes.tick_params(length=0)
    axes.grid(visible=False)
    for spine in axes.spines.values():
        spine.set_visible(False)
    axes.figure.colorbar(image, ax=axes, shrink=0.8, pad=0.02, label="Spearman's rank correlation")


def _square(axes: "Axes", x: int, y: int, row: dict[Any, Any]) -> None:
    from matplotlib.patches import Rectangle

    if np.isnan(row["spearman"]):
        fill: dict[str, Any] = {"facecolor": "none", "edgecolor": PALE, "hatch": "////", "lw": 0, "gid": "absent"}
        axes.add_patch(Rectangle((x - 0.5, y - 0.5), 1, 1, **fill))
        word = "none" if row["state"] == DONE else row["state"]
        box = {"facecolor": "white", "edgecolor": "none", "pad": 1.0}
        axes.text(x, y, word, ha="center", va="center", fontsize=8, color=GREY, bbox=box)
        return
    ink = "white" if abs(row["spearman"]) > DARK else "black"
    weight = "bold" if row["p_holm"] < CLEAR else "normal"
    shared: dict[str, Any] = {"ha": "center", "va": "center", "color": ink, "zorder": 3}
    value = round(row["spearman"], 2) + 0.0  # no minus before 0.00
    axes.text(x, y - 0.12, f"{value:.2f}", fontsize=10, weight=weight, gid="coefficient", **shared)
    if np.isfinite(row["low"]):
        axes.text(x, y + 0.26, f"{row['low']:.2f} to {row['high']:.2f}", fontsize=7, **shared)


def _footnote(table: "pd.DataFrame") -> str:
    done = table[table["state"] == DONE]
    if done.empty:
        return "nothing is measured yet"
    return footnote(
        counted([int(done["items"].max())], "item"),
        "small: 95 % interval (Fisher's z, variance of Bonett and Wright)",
        f"bold: p < {CLEAR}, after Holm over all squares",
    )
