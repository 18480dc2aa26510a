"""Supervision gap recovered: the gain on hard items from easy training data, over that from hard.

Its base compares learners of easy and of hard items with the untrained one, which the tests of supervision do, too.
"""

import math
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from pydantic import Field

from offdiag.analyses.analysis import StudyAnalysis
from offdiag.analyses.answer_grids import answer_grids, matching
from offdiag.analyses.frames import Frames
from offdiag.analyses.selection import DONE, Where, require, select, state_of
from offdiag.stats.gain_ratio import gain_ratio
from offdiag.studies.easy_to_hard.analyses.accuracy_over_draws import DRAWS, check_draws, one_learner, with_learners

if TYPE_CHECKING:
    import pandas as pd


# What tells comparisons apart, where a table has it.
NAMED = (
    *("model", "method", "learner", "eval_dataset", "eval_hardness", "train_dataset", "train_hardness", "train_level"),
    *(f"{of}{name}" for name in ("k", "n_train", "noise") for of in ("", "hard_")),
    "eval_prompt",
)


class Supervised(NamedTuple):
    """The cells of three learners to compare, whatever their states, and the columns that name the comparison."""

    key: dict[str, Any]
    untrained: "pd.DataFrame"
    easy: "pd.DataFrame"
    hard: "pd.DataFrame"


class SupervisionAnalysis(StudyAnalysis):
    """Settings of analyses that compare learners of easy items, of hard items, and the untrained one.

    Attributes:
        by: columns; there is one comparison per combination of their values among learners of easy items. The other
            two have the same values, but for columns that they lack and those of ``hard`` and ``unsupervised``.
        unsupervised, easy, hard: column -> value, of the cells of the three learners; ``easy`` are all trained ones
            that are not ``hard`` where it is empty.
        paired: column of ``by`` -> pairs of its values, of easy and of hard training data, that are compared, such as
            label noise of 5 % with 10 %; a value without a pair is not compared.
        sizes: columns of ``paired``; learners that have none of them, whose sizes are not paired, are not compared.
        draws: columns that tell apart the draws of training data within a combination.
        items: column -> value, of the records that count: the hard items.
    """

    by: tuple[str, ...] = ("model", "method", "eval_dataset", "eval_hardness")
    unsupervised: Where = Field(default={"method": "zero-shot"})
    easy: Where = Field(default={"train_level": "easy"})
    hard: Where = Field(default={"train_level": "hard"})
    paired: Mapping[str, tuple[tuple[float, float], ...]] = {}
    sizes: tuple[str, ...] = ()
    draws: tuple[str, ...] = DRAWS
    items: Where = Field(default={"level": "hard"})

    def learners(self, frames: Frames) -> Iterator[Supervised]:
        """Yield each combination that is trained on both easy and hard items, in order of appearance.

        Where values are paired, the column ``hard_COLUMN`` has that of the hard training data.

        Raises:
            UserError: a column is missing, or two cells are the same draw.
        """
        if frames.cells.empty:
            return
        cells = with_learners(select(frames.cells, self.where, self.match_on))
        for column in self.by:
            require(cells, column)
        untrained = matching(cells, self.unsupervised)
        on_hard = ~untrained & matching(cells, self.hard)
        on_easy = ~untrained & ~on_hard & matching(cells, self.easy)
        for key, easy in cells[on_easy].groupby(list(self.by), sort=False, dropna=False):
            named = dict(zip(self.by, key, strict=True))
            if self.sizes and easy[list(self.sizes)].isna().all(axis=None):
                continue
            partner = self._partner(named)
            hard = _alike(cells[on_hard], {**named, **partner}, self.hard)
            if not hard.empty:
                for trained in (easy, hard):
                    check_draws(trained, self.draws, self.name)
                before = _alike(cells[untrained], named, self.unsupervised)
                yield Supervised({**named, **{f"hard_{name}": of for name, of in partner.items()}}, before, easy, hard)

    def _partner(self, named: Mapping[str, Any]) -> dict[str, Any]:
        """Return the values of the hard training data to compare with; None where there are none, or no such factor."""
        return {name: dict(pairs).get(named[name]) for name, pairs in self.paired.items()}

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that name a comparison."""
        return (*self.by, *(f"hard_{name}" for name in self.paired))


def _alike(cells: "pd.DataFrame", named: Mapping[str, Any], free: Where) -> "pd.DataFrame":
    """Return the cells with the values ``named``, or without any in those columns; columns of ``free`` do not count."""
    for column, value in named.items():
        if column not in free:
            cells = cells[cells[column].isna() | (cells[column] == value).fillna(False).astype(bool)]
    return cells


NUMBERS = (
    *("unsupervised", "easy", "hard", "gain", "gain_low", "gain_high", "gap", "gap_low", "gap_high"),
    *("recovered", "low", "high"),
)
COUNTS = ("n_items", "n_easy", "n_hard", "n_planned")
NOT_SIGNIFICANT = "gap not significant"


class SupervisionGapRecovered(SupervisionAnalysis):
    """The supervision gap recovered by every learner that is trained on both easy and hard items.

    SGR = (easy - unsupervised) / (hard - unsupervised), after Hase et al. (2024, arXiv 2401.06751).
    """

    tag: ClassVar[str] = "supervision-gap-recovered"
    terminal_columns: ClassVar[tuple[str, ...]] = (
        *NAMED,
        *("unsupervised", "easy", "hard", "recovered", "low", "high", "note"),
    )

    def table(self, frames: Frames) -> "pd.DataFrame":
        """Return one row per combination of ``by`` that is trained on both.

        Columns: ``by``, ``state`` (``done``, or that of cells that are not), the accuracies ``unsupervised, easy,
        hard`` on the items that all three answered, ``gain`` (easy minus unsupervised) and ``gap`` (hard minus
        unsupervised) with their 95 % intervals, ``recovered`` (gain / gap) with the interval ``low, high`` of
        :func:`offdiag.stats.gain_ratio.gain_ratio` (infinite where the gap may be 0), ``note`` (``gap not significant``
        where the interval has no end, or the gap is below 0), ``n_items``, ``n_easy`` and ``n_hard`` (draws
        that are done) and ``n_planned`` (draws of the two together). Whatever draws are done count.

        Raises:
            UserError: a column is missing, two cells are the same draw, or finished cells have no such items.
        """
        import pandas as pd

        rows = [{**learners.key, **self._row(learners, frames)} for learners in self.learners(frames)]
        return pd.DataFrame(rows, columns=[*self.columns, "state", *NUMBERS, "note", *COUNTS])

    def _row(self, learners: Supervised, frames: Frames) -> dict[str, Any]:
        cells = (learners.untrained, learners.easy, learners.hard)
        parts = [part[part["state"] == DONE] for part in cells]
        planned = len(learners.easy) + len(learners.hard)
        counts = {"n_easy": len(parts[1]), "n_hard": len(parts[2]), "n_planned": planned}
        if any(done.empty for done in parts):
            nothing = dict.fromkeys(NUMBERS, math.nan)
            state = state_of((state for part in cells for state in part["state"]), "not planned")
            return {"state": state, **nothing, "note": "", "n_items": 0, **counts}
        (before_grid, easy_grid, hard_grid), _ = answer_grids(parts, frames, self.items, self.name)
        found = gain_ratio(one_learner(before_grid)[0], easy_grid, hard_grid)
        gain, gap = found.gains
        bounded = math.isfinite(found.ratio.low) and gap.value > 0
        return {
            "state": DONE,
            "unsupervised": found.before, "easy": found.first, "hard": found.second,
            "gain": gain.value, "gain_low": gain.low, "gain_high": gain.high,
            "gap": gap.value, "gap_low": gap.low, "gap_high": gap.high,
            "recovered": found.ratio.value, "low": found.ratio.low, "high": found.ratio.high,
            "note": "" if bounded else NOT_SIGNIFICANT,
            "n_items": gap.n,
            **counts,
        }  # fmt: skip
