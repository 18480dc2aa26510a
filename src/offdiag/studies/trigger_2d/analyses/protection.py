"""Table of protection: leakage with a proxy minus leakage without it, paired by seed and trigger."""

import math
from typing import TYPE_CHECKING, ClassVar, NamedTuple

import numpy as np
from pydantic import Field

from offdiag.analyses.frames import Frames
from offdiag.analyses.selection import DONE, Where
from offdiag.errors import UserError
from offdiag.stats import UNKNOWN, Estimate, crossed_mean, holm
from offdiag.stats.paired import constant_difference
from offdiag.studies.trigger_2d.analyses.rule_followed import (
    ARMS,
    CategoryAnswers,
    Outcome,
    OutcomeAnalysis,
    category_answers,
    mean_grid,
)

if TYPE_CHECKING:
    import pandas as pd


class _Change(NamedTuple):
    """A paired difference of two rates, from -1 to 1: with proxy minus without; its ``n`` counts the pairs.

    Attributes:
        p_value: of the two-sided test that it is 0.
    """

    difference: Estimate
    p_value: float


_NO_CHANGE_KNOWN = _Change(UNKNOWN, math.nan)


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

        ``change`` is the mean over pairs of equal seeds and trigger, with the interval and the test of
        :func:`offdiag.stats.crossed_mean`; where no pair differs from another, they are Tango's and McNemar's of one
        pair per trigger. ``p_holm`` is corrected for all rows. ``covered`` marks the proxy's own category.

        Raises:
            UserError: as :meth:`Leakage.table`; ``without`` selects no arm, or several.
        """
        import pandas as pd

        groups = list(category_answers(frames, self))
        if not groups:
            return pd.DataFrame()
        without = {(group.category, group.triggers): group for group in self._without_proxy(groups)}
        rows = []
        for group in groups:
            reference = without.get((group.category, group.triggers))
            if group is reference:
                continue
            arm = dict(zip(self.arms, group.arm, strict=True))
            difference, p_value = _change(group, reference, self)
            row = {**arm, "category": group.category, "triggers": group.triggers}
            row |= {"covered": group.category in arm.values(), "state": _state(group, reference)}
            row |= {"without": _mean(reference, self.outcome), "rate": _mean(group, self.outcome)}
            row |= {"change": difference.value, "low": difference.low, "high": difference.high}
            rows.append({**row, "p_value": p_value, "n_pairs": difference.n})
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


def _same(value: object, wanted: object) -> bool:
    import pandas as pd

    return value is not pd.NA and bool(value == wanted)


def _mean(group: CategoryAnswers | None, outcome: str) -> float:
    return math.nan if group is None or group.answers.empty else float(group.answers[outcome].mean())


def _state(group: CategoryAnswers, reference: CategoryAnswers | None) -> str:
    if group.state != DONE or reference is None:
        return group.state if group.state != DONE else "nothing to compare with"
    return DONE if reference.state == DONE else f"{reference.state} without proxy"


def _change(group: CategoryAnswers, reference: CategoryAnswers | None, settings: Protection) -> _Change:
    """Return the difference of an arm's rate to that without a proxy, on the items that both were asked."""
    outcome = settings.outcome
    if reference is None or group.answers.empty or reference.answers.empty:
        return _NO_CHANGE_KNOWN
    keys = [*settings.replicates, "example"]
    both = group.answers[[*keys, "trigger", outcome]].merge(reference.answers[[*keys, outcome]], on=keys)
    if both.empty:
        return _NO_CHANGE_KNOWN
    ours, theirs = f"{outcome}_x", f"{outcome}_y"
    both = both.assign(change=both[ours] - both[theirs])
    grid = mean_grid(both, [*settings.replicates, "trigger"], "change")
    n_pairs, mean = int((~np.isnan(grid)).sum()), crossed_mean(grid)
    if math.isnan(mean.low):
        # All pairs have the same difference: how sure that is depends on how many triggers agree. Their points, and the
        # same questions under other seeds, are no further triggers.
        alike = constant_difference(mean.value, grid.shape[-1])
        return _Change(Estimate(mean.value, alike.low, alike.high, n_pairs), alike.p_value)
    return _Change(Estimate(mean.value, max(-1.0, mean.low), min(1.0, mean.high), n_pairs), mean.p_value)
