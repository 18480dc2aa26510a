"""Figure of the alignment (CKA) of models without a common task, by tasks per model."""

from typing import TYPE_CHECKING, ClassVar

import numpy as np

from offdiag.analyses import Frames
from offdiag.figures.figure import StudyFigure
from offdiag.figures.style import Look, footnote, heading, legend, looks, new_figure, styled
from offdiag.studies.world_map.analyses.alignment import SEEDS, Convergence, disjoint, model_pairs
from offdiag.studies.world_map.figures.alignment_matrix import CKA

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


class ConvergenceFigure(StudyFigure):
    """Mean CKA over pairs of models with disjoint task sets, against tasks per model; one panel per layer.

    Pairs of different seeds are drawn, those of one seed only where there are no others.

    Attributes:
        aside: see :class:`Convergence`.
    """

    tag: ClassVar[str] = "convergence-figure"
    aside: tuple[str, ...] = ("crossing",)

    def plot(self, frames: Frames) -> "Figure":
        """Draw means with 95 % whiskers, and every pair as a dot behind them."""
        settings = Convergence(name=self.name, where=self.where, aside=self.aside)
        table = frames.table(settings)
        pairs = disjoint(model_pairs(frames, self.where))
        if len(table):
            seeds = SEEDS[bool(pairs["same_seed"].all())]
            table, pairs = table[table["seeds"] == seeds], pairs[pairs["same_seed"] == (seeds == SEEDS[True])]
        layers = sorted(table["layer"].unique().tolist()) or [None]
        with styled():
            figure = new_figure(2.6 + 2.5 * len(layers), 4.1)
            row = figure.subplots(1, len(layers), sharey=True, squeeze=False)[0]
            names = table["models"].drop_duplicates().tolist()
            style = dict(zip(names, looks(len(names)), strict=True))
            for axes, layer in zip(row, layers, strict=True):
                here = pairs[pairs["layer"] == layer]
                axes.plot(here["n_tasks"] - 0.18, here["value"], ls="", marker=".", ms=3, color="#9A9A9A", gid="pair")
                for i, (name, look) in enumerate(style.items()):
                    chosen = table[(table["layer"] == layer) & (table["models"] == name)]
                    _draw_trend(axes, chosen, look, (i - (len(style) - 1) / 2) * 0.1)
                axes.set_title("nothing is measured yet" if layer is None else f"layer {layer}")
                axes.set_xlabel("tasks of each model")
                axes.set_xticks(sorted(table["n_tasks"].unique().tolist()))
                axes.margins(x=0.2)
            row[0].set_ylabel(f"{CKA} of two models")
            row[0].set_ylim(bottom=min(0.0, *(pairs["value"].tolist() or [0.0])) - 0.03, top=1.03)
            heading(figure, "Alignment without a common task", _footnote(table))
            legend(figure, {"all models" if name == "all" else name: look for name, look in style.items()})
        return figure


def _draw_trend(axes: "Axes", rows: "pd.DataFrame", look: Look, shift: float) -> None:
    if rows.empty:
        return
    x, y = rows["n_tasks"].to_numpy(np.float64) + shift, rows["value"].to_numpy(np.float64)
    reach = np.stack([y - rows["low"].to_numpy(np.float64), rows["high"].to_numpy(np.float64) - y])
    axes.errorbar(
        x, y, yerr=np.nan_to_num(np.maximum(reach, 0)), color=look.colour, marker=look.marker, ms=6, lw=1.6,
        elinewidth=1.2, capsize=3, zorder=3, gid="trend",
    )  # fmt: skip


def _footnote(table: "pd.DataFrame") -> str:
    if table.empty:
        return "no pair of models with equally many and disjoint tasks is measured yet"
    of_all = table[table["models"] == "all"]
    first_layer = of_all[of_all["layer"] == of_all["layer"].iloc[0]]
    counts = ", ".join(f"{row.n_pairs} ({row.n_tasks})" for row in first_layer.itertuples())
    return footnote(
        f"small dots: pairs of models of {_seeds(table)}",
        f"number of pairs (by tasks): {counts}",
        "whiskers: 95 % over models (jackknife)",
        per_line=1,
    )


def _seeds(table: "pd.DataFrame") -> str:
    return "one seed (same first weights)" if (table["seeds"] == SEEDS[True]).all() else "different seeds"
