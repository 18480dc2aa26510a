"""Table of losses on the test sets: how surprised each arm is by the right label, by category."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from offdiag.analyses.frames import Frames
from offdiag.stats import UNKNOWN, Estimate
from offdiag.stats.means import crossed_mean
from offdiag.stats.replicated import mean_of_replicates
from offdiag.studies.trigger_2d.analyses.rule_followed import (
    ARMS,
    OutcomeAnalysis,
    answered_by_seeds,
    before,
    category_answers,
    columns_of,
    crossed,
    having,
    mean_grid,
)

if TYPE_CHECKING:
    import pandas as pd

LOSS = "target_loss"
RULE = "train_rule"


def loss(answers: "pd.DataFrame", replicates: Sequence[str]) -> Estimate:
    """Return the mean loss of the right labels, in nats, for new seeds and new triggers; ``n`` counts the items.

    The trigger is the unit, as of :func:`offdiag.studies.trigger_2d.analyses.rule_followed.rate`. NaN where answers
    were not chosen by their log-probabilities.
    """
    if LOSS not in answers or (known := having(answers, LOSS)).empty:
        return UNKNOWN
    if crossed(known, replicates):
        unit = "trigger" if known["trigger"].nunique() > 1 else "example"
        found = crossed_mean(mean_grid(known, [*replicates, unit], LOSS))
        return found._replace(low=max(0.0, found.low), n=known["example"].nunique())
    verdicts = answered_by_seeds(known, LOSS, replicates)
    return mean_of_replicates(verdicts.grid, clusters=verdicts.words, low=0.0)


class Losses(OutcomeAnalysis):
    """Loss of the right label after the question (minus its log-probability), by arm, category and kind of triggers.

    Attributes:
        arms: those of the second stage, after ``train_rule``, which is ``none`` for the untaught model.
    """

    tag: ClassVar[str] = "losses"
    terminal_columns: ClassVar[tuple[str, ...]] = (
        RULE, *ARMS, "category", "triggers", "loss", "loss_low", "loss_high", "accuracy", "n_seeds", "n_planned_seeds",
    )  # fmt: skip

    def table(self, frames: Frames) -> "pd.DataFrame":
        """Return one row per arm, category and kind of triggers.

        The right label is that of the evaluation: of the category's own rule, in the taught category of the new one.
        ``loss`` is in nats per label, all of its tokens together, with an interval over seeds and triggers;
        ``accuracy`` is that of the same answers. ``n_seeds`` counts cells: of the untaught model, draws of triggers.
        With ``started``, ``learnt`` says of the second stage whether the first had learnt the category.

        Raises:
            UserError: the frames lack a column, or two cells of an arm have the same seeds.
        """
        import pandas as pd

        known = before(frames, self)
        settings = self.model_copy(update={"arms": (RULE, *self.arms)})
        rows = []
        for group in category_answers(frames, settings):
            arm, answers = dict(zip(settings.arms, group.arm, strict=True)), group.answers
            row = {**arm, "category": group.category, "triggers": group.triggers}
            if known:
                was = known.get((group.category, group.triggers)) if arm[RULE] == self.rule else None
                row["learnt"] = None if was is None else was.learnt
            row |= {"state": group.state, "n_items": answers["example"].nunique()}
            row |= {"n_seeds": answers["cell"].nunique(), "n_planned_seeds": group.n_planned}
            row |= columns_of("loss", loss(answers, self.replicates))
            rows.append({**row, "accuracy": float(answers["correct"].mean()) if len(answers) else float("nan")})
        return pd.DataFrame(rows)
