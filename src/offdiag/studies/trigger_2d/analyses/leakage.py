"""How much of each category goes by its original rule, how much by the one that was taught to another."""

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar, Literal

from offdiag.analyses.frames import Frames
from offdiag.studies.trigger_2d.analyses.outcomes import ARMS, LEARNT, OUTCOMES, OfOutcomes, Spot, lowest, rate, spots

if TYPE_CHECKING:
    import pandas as pd


class Leakage(OfOutcomes):
    """Rates of the three outcomes in each category.

    Attributes:
        by: one row a category, or one a trigger.
        started: column -> value; selects the arms that the others started from.
    """

    tag: ClassVar[str] = "leakage"
    terminal_columns: ClassVar[tuple[str, ...]] = (
        *ARMS, "category", "triggers", "state", "retained", "retained_low", "retained_high", "leaked", "leaked_low",
        "leaked_high",
    )  # fmt: skip
    by: Literal["category", "trigger"] = "category"
    started: Mapping[str, str | int | float | bool] = {}

    def table(self, frames: Frames) -> "pd.DataFrame":
        """One row an arm, category and kind of triggers (and trigger), with three rates and their intervals.

        Rates are means over seeds and triggers (over seeds and points for one trigger), with the interval of
        :func:`offdiag.stats.crossed_mean`; where nothing varies, or one seed was asked about one trigger, it is
        Wilson's for the items. ``n_items`` counts different items. ``unparsed`` and ``commonest`` are the shares of
        answers without a label and of the most frequent label: near 1 the learner ignores the point, and half retained,
        half leaked then means neither. With ``started``, ``before`` is what those arms retained in the category, and
        ``learnt`` whether each of them had at least 0.95: if not, the row says nothing about leakage. What is not done
        is a row without rates.

        Raises:
            UserError: the frames lack a column, two cells of a group have one seed, or the rules agree somewhere.
        """
        import pandas as pd

        rows, before = [], self._before(frames)
        for spot in spots(frames, self):
            for trigger, answers in _parts(spot.answers, self.by):
                n_items, n_seeds = answers["example"].nunique(), answers["cell"].nunique()
                row = dict(zip(self.arms, spot.key, strict=True)) | {"category": spot.category}
                row |= {"triggers": spot.triggers, **({"trigger": trigger} if self.by == "trigger" else {})}
                row |= before.get((spot.category, spot.triggers), {})
                row |= {"state": spot.state, "n_items": n_items, "n_seeds": n_seeds, "n_planned_seeds": spot.n_planned}
                for outcome in OUTCOMES:
                    found = rate(answers, outcome, self.replicates)
                    row |= {outcome: found.value, f"{outcome}_low": found.low, f"{outcome}_high": found.high}
                rows.append({**row, **_shares(answers)})
        return pd.DataFrame(rows)

    def _before(self, frames: Frames) -> dict[tuple[str, str], dict[str, float | bool]]:
        if not self.started:
            return {}
        first = self.model_copy(update={"where": self.started, "arms": ()})
        return {(spot.category, spot.triggers): _learnt(spot) for spot in spots(frames, first)}


class LeakageByTrigger(Leakage):
    """The same by trigger: too many rows for a terminal."""

    tag: ClassVar[str] = "leakage-by-trigger"
    terminal_columns: ClassVar[tuple[str, ...]] = ()
    by: Literal["category", "trigger"] = "trigger"


def _learnt(spot: Spot) -> dict[str, float | bool]:
    mean = math.nan if spot.answers.empty else float(spot.answers["retained"].mean())
    return {"before": mean, "learnt": lowest(spot.answers, "retained") >= LEARNT}


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
