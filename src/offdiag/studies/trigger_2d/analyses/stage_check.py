"""Sanity check: did each stage of trigger-2d learn what it was taught? If not, do not interpret the next stage."""

from typing import TYPE_CHECKING, ClassVar

from offdiag.analyses.frames import Frames
from offdiag.studies.trigger_2d.analyses.rule_followed import (
    ARMS,
    LEARNT,
    CategoryAnswers,
    OutcomeAnalysis,
    category_answers,
    lowest,
    rate,
)
from offdiag.studies.trigger_2d.task.checks import ALL

if TYPE_CHECKING:
    import pandas as pd

STAGE = ("train_category", "train_rule")


class StageCheck(OutcomeAnalysis):
    """Accuracy of each arm in the categories that it was taught, with trained words and with new ones."""

    tag: ClassVar[str] = "learnt"
    terminal_columns: ClassVar[tuple[str, ...]] = (
        "train_rule", *ARMS, "category", "triggers", "accuracy", "low", "high", "lowest", "learnt",
    )  # fmt: skip

    def table(self, frames: Frames) -> "pd.DataFrame":
        """Return one row per arm, taught category (or proxy) and kind of triggers.

        ``accuracy`` is by the labels that were taught, with an interval as in :meth:`Leakage.table`; ``lowest`` is
        that of the worst pair of seeds, and ``learnt`` says whether it reaches 0.95.

        Raises:
            UserError: the frames lack a column, or two cells of an arm have the same seeds.
        """
        import pandas as pd

        settings = self.model_copy(update={"arms": (*STAGE, *self.arms)})
        rows = []
        for group in category_answers(frames, settings):
            arm = dict(zip(settings.arms, group.arm, strict=True))
            if group.category in arm.values() or arm["train_category"] == ALL:
                rows.append({**arm, "category": group.category, "triggers": group.triggers, **self._row(group)})
        return pd.DataFrame(rows)

    def _row(self, group: CategoryAnswers) -> dict[str, str | int | float | bool]:
        accuracy, worst = rate(group.answers, "correct", self.replicates), lowest(group.answers, "correct")
        n_items, n_seeds = group.answers["example"].nunique(), group.answers["cell"].nunique()
        return {
            "state": group.state, "n_items": n_items, "n_seeds": n_seeds, "n_planned_seeds": group.n_planned,
            "accuracy": accuracy.value, "low": accuracy.low, "high": accuracy.high, "lowest": worst,
            "learnt": worst >= LEARNT,
        }  # fmt: skip
