"""Heat map of representation alignment (CKA) between models of different trainings."""

from typing import TYPE_CHECKING, ClassVar

import numpy as np

from offdiag.analyses import Frames
from offdiag.figures.figure import StudyFigure
from offdiag.figures.style import PALE, footnote, heading, new_figure, styled
from offdiag.studies.world_map.analyses.alignment import cka_table
from offdiag.studies.world_map.analyses.city_measurements import require_one_layer, tasks_of
from offdiag.studies.world_map.task import NAMES

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

CKA = "Debiased CKA"


class AlignmentMatrix(StudyFigure):
    """Mean CKA of every two trainings over their seeds; on the diagonal, that of different seeds of one training."""

    tag: ClassVar[str] = "alignment-matrix"

    def plot(self, frames: Frames) -> "Figure":
        """Draw a cell per pair of trainings, its interval below the mean; hatched where nothing is measured.

        Raises:
            UserError: several layers are left: choose one with ``where``.
        """
        table = cka_table(frames, self.where)
        require_one_layer(table, f"figure {self.name}")
        names = sorted({*table["train"], *table["other"]}, key=_position)
        size = max(len(names), 2)
        with styled():
            figure = new_figure(3.4 + 0.72 * size, 2.2 + 0.66 * size)
            axes = figure.subplots()
            _draw_cells(axes, table, names)
            at = f" at layer {table['layer'].iloc[0]}" if len(table) else ""
            heading(figure, f"{CKA} of city representations{at}", _footnote(table))
        return figure


def _position(trained: str) -> tuple[int, ...]:
    """Return a sort key: by number of tasks, then in the order of ``NAMES``."""
    tasks = tasks_of(trained)
    return (len(tasks), *(NAMES.index(name) for name in tasks))


def _draw_cells(axes: "Axes", table: "pd.DataFrame", names: list[str]) -> None:
    grid = np.full((len(names), len(names)), np.nan)
    axes.grid(visible=False)
    for row in table.to_dict("records"):
        i, j = names.index(row["train"]), names.index(row["other"])
        grid[i, j] = row["value"]
        ink = "white" if row["value"] < 0.55 else "black"
        axes.text(j, i - 0.1, f"{row['value']:.2f}", ha="center", va="center", color=ink, fontsize=10)
        if np.isfinite(row["low"]):
            text = f"{row['low']:.2f} to {row['high']:.2f}"
            axes.text(j, i + 0.25, text, ha="center", va="center", color=ink, fontsize=6)
    if not names:
        axes.set_title("nothing is measured yet")
        axes.set(xticks=[], yticks=[])
        return
    image = axes.imshow(grid, vmin=0, vmax=1, cmap="cividis", zorder=1)
    axes.patch.set(hatch="////", edgecolor=PALE)
    words = [name.replace("+", " + ") for name in names]
    axes.set_xticks(range(len(names)), words, rotation=45, ha="right")
    axes.set_yticks(range(len(names)), words)
    axes.set_xlabel("trained on")
    for spine in axes.spines.values():
        spine.set_visible(False)
    axes.figure.colorbar(image, ax=axes, shrink=0.8, pad=0.02)


def _footnote(table: "pd.DataFrame") -> str:
    if table.empty:
        return "nothing is measured yet"
    most = int(table["n_pairs"].max())
    interval = f"mean over up to {most} pairs of seeds; below it the 95 % interval over models (one pair: over cities)"
    return f"{interval}\n{footnote('diagonal: different seeds of one training', 'hatched: not measured')}"
