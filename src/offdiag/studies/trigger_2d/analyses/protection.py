"""Table of protection: leakage with a proxy minus leakage without it, on the same questions."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from offdiag.analyses.frames import Frames
from offdiag.analyses.selection import DONE, Where
from offdiag.errors import UserError
from offdiag.stats import UNKNOWN, Estimate, crossed_mean, holm
from offdiag.stats.components import SeedVariance
from offdiag.stats.learner_difference import learner_difference
from offdiag.stats.paired import constant_difference
from offdiag.studies.trigger_2d.analyses.rule_followed import (
    ARMS,
    PROXY,
    CategoryAnswers,
    Outcome,
    OutcomeAnalysis,
    answered_by_seeds,
    arms_by_category,
    before,
    category_answers,
    crossed,
    having,
    mean_grid,
    seeds_in_common,
)

if TYPE_CHECKING:
    import pandas as pd


class Protection(OutcomeAnalysis):
    """Difference of leakage with and without a proxy per category; p values corrected for all comparisons.

    Attributes:
        outcome: the rate that is compared: ``leaked``, ``retained`` or ``other``.
        without: column -> value of the arm without a proxy.
    """

    tag: ClassVar[str] = "protection"
    terminal_columns: ClassVar[tuple[str, ...]] = (
        *ARMS, "category", "triggers", "rate", "change", "low", "high", "p_holm",
    )  # fmt: skip
    outcome: Outcome = "leaked"
    without: Where = Field(default={"proxy_category": "none"}, min_length=1)

    def table(self, frames: Frames) -> "pd.DataFrame":
        """Return one row per arm with a proxy, category and kind of triggers.

        ``change`` is the difference of the two rates on the questions that both arms were asked, with the interval and
        the test of :func:`change`. ``p_holm`` is corrected for all rows. ``covered`` marks the proxy's own category.
        ``learnt`` says, where arms started from others, whether these had learnt the category, and the proxy's, which
        has nothing to keep otherwise; if not, the row has no interval and no test.

        Raises:
            UserError: as :meth:`Leakage.table`; ``without`` selects no arm, or several.
        """
        import pandas as pd

        groups = list(category_answers(frames, self))
        if not groups:
            return pd.DataFrame()
        without = {(group.category, group.triggers): group for group in self._without_proxy(groups)}
        known, asked = before(frames, self), arms_by_category(groups)
        pooled = {key: seeds_in_common(arms, self.outcome, self.replicates) for key, arms in asked.items()}
        rows = []
        for group in groups:
            key = group.category, group.triggers
            reference = without.get(key)
            if group is reference:
                continue
            arm = dict(zip(self.arms, group.arm, strict=True))
            difference = self._change(group, reference, pooled.get(key))
            row = {**arm, "category": group.category, "triggers": group.triggers}
            row |= {"covered": group.category in arm.values(), "state": _state(group, reference)}
            if was := known.get(key):
                proxy = known.get((str(arm.get(PROXY)), group.triggers), was)  # itself known, unless it was not asked
                row |= {"learnt": (learnt := was.learnt and proxy.learnt)}
                difference = difference if learnt else Estimate(difference.value, n=difference.n)
            row |= {"without": _mean(reference, self.outcome), "rate": _mean(group, self.outcome)}
            row |= {"change": difference.value, "low": difference.low, "high": difference.high}
            rows.append({**row, "p_value": difference.p_value, "n_items": difference.n})
        table = pd.DataFrame(rows)
        return table.assign(p_holm=holm(table["p_value"])) if rows else table

    def _without_proxy(self, groups: list[CategoryAnswers]) -> list[CategoryAnswers]:
        """Return the answers of the one arm that has no proxy."""
        if set(self.without) - set(self.arms):
            raise UserError(f"analysis {self.name}: without={dict(self.without)} has a column that is not in arms=")
        at = {self.arms.index(column): value for column, value in self.without.items()}
        chosen = [group for group in groups if all(_same(group.arm[i], value) for i, value in at.items())]
        n_arms = len({group.arm for group in chosen})
        if n_arms != 1:
            raise UserError(f"analysis {self.name}: {n_arms} arms have {dict(self.without)}; expected one")
        return chosen

    def _change(
        self, group: CategoryAnswers, reference: CategoryAnswers | None, pooled: SeedVariance | None
    ) -> Estimate:
        if reference is None:
            return UNKNOWN
        return change(group.answers, reference.answers, self.outcome, self.replicates, pooled)


def change(
    ours: "pd.DataFrame",
    theirs: "pd.DataFrame",
    outcome: str,
    replicates: Sequence[str],
    pooled: SeedVariance | None = None,
) -> Estimate:
    """Return the rate of an outcome in the answers of one arm minus that in another's, on shared questions.

    The interval and the test are those of :func:`offdiag.stats.learner_difference`, with the triggers as clusters: for
    new seeds and new triggers. Where seeds of the data and of the training are crossed, they are those of
    :func:`offdiag.stats.crossed_mean` of the pairs of equal seeds and trigger, and if no pair differs from another
    Tango's and McNemar's of one pair per trigger. ``n`` counts the questions.

    Args:
        ours, theirs: rows of :func:`with_outcomes`. pooled: the variance between seeds that arms have in common.
    """
    ours, theirs = having(ours, outcome), having(theirs, outcome)
    if ours.empty or theirs.empty:
        return UNKNOWN
    if crossed(ours, replicates) or crossed(theirs, replicates):
        return _change_of_crossed(ours, theirs, outcome, replicates)
    one, other = (answered_by_seeds(answers, outcome, replicates) for answers in (ours, theirs))
    place = {example: i for i, example in enumerate(other.examples)}
    shared = [(i, place[example]) for i, example in enumerate(one.examples) if example in place]
    if not shared:
        return UNKNOWN
    mine, its = (list(places) for places in zip(*shared, strict=True))
    words = None if one.words is None else [one.words[i] for i in mine]
    return learner_difference(one.grid[:, mine], other.grid[:, its], clusters=words, pooled=pooled).difference


def _change_of_crossed(
    ours: "pd.DataFrame", theirs: "pd.DataFrame", outcome: str, replicates: Sequence[str]
) -> Estimate:
    keys = [*replicates, "example"]
    both = ours[[*keys, "trigger", outcome]].merge(theirs[[*keys, outcome]], on=keys)
    if both.empty:
        return UNKNOWN
    both = both.assign(change=both[f"{outcome}_x"] - both[f"{outcome}_y"])
    grid = mean_grid(both, [*replicates, "trigger"], "change")
    n_items, mean = both["example"].nunique(), crossed_mean(grid)
    if math.isnan(mean.low):
        # All pairs have the same difference: how sure that is depends on how many triggers agree. Their points, and the
        # same questions under other seeds, are no further triggers.
        alike = constant_difference(mean.value, grid.shape[-1])
        return Estimate(mean.value, alike.low, alike.high, n_items, alike.p_value)
    return Estimate(mean.value, max(-1.0, mean.low), min(1.0, mean.high), n_items, mean.p_value)


def _same(value: object, wanted: object) -> bool:
    import pandas as pd

    return value is not pd.NA and bool(value == wanted)


def _mean(group: CategoryAnswers | None, outcome: str) -> float:
    return math.nan if group is None or group.answers.empty else float(group.answers[outcome].mean())


def _state(group: CategoryAnswers, reference: CategoryAnswers | None) -> str:
    if group.state != DONE or reference is None:
        return group.state if group.state != DONE else "nothing to compare with"
    return DONE if reference.state == DONE else f"{reference.state} without proxy"
