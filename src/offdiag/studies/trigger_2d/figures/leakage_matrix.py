"""Heat map of leakage: one row per arm, one column per category."""

from collections.abc import Hashable
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from offdiag.analyses import Frames, select
from offdiag.analyses.selection import DONE, filled
from offdiag.errors import NotPlannedError
from offdiag.figures.style import GREY, PALE, counted, footnote, heading, new_figure, percent, styled
from offdiag.studies.trigger_2d.analyses.leakage import Leakage
from offdiag.studies.trigger_2d.analyses.rule_followed import ARMS, Outcome
from offdiag.studies.trigger_2d.figures.arms import StageFigure, alike_words, arm_name, category_name, dagger_words
from offdiag.studies.trigger_2d.task import CONFLICT

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TITLES = {
    "leaked": "Answers by the new rule, in each category",
    "retained": "Answers by the original rule, in each category",
    "other": "Answers by neither rule, in each category",
}
GAP = 0.35  # between the taught category and the others
DARK = 0.6  # from here on the numbers are white
CONSTANT = 0.9  # share of one label from which an answer hardly depends on the point


class LeakageMatrix(StageFigure):
    """Rate of one outcome in percent with its interval, by arm and category; the taught category stands apart.

    Attributes:
        outcome, rule, arms: as in :class:`Leakage`.
        triggers: ``ood`` or ``id``.
    """

    tag: ClassVar[str] = "leakage-matrix"
    outcome: Outcome = "leaked"
    rule: str = CONFLICT
    arms: tuple[str, ...] = ARMS
    triggers: str = "ood"

    def plot(self, frames: Frames) -> "Figure":
        """Draw every planned arm and category; the proxy's own is framed, what is not done is hatched and says why.

        Raises:
            UserError: no cell is planned for such triggers, or as the analysis says.
        """
        where = {**self.where, "eval_triggers": self.triggers}
        fields = ("rule", "world", "arms", "replicates", "started", "match_on")
        leakage = Leakage(name=self.name, where=where, **{name: getattr(self, name) for name in fields})
        table = frames.table(leakage)
        if table.empty:
            raise NotPlannedError(f"figure {self.name}: the study has no cells")
        taught = set(select(filled(frames.cells, tuple(where)), where, self.match_on)["train_category"].dropna())
        arms = list(dict.fromkeys(table[list(self.arms)].itertuples(index=False, name=None)))
        order = [name for name in self.world.category_names if name in set(table["category"])]
        columns = [*(name for name in order if name in taught), *(name for name in order if name not in taught)]
        split = sum(name in taught for name in order) if len(taught) == 1 else 0
        at = {name: i + (GAP if split and i >= split else 0) for i, name in enumerate(columns)}
        with styled():
            unlearnt = _unlearnt(table)
            names = [arm_name(self.arms, key, unlearnt) for key in arms]
            width = 2.2 + 0.07 * max(map(len, names)) + 0.98 * len(columns)
            figure = new_figure(max(6.6, width), 2.1 + 0.52 * len(arms))
            axes = figure.subplots()
            for row in table.to_dict("records"):
                y = arms.index(tuple(row[name] for name in self.arms))
                covered = row["category"] in [row[name] for name in self.arms]
                _square(axes, at[row["category"]], y, row, self.outcome, covered=covered)
            _frame(axes, at, names, unlearnt)
            if 0 < split < len(columns) and self.outcome == "leaked":
                axes.text(0, -0.62, "learnt", ha="center", va="bottom", fontsize=9, color=GREY)
                middle = (at[columns[1]] + at[columns[-1]]) / 2
                axes.text(middle, -0.62, "leaked", ha="center", va="bottom", fontsize=9, color=GREY)
            heading(figure, TITLES[self.outcome], _footnote(table, alike_words(self.world, self.rule, columns)))
            _colour_bar(figure, axes)
        return figure


def _square(axes: "Axes", x: float, y: int, row: dict[Hashable, Any], outcome: str, *, covered: bool) -> None:
    from matplotlib import colormaps
    from matplotlib.patches import Rectangle

    place = (x - 0.5, y - 0.5)
    done = row["state"] == DONE
    value = row[outcome] if done else 0.0
    fill: dict[str, Any] = {"facecolor": colormaps["Blues"](0.92 * value), "edgecolor": "white", "lw": 2, "gid": "rate"}
    if not done:
        fill = {"facecolor": "none", "edgecolor": PALE, "hatch": "////", "lw": 0.8, "gid": "absent"}
    axes.add_patch(Rectangle(place, 1, 1, **fill))
    if covered:
        edge: dict[str, Any] = {"facecolor": "none", "edgecolor": "#D55E00", "lw": 2.2, "zorder": 4, "gid": "covered"}
        axes.add_patch(Rectangle((x - 0.47, y - 0.47), 0.94, 0.94, **edge))
    if not done:
        box = {"facecolor": "white", "edgecolor": "none", "pad": 1.5}
        axes.text(x, y, row["state"], ha="center", va="center", fontsize=8.5, color=GREY, bbox=box)
        return
    colour = "white" if value > DARK else "black"
    low, high = (100 * row[f"{outcome}_{end}"] for end in ("low", "high"))
    mark = "*" if row["commonest"] >= CONSTANT else ""
    axes.text(x, y - 0.13, f"{100 * value:.0f}{mark}", ha="center", va="center", fontsize=10.5, color=colour)
    axes.text(x, y + 0.24, f"{low:.0f} to {high:.0f}", ha="center", va="center", fontsize=7.5, color=colour)


def _unlearnt(table: "pd.DataFrame") -> set[str]:
    """Return the categories whose original rule the first stage did not learn."""
    done = table[table["state"] == DONE]
    return set(done.loc[~done["learnt"].astype(bool), "category"]) if "learnt" in done else set()


def _frame(axes: "Axes", at: dict[str, float], names: list[str], unlearnt: set[str]) -> None:
    axes.set(xlim=(-0.5, max(at.values()) + 0.5), ylim=(len(names) - 0.5, -0.5))
    words = [category_name(name, unlearnt).replace(" ", "\n") for name in at]
    axes.set_xticks(list(at.values()), words)
    axes.set_yticks(range(len(names)), names)
    axes.set(xlabel="category of the trigger", ylabel="proxy in training")
    axes.tick_params(length=0)
    axes.grid(visible=False)
    for spine in axes.spines.values():
        spine.set_visible(False)


def _colour_bar(figure: "Figure", axes: "Axes") -> None:
    from matplotlib import colormaps
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import LinearSegmentedColormap, Normalize

    used = LinearSegmentedColormap.from_list("used", colormaps["Blues"](np.linspace(0, 0.92, 64)))
    bar = figure.colorbar(ScalarMappable(Normalize(0, 1), used), ax=axes, shrink=0.8, pad=0.02, aspect=30)
    bar.ax.yaxis.set_major_formatter(percent)
    bar.set_label("of the answers", fontsize=9)
    bar.outline.set_visible(False)


def _footnote(table: "pd.DataFrame", alike: str) -> str:
    done = table[table["state"] == DONE]
    if done.empty:
        return "no cell is done"
    seeds = max(table["n_planned_seeds"])
    over = "triggers" if seeds == 1 else f"{seeds} seeds and triggers"
    lines = [
        footnote(
            f"{counted(done['n_items'], 'item')} per square",
            f"small: 95 % interval over {over}",
            "framed: the proxy's own category",
            per_line=3,
        )
    ]
    if (done["commonest"] >= CONSTANT).any():
        lines.append(f"* at least {100 * CONSTANT:.0f} % of the answers are one label, whatever the point")
    return "\n".join([*lines, *filter(None, (alike, dagger_words(set(table["category"]), _unlearnt(table))))])
