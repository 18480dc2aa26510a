"""Table of leakage: shares of answers by their own original rule and by the rule taught to another category."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, Literal

from offdiag.analyses.frames import Frames
from offdiag.stats.components import SeedVariance
from offdiag.studies.trigger_2d.analyses.rule_followed import (
    ARMS,
    OUTCOMES,
    CategoryAnswers,
    OutcomeAnalysis,
    arms_by_category,
    before,
    category_answers,
    columns_of,
    rate,
    seeds_in_common,
)

if TYPE_CHECKING:
    import pandas as pd


class Leakage(OutcomeAnalysis):
    """Rates of the three outcomes in each category.

    Attributes:
        by: one row per category, or one per trigger.
    """

    tag: ClassVar[str] = "leakage"
    terminal_columns: ClassVar[tuple[str, ...]] = (
        *ARMS, "category", "triggers", "state", "retained", "retained_low", "retained_high", "leaked", "leaked_low",
        "leaked_high",
    )  # fmt: skip
    by: Literal["category", "trigger"] = "category"

    def table(self, frames: Frames) -> "pd.DataFrame":
        """Return one row per arm, category and kind of triggers (and trigger), with three rates and their intervals.

        Rates are means over seeds and triggers (over seeds and points for one trigger), with the interval of
        :func:`offdiag.studies.trigger_2d.analyses.rule_followed.rate`, whose unit is the trigger. ``n_items`` counts
        different items, ``n_alike`` those of them on which both rules say the same, which are in no rate. ``unparsed``
        and ``commonest`` are the shares of answers without a label and of the most
        frequent label: near 1 the model ignores the point, and half retained,
        half leaked then means neither. With ``started``, ``before`` is the accuracy of those arms in the category, and
        ``learnt`` whether each of them had at least 0.95: if not, the row says nothing about leakage. What is not done
        is a row without rates.

        Raises:
            UserError: the frames lack a column, two cells of an arm have one seed, or the rules agree in all quadrants.
        """
        import pandas as pd

        rows, known = [], before(frames, self)
        groups = list(category_answers(frames, self))
        pooled = self._pooled(groups)
        for group in groups:
            for trigger, answers in _parts(group.answers, self.by):
                n_items, n_seeds = answers["example"].nunique(), answers["cell"].nunique()
                row = dict(zip(self.arms, group.arm, strict=True)) | {"category": group.category}
                row |= {"triggers": group.triggers, **({"trigger": trigger} if self.by == "trigger" else {})}
                if was := known.get((group.category, group.triggers)):
                    row |= {"before": was.accuracy, "learnt": was.learnt}
                row |= {"state": group.state, "n_items": n_items, "n_seeds": n_seeds}
                row |= {"n_alike": answers.loc[answers["leaked"].isna(), "example"].nunique()}
                row |= {"n_planned_seeds": group.n_planned}
                for outcome in OUTCOMES:
                    common = pooled.get((group.category, group.triggers, outcome))
                    row |= columns_of(outcome, rate(answers, outcome, self.replicates, common))
                rows.append({**row, **_shares(answers)})
        return pd.DataFrame(rows)

    def _pooled(self, groups: Sequence[CategoryAnswers]) -> dict[tuple[str, str, str], SeedVariance | None]:
        """Return the variance between seeds that the arms have in common, by category, triggers and outcome."""
        asked = {} if self.by == "trigger" else arms_by_category(groups)
        return {
            (*key, outcome): seeds_in_common(arms, outcome, self.replicates)
            for key, arms in asked.items()
            for outcome in OUTCOMES
        }


class LeakageByTrigger(Leakage):
    """The rates of :class:`Leakage` by trigger: too many rows for a terminal."""

    tag: ClassVar[str] = "leakage-by-trigger"
    terminal_columns: ClassVar[tuple[str, ...]] = ()
    by: Literal["category", "trigger"] = "trigger"


def _parts(answers: "pd.DataFrame", by: str) -> "Sequence[tuple[str | None, pd.DataFrame]]":
    if by == "category" or answers.empty:
        return [(None, answers)]
    return [(str(trigger), part) for trigger, part in answers.groupby("trigger", sort=False)]


def _shares(answers: "pd.DataFrame") -> dict[str, float]:
    if answers.empty:
        return {"unparsed": math.nan, "commonest": math.nan}
    counts = answers["parsed"].value_counts()
    commonest = float(counts.max()) / len(answers) if len(counts) else 0.0
    return {"unparsed": float(answers["unparsed"].mean()), "commonest": commonest}
