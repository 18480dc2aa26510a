"""Table that compares demonstrations drawn for each query with those that all queries share, on the same items."""

from typing import TYPE_CHECKING, Any, ClassVar

from offdiag.analyses.analysis import StudyAnalysis
from offdiag.analyses.answer_grids import answer_grids
from offdiag.analyses.estimates import estimate
from offdiag.analyses.frames import Frames
from offdiag.analyses.selection import DONE, select_shots, state_of
from offdiag.stats import UNKNOWN, holm
from offdiag.stats.learner_difference import learner_difference

if TYPE_CHECKING:
    import pandas as pd

KINDS = ("fixed", "per-query")
NUMBERS = ("fixed", "fixed_low", "fixed_high", "per_query", "per_query_low", "per_query_high",
           "difference", "difference_low", "difference_high", "p_value")  # fmt: skip


class DemonstrationKinds(StudyAnalysis):
    """Accuracy with either kind of demonstrations and their paired difference, one row per series and k that has both.

    ``difference`` is per-query minus fixed, on the same items, with Tango's 95 % interval and the mid-p McNemar test;
    ``p_holm`` is its ``p_value`` adjusted for all rows. All of it is for these demonstrations and other items only: the
    shared ones are a single draw, so how much another draw of them would change is not in interval or test, and a small
    p value does not say that one kind is better than the other in general.

    Attributes:
        series: column with one row per value and k.
    """

    tag: ClassVar[str] = "demonstration-kinds"
    series: str = "eval_base"

    def table(self, frames: Frames) -> "pd.DataFrame":
        """Return one row per series and k; ``state`` says why a number is missing."""
        import pandas as pd

        chosen = select_shots(frames.cells, self.where, self.match_on)
        shown = chosen[chosen["demonstrations"].notna()]
        rows = [
            {self.series: value, "k": k, **_row(group, frames)}
            for (value, k), group in shown.groupby([self.series, "k"], sort=True)
            if set(group["demonstrations"]) == set(KINDS)
        ]
        table = pd.DataFrame(rows, columns=[self.series, "k", *NUMBERS, "p_holm", "n_items", "state"])
        return table.assign(p_holm=holm(table["p_value"])) if rows else table


def _row(cells: "pd.DataFrame", frames: Frames) -> dict[str, Any]:
    sides = [cells[cells["demonstrations"] == kind] for kind in KINDS]
    spots = [estimate(side, frames.records) for side in sides]
    state, apart = state_of(spot.state for spot in spots), UNKNOWN
    p_value = float("nan")
    if state == DONE:
        (fixed, drawn), clusters = answer_grids(sides, frames, {}, "demonstrations")
        found = learner_difference(drawn, fixed, untrained=(True, True), clusters=clusters).difference
        apart, p_value = found, found.p_value
    numbers = [number for one in (*spots, apart) for number in one[:3]]
    return dict(zip(NUMBERS, [*numbers, p_value], strict=True)) | {"n_items": spots[0].n_items, "state": state}
