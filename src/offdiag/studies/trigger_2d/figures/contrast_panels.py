"""What the figures that contrast two triggers have in common: one panel an arm and pair of categories."""

from abc import ABC
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from offdiag.analyses import Frames
from offdiag.figures.figure import StudyFigure
from offdiag.figures.style import GREY, PALE
from offdiag.studies.trigger_2d.analyses.contrasts import PAIR, OfContrasts
from offdiag.studies.trigger_2d.analyses.outcomes import ARMS
from offdiag.studies.trigger_2d.figures.arms import arm_name, category_name

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

TRIGGERS = {"id": "trained triggers", "ood": "held-out triggers"}


class ContrastFigure(StudyFigure, ABC):
    """A figure of an analysis of such contrasts.

    Attributes:
        analysis: what is drawn. arms, replicates: its settings.
    """

    analysis: ClassVar[type[OfContrasts]]
    arms: tuple[str, ...] = ARMS
    replicates: tuple[str, ...] = ("seed",)

    def table(self, frames: Frames) -> "pd.DataFrame":
        """The table of the analysis.

        Raises:
            UserError: as the analysis says.
        """
        analysis = self.analysis(
            name=self.name, where=self.where, match_on=self.match_on, arms=self.arms, replicates=self.replicates
        )
        return frames.table(analysis)


class Panel(NamedTuple):
    """The arm and its triggers in words, the two categories in words, and the rows of the table."""

    arm: str
    pair: str
    rows: "pd.DataFrame"


def panels(table: "pd.DataFrame", arms: Sequence[str]) -> list[Panel]:
    """All panels, in the order of the table."""
    found = []
    for key, rows in table.groupby([*arms, *PAIR], sort=False):
        arm = key[: len(arms)]
        category, triggers, against = map(str, key[len(arms) :])
        words = [arm_name(arms, arm), TRIGGERS.get(triggers, triggers)]
        pair = f"{category_name(category)} against {category_name(against)}"
        found.append(Panel(", ".join(filter(None, words)), pair, rows))
    return found


def repeated(table: "pd.DataFrame", items: str) -> str:
    """What an interval is over: ``pairs``, or ``3 seeds and pairs`` where a study plans several."""
    seeds = int(table["n_planned_seeds"].max())
    return items if seeds == 1 else f"{seeds} seeds and {items}"


def hatch(axes: "Axes", state: str) -> None:
    """Mark a panel as not done, and say why."""
    from matplotlib.patches import Rectangle

    shared: dict[str, Any] = {"transform": axes.transAxes, "facecolor": "none", "edgecolor": PALE, "lw": 0}
    axes.add_patch(Rectangle((0, 0), 1, 1, hatch="////", gid="absent", **shared))
    box = {"facecolor": "white", "edgecolor": "none", "pad": 2}
    axes.text(0.5, 0.5, state, transform=axes.transAxes, ha="center", va="center", color=GREY, bbox=box)
    axes.grid(visible=False)
    axes.set_xticks([])
    axes.tick_params(left=False, labelleft=False)  # other panels may share the axis
