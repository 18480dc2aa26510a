"""Whether a stage was learnt: what comes after it may be read only then."""

from typing import TYPE_CHECKING, ClassVar

from offdiag.analyses.frames import Frames
from offdiag.studies.trigger_2d.analyses.outcomes import ARMS, LEARNT, OfOutcomes, Spot, lowest, rate, spots
from offdiag.studies.trigger_2d.task.checks import ALL

if TYPE_CHECKING:
    import pandas as pd

STAGE = ("train_category", "train_rule")


class Learnt(OfOutcomes):
    """Accuracy of each arm in the categories that it was taught, with words that it was shown and with new ones."""

    tag: ClassVar[str] = "learnt"
    terminal_columns: ClassVar[tuple[str, ...]] = (
        "train_rule", *ARMS, "category", "triggers", "accuracy", "low", "high", "lowest", "learnt",
    )  # fmt: skip

    def table(self, frames: Frames) -> "pd.DataFrame":
        """One row an arm, taught category (or proxy) and kind of triggers.

        ``accuracy`` is by the labels that were taught, with an interval as in
        :meth:`Leakage.table`; ``lowest`` is that of the worst pair of seeds, and ``learnt``
        says whether it reaches 0.95.

        Raises:
            UserError: the frames lack a column, or two cells of a group have the same seeds.
        """
        import pandas as pd

        settings = self.model_copy(update={"arms": (*STAGE, *self.arms)})
        rows = []
        for spot in spots(frames, settings):
            named = dict(zip(settings.arms, spot.key, strict=True))
            if spot.category in named.values() or named["train_category"] == ALL:
                rows.append({**named, "category": spot.category, "triggers": spot.triggers, **self._row(spot)})
        return pd.DataFrame(rows)

    def _row(self, spot: Spot) -> dict[str, str | int | float | bool]:
        found, worst = rate(spot.answers, "correct", self.replicates), lowest(spot.answers, "correct")
        n_items, n_seeds = spot.answers["example"].nunique(), spot.answers["cell"].nunique()
        return {
            "state": spot.state, "n_items": n_items, "n_seeds": n_seeds, "n_planned_seeds": spot.n_planned,
            "accuracy": found.value, "low": found.low, "high": found.high, "lowest": worst, "learnt": worst >= LEARNT,
        }  # fmt: skip
