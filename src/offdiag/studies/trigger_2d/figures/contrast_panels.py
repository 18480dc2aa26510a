"""Base of the figures that contrast two triggers: one panel per arm and pair of categories."""

from abc import ABC
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from offdiag.analyses import Frames
from offdiag.figures.style import GREY, PALE
from offdiag.studies.trigger_2d.analyses.contrasts import PAIR, ContrastAnalysis
from offdiag.studies.trigger_2d.analyses.rule_followed import ARMS
from offdiag.studies.trigger_2d.figures.arms import StageFigure, arm_name, category_name

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

TRIGGERS = {"id": "trained triggers", "ood": "held-out triggers"}


class ContrastFigure(StageFigure, ABC):
    """A figure of an analysis that contrasts two triggers.

    Attributes:
        analysis: the analysis whose table is drawn. arms: its setting.
    """

    analysis: ClassVar[type[ContrastAnalysis]]
    arms: tuple[str, ...] = ARMS

    def table(self, frames: Frames) -> "pd.DataFrame":
        """Return the table of the analysis.

        Raises:
            UserError: as the analysis says.
        """
        analysis = self.analysis(
            name=self.name, where=self.where, match_on=self.match_on, arms=self.arms, replicates=self.replicates
        )
        return frames.table(analysis)


class ContrastPanel(NamedTuple):
    """A panel: the arm with its triggers in words, the two categories in words, and the rows of the table."""

    arm: str
    pair: str
    rows: "pd.DataFrame"


def contrast_panels(table: "pd.DataFrame", arms: Sequence[str], unlearnt: Collection[str] = ()) -> list[ContrastPanel]:
    """Return all panels, in the order of the table; categories that were not learnt have a dagger."""
    panels = []
    for key, rows in table.groupby([*arms, *PAIR], sort=False):
        arm = key[: len(arms)]
        category, triggers, against = map(str, key[len(arms) :])
        words = [arm_name(arms, arm, unlearnt), TRIGGERS.get(triggers, triggers)]
        pair = f"{category_name(category, unlearnt)} against {category_name(against, unlearnt)}"
        panels.append(ContrastPanel(", ".join(filter(None, words)), pair, rows))
    return panels


def shown_categories(table: "pd.DataFrame") -> set[str]:
    """Return the categories of all panels."""
    return {*table["eval_category"].astype(str), *table["against_category"].astype(str)}


def repeated(table: "pd.DataFrame", items: str) -> str:
    """Return what an interval is over: ``pairs``, or ``3 seeds and pairs`` where several seeds are planned."""
    seeds = int(table["n_planned_seeds"].max())
    return items if seeds == 1 else f"{seeds} seeds and {items}"


def hatch(axes: "Axes", state: str, *, ticks: bool = False) -> None:
    """Mark a panel as not done, and say why; ``ticks`` stay where they serve other panels of its row or column."""
    from matplotlib.patches import Rectangle

    hatched: dict[str, Any] = {"facecolor": "white", "edgecolor": PALE, "hatch": "////", "lw": 0, "gid": "absent"}
    axes.add_patch(Rectangle((0, 0), 1, 1, transform=axes.transAxes, zorder=2.5, **hatched))  # above all lines
    box = {"facecolor": "white", "edgecolor": "none", "pad": 1.5}
    middle: dict[str, Any] = {"transform": axes.transAxes, "ha": "center", "va": "center"}
    axes.text(0.5, 0.5, state, color=GREY, bbox=box, fontsize=9, zorder=3, **middle)
    axes.grid(visible=False)
    if not ticks:
        # Hidden, not taken away: the axis may be shared with panels that are done.
        axes.tick_params(left=False, labelleft=False, bottom=False, labelbottom=False)
