"""Agreement of two ways of answering the same items: written answers and choices among declared ones."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import numpy as np
from pydantic import Field

from offdiag.analyses.analysis import StudyAnalysis
from offdiag.analyses.frames import Frames
from offdiag.analyses.selection import require, select
from offdiag.errors import UserError
from offdiag.stats import FloatArray, holm
from offdiag.stats.learner_difference import difference_of_replicates, learner_difference
from offdiag.stats.replicated import accuracy

if TYPE_CHECKING:
    import pandas as pd

WRITTEN, CHOSEN = "generation", "choice"
ITEMS = ("example", "parsed", "correct")


class AnsweringPair(NamedTuple):
    """Two cells that differ only in the way of answering: their rows, and the answers to both.

    Attributes:
        written, chosen: rows of the cells. items: one row per item that both answered, with the columns ``same``,
            ``written``, ``chosen`` (right or not) and ``unparsed`` of 0 and 1.
    """

    written: "pd.Series[Any]"
    chosen: "pd.Series[Any]"
    items: "pd.DataFrame"


class AnsweringAgreement(StudyAnalysis):
    """Agreement of the two ways of answering, and the paired difference of their accuracies.

    A written answer that could not be parsed agrees with no choice; it is counted, in ``n_unparsed``.

    Attributes:
        by: columns of the cells; pairs with the same values there are one row. By default each pair is its own.
    """

    tag: ClassVar[str] = "answering-agreement"
    terminal_columns: ClassVar[tuple[str, ...]] = (
        "arm", "eval", "n_items", "same", "same_low", "same_high", "n_unparsed", "written", "chosen", "p_holm",
    )  # fmt: skip
    by: tuple[str, ...] = Field(default=("arm", "eval", "prompt"), min_length=1)

    def table(self, frames: Frames) -> "pd.DataFrame":
        """Return one row per set of pairs.

        ``same`` (share of equal answers), ``written`` and ``chosen`` (the two accuracies) and ``difference`` (chosen
        minus written) are over the items that both ways answered. One pair has Wilson's intervals, Tango's for the
        difference and McNemar's mid-p as ``p_value``, with ``p_holm`` corrected for all rows; several pairs are
        averaged, with intervals for new pairs and items. ``same_of_parsed`` leaves out what was not parsed. ``n_items``
        counts answers, ``state`` says why there are none.

        Raises:
            UserError: no cell is asked both ways, or two are asked the same way.
        """
        import pandas as pd

        if frames.cells.empty:
            return pd.DataFrame()
        for column in self.by:
            require(frames.cells, column)
        groups: dict[tuple[Any, ...], list[AnsweringPair]] = {}
        for pair in pairs(frames, select(frames.cells, self.where, self.match_on), self.name):
            groups.setdefault(tuple(pair.chosen[list(self.by)].astype(object)), []).append(pair)
        rows = [{**dict(zip(self.by, key, strict=True)), **_row(group)} for key, group in groups.items()]
        table = pd.DataFrame(rows)
        return table.assign(p_holm=holm(table["p_value"].to_numpy(np.float64)))


def pairs(frames: Frames, cells: "pd.DataFrame", name: str) -> list[AnsweringPair]:
    """Return the pairs of cells that are asked both ways, done or not; ``name`` begins the error messages.

    Raises:
        UserError: there is none, or two cells are asked the same way.
    """
    require(cells, "answering")
    ways = cells.assign(answering=cells["answering"].fillna(WRITTEN))
    factors = [column for column in cells if column in frames.held.columns and column not in ("cell", "answering")]
    found = []
    for _, same in ways.groupby(factors, dropna=False, sort=False):
        if same["answering"].duplicated().any():
            raise UserError(f"{name}: {', '.join(same['cell'])} are asked the same: tell them apart with where=")
        if len(same) == 2:
            written, chosen = (same[same["answering"] == way].iloc[0] for way in (WRITTEN, CHOSEN))
            items = _items(*(frames.answers([cell["cell"]], ITEMS) for cell in (written, chosen)))
            found.append(AnsweringPair(written, chosen, items))
    if not found:
        raise UserError(
            f"{name}: no cell is asked both ways; list the same evaluation with answering='generation' and 'choice'"
        )
    return found


def _items(written: "pd.DataFrame", chosen: "pd.DataFrame") -> "pd.DataFrame":
    import pandas as pd

    both = written.merge(chosen, on="example", suffixes=("_written", "_chosen"), validate="one_to_one")
    unparsed = both["parsed_written"].isna()
    same = (both["parsed_written"] == both["parsed_chosen"]).fillna(False).astype(bool) & ~unparsed
    verdicts = {way: both[f"correct_{way}"].astype(float) for way in ("written", "chosen")}
    return pd.DataFrame({"example": both["example"], "same": same.astype(float), "unparsed": unparsed.astype(float),
                         **verdicts})  # fmt: skip


def _row(group: Sequence[AnsweringPair]) -> dict[str, Any]:
    done = [pair for pair in group if len(pair.items)]
    row: dict[str, Any] = {"state": "done" if done else _state(group[0])}
    row |= {"n_pairs": len(done), "n_planned_pairs": len(group), "n_items": sum(len(pair.items) for pair in done)}
    n_unparsed = int(sum(pair.items["unparsed"].sum() for pair in done))
    same = sum(pair.items["same"].sum() for pair in done)
    parsed = row["n_items"] - n_unparsed
    row |= {"n_unparsed": n_unparsed, "same_of_parsed": same / parsed if parsed else math.nan}
    for column in ("same", "written", "chosen"):
        row |= dict(zip((column, f"{column}_low", f"{column}_high"), _share(done, column), strict=True))
    return row | _difference(done)


def _share(done: Sequence[AnsweringPair], column: str) -> tuple[float, float, float]:
    """Return the share of a column of 0 and 1 with its interval."""
    if not done:
        return math.nan, math.nan, math.nan
    return accuracy(_grid(done, column))[:3]


def _difference(done: Sequence[AnsweringPair]) -> dict[str, float]:
    """Return the difference of the accuracies, chosen minus written, with its interval and p value."""
    names = ("difference", "diff_low", "diff_high", "p_value")
    if not done:
        return dict.fromkeys(names, math.nan)
    chosen, written = _grid(done, "chosen"), _grid(done, "written")
    if len(done) == 1:
        found = learner_difference(chosen, written, untrained=(True, True)).difference
    else:
        found = difference_of_replicates(chosen - written)
    return dict(zip(names, (found.value, found.low, found.high, found.p_value), strict=True))


def _grid(done: Sequence[AnsweringPair], column: str) -> FloatArray:
    """``[pairs, items]``, NaN where a pair was not asked an item."""
    import pandas as pd

    wide = pd.concat([pair.items.set_index("example")[column] for pair in done], axis=1)
    return np.asarray(wide.to_numpy(np.float64).T)


def _state(pair: AnsweringPair) -> str:
    """Return why a pair has no item in common."""
    states = {WRITTEN: pair.written["state"], CHOSEN: pair.chosen["state"]}
    return next((f"{way} {state}" for way, state in states.items() if state != "done"), "no item in common")
