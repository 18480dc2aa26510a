"""Rates of the rule that answers follow once the trigger is replaced: its own, the other category's, or neither."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from offdiag.analyses.frames import Frames
from offdiag.analyses.selection import DONE
from offdiag.stats import crossed_mean
from offdiag.studies.trigger_2d.analyses.contrasts import ContrastAnalysis, ContrastGroup, contrast_groups
from offdiag.studies.trigger_2d.analyses.rule_followed import ARMS, columns_of, mean_grid, rate

if TYPE_CHECKING:
    import pandas as pd

TABLE = "trigger_ablation"
RATES = ("own", "other", "neither", "changed")


class TriggerAblationRates(ContrastAnalysis):
    """Rates of the answers with and without the trigger, per arm and pair of categories."""

    tag: ClassVar[str] = "trigger-ablation-rates"
    terminal_columns: ClassVar[tuple[str, ...]] = (
        *ARMS, "eval_category", "against_category", "ablation", "own", "own_low", "own_high", "margin",
        "margin_low", "margin_high",
    )  # fmt: skip

    def table(self, frames: Frames) -> "pd.DataFrame":
        """Return one row per arm, pair of categories and ablation; what is not done is a row without an ablation.

        ``own``, ``other`` and ``neither`` say which rule the answers follow, ``changed`` how many are not those to the
        intact question: means over seeds and triggers, with the intervals of
        :func:`offdiag.studies.trigger_2d.analyses.rule_followed.rate`. ``margin`` is the mean difference of the
        log-probabilities of the two labels, own minus other, in nats; its interval is empty where nothing varies.

        Raises:
            UserError: a column is missing, nothing is selected, or two measurements of a group have the same seeds.
        """
        import pandas as pd

        groups = contrast_groups(frames, TABLE, self)
        return pd.DataFrame([row for group in groups for row in _rows(group, self.replicates)])


def _rows(group: ContrastGroup, replicates: Sequence[str]) -> list[dict[str, Any]]:
    seeds = {"n_seeds": group.n_seeds, "n_planned_seeds": group.n_planned}
    if group.state != DONE:
        return [{**group.factors, "ablation": None, "state": group.state, **seeds}]
    answers = group.rows.assign(cell=group.rows["measurement"])
    return [
        {**group.factors, "ablation": str(name), "state": DONE, **seeds, **_numbers(part, replicates)}
        for name, part in answers.groupby("ablation", sort=False)
    ]


def _numbers(answers: "pd.DataFrame", replicates: Sequence[str]) -> dict[str, float]:
    numbers: dict[str, float] = {"n_items": answers["example"].nunique(), "n_triggers": answers["trigger"].nunique()}
    for name in RATES:
        numbers |= columns_of(name, rate(answers, name, replicates))
    by = "trigger" if answers["trigger"].nunique() > 1 else "example"
    margin = crossed_mean(mean_grid(answers, [*replicates, by], "margin"))
    return numbers | {"margin": margin.value, "margin_low": margin.low, "margin_high": margin.high}
