"""What a proxy changes: the same learner with and without it, paired by seed and trigger."""

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import numpy as np
from pydantic import Field

from offdiag.analyses.frames import Frames
from offdiag.errors import UserError
from offdiag.stats import crossed_mean, holm, paired_difference
from offdiag.studies.trigger_2d.analyses.outcomes import ARMS, OfOutcomes, Outcome, Spot, mean_grid, spots

if TYPE_CHECKING:
    import pandas as pd


class Change(NamedTuple):
    """A paired difference of two rates, from -1 to 1.

    Attributes:
        value, low, high: with proxy minus without; the 95 % interval. p_value: two-sided.
        n_pairs: pairs of equal seeds and trigger.
    """

    value: float
    low: float
    high: float
    p_value: float
    n_pairs: int


class Protection(OfOutcomes):
    """How much less (or more) leaks with a proxy than without, in each category, corrected for all the comparisons.

    Attributes:
        outcome: the rate that is compared: ``leaked``, ``retained`` or ``other``.
        without: column -> value of the arm without a proxy.
    """

    tag: ClassVar[str] = "protection"
    terminal_columns: ClassVar[tuple[str, ...]] = (
        *ARMS,
        "category",
        "triggers",
        "rate",
        "change",
        "low",
        "high",
        "p_holm",
    )
    outcome: Outcome = "leaked"
    without: Mapping[str, str | int | float | bool] = Field(default={"proxy_category": "none"}, min_length=1)

    def table(self, frames: Frames) -> "pd.DataFrame":
        """One row an arm with a proxy, category and kind of triggers.

        ``change`` is the mean over pairs of equal seeds and trigger, with the interval and the test of
        :func:`offdiag.stats.crossed_mean`; where no pair differs from another, they are Tango's and McNemar's on the
        items of one pair of seeds. ``p_holm`` is corrected for all rows. ``covered`` marks the proxy's own category.

        Raises:
            UserError: as :meth:`Leakage.table`; ``without`` selects no arm, or several.
        """
        import pandas as pd

        found = list(spots(frames, self))
        if not found:
            return pd.DataFrame()
        reference = {(spot.category, spot.triggers): spot for spot in self._references(found)}
        rows = []
        for spot in found:
            against = reference.get((spot.category, spot.triggers))
            if spot is against:
                continue
            named = dict(zip(self.arms, spot.key, strict=True))
            change = _change(spot, against, self)
            row = {**named, "category": spot.category, "triggers": spot.triggers}
            row |= {"covered": spot.category in named.values(), "state": _state(spot, against)}
            row |= {"without": _mean(against, self.outcome), "rate": _mean(spot, self.outcome), "change": change.value}
            row |= {"low": change.low, "high": change.high, "p_value": change.p_value, "n_pairs": change.n_pairs}
            rows.append(row)
        table = pd.DataFrame(rows)
        return table.assign(p_holm=holm(table["p_value"])) if rows else table

    def _references(self, found: list[Spot]) -> list[Spot]:
        unknown = set(self.without) - set(self.arms)
        if unknown:
            raise UserError(f"analysis {self.name}: without={dict(self.without)} has a column that is not in arms=")
        at = {self.arms.index(column): value for column, value in self.without.items()}
        chosen = [spot for spot in found if all(_same(spot.key[i], value) for i, value in at.items())]
        arms = {spot.key for spot in chosen}
        if len(arms) != 1:
            raise UserError(f"analysis {self.name}: {len(arms)} arms have {dict(self.without)}; expected one")
        return chosen


def _same(found: Any, wanted: Any) -> bool:
    import pandas as pd

    return not pd.isna(found) and bool(found == wanted)


def _mean(spot: Spot | None, outcome: str) -> float:
    return math.nan if spot is None or spot.answers.empty else float(spot.answers[outcome].mean())


def _state(spot: Spot, against: Spot | None) -> str:
    if spot.state != "done" or against is None:
        return spot.state if spot.state != "done" else "nothing to compare with"
    return "done" if against.state == "done" else f"{against.state} without proxy"


def _change(spot: Spot, against: Spot | None, settings: Protection) -> Change:
    outcome = settings.outcome
    if against is None or spot.answers.empty or against.answers.empty:
        return Change(math.nan, math.nan, math.nan, math.nan, 0)
    keys = [*settings.replicates, "example"]
    both = spot.answers[[*keys, "trigger", outcome]].merge(against.answers[[*keys, outcome]], on=keys)
    if both.empty:
        return Change(math.nan, math.nan, math.nan, math.nan, 0)
    ours, theirs = f"{outcome}_x", f"{outcome}_y"
    both = both.assign(change=both[ours] - both[theirs])
    grid = mean_grid(both, [*settings.replicates, "trigger"], "change")
    pairs, mean = int((~np.isnan(grid)).sum()), crossed_mean(grid)
    if math.isnan(mean.low):
        one = both[both.groupby(list(settings.replicates), sort=False).ngroup() == 0]
        item = paired_difference(one[ours].to_numpy(np.float64), one[theirs].to_numpy(np.float64))
        return Change(mean.mean, item.low, item.high, item.p_value, pairs)
    return Change(mean.mean, max(-1.0, mean.low), min(1.0, mean.high), mean.p_value, pairs)
