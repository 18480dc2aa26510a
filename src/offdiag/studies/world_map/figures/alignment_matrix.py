"""How alike models of different trainings represent cities: a heat map."""

from typing import TYPE_CHECKING, ClassVar

import numpy as np

from offdiag.analyses import Frames
from offdiag.errors import UserError
from offdiag.figures.figure import StudyFigure
from offdiag.figures.style import PALE, heading, new_figure, styled
from offdiag.studies.world_map.analyses.alignment import Quantity, cka_table
from offdiag.studies.world_map.analyses.rows import tasks_of
from offdiag.studies.world_map.task import NAMES

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

NAMED = {"debiased": "Debiased CKA", "cka": "CKA"}


class AlignmentMatrix(StudyFigure):
    """Mean CKA of every two trainings over their seeds; along the diagonal, that of seeds of one training.

    Attributes:
        quantity: ``debiased`` or ``cka``, see :class:`offdiag.stats.alignment.Alignment`.
    """

    tag: ClassVar[str] = "alignment-matrix"
    quantity: Quantity = "debiased"

    def plot(self, frames: Frames) -> "Figure":
        """One square a pair of trainings, with its interval below the number; hatched where nothing is measured.

        Raises:
            UserError: several layers are left: choose one with ``where``.
        """
        table = cka_table(frames, self.where, self.quantity)
        layers = table["layer"].unique().tolist()
        if len(layers) > 1:
            raise UserError(
                f"figure {self.name}: layers {', '.join(map(str, layers))}; choose one with where={{'layer': …}}"
            )
        names = sorted({*table["train"], *table["other"]}, key=_place)
        size = max(len(names), 2)
        with styled():
            figure = new_figure(3.4 + 0.72 * size, 2.2 + 0.66 * size)
            axes = figure.subplots()
            _squares(axes, table, names)
            at = f" at layer {layers[0]}" if layers else ""
            heading(figure, f"{NAMED[self.quantity]} of city representations{at}", _footnote(table))
        return figure


def _place(trained: str) -> tuple[int, ...]:
    tasks = tasks_of(trained)
    return (len(tasks), *(NAMES.index(name) for name in tasks))


def _squares(axes: "Axes", table: "pd.DataFrame", names: list[str]) -> None:
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
    return (
        f"mean over up to {most} pairs of seeds; below it the 95 % interval over models (one pair: over cities)\n"
        "diagonal: different seeds of one training · hatched: not measured"
    )
