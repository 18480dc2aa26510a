"""Base of analyses that compare learners of easy and of hard items with the untrained one."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from pydantic import Field

from offdiag.analyses.analysis import StudyAnalysis
from offdiag.analyses.answer_grids import matching
from offdiag.analyses.frames import Frames
from offdiag.analyses.selection import Where, require, select
from offdiag.studies.easy_to_hard.analyses.accuracy_over_draws import DRAWS, check_draws, with_learners

if TYPE_CHECKING:
    import pandas as pd


class Supervised(NamedTuple):
    """The cells of three learners to compare, whatever their states, and the values of ``by`` that they share."""

    key: dict[str, Any]
    untrained: "pd.DataFrame"
    easy: "pd.DataFrame"
    hard: "pd.DataFrame"


class SupervisionAnalysis(StudyAnalysis):
    """Settings of analyses that compare learners of easy items, of hard items, and the untrained one.

    Attributes:
        by: columns; learners are compared within each combination of their values. The untrained cell has the same
            values, but for columns that it lacks and those of ``unsupervised``.
        unsupervised, easy, hard: column -> value, of the cells of the three learners.
        draws: columns that tell apart the draws of training data within a combination.
        items: column -> value, of the records that count: the hard items.
    """

    by: tuple[str, ...] = ("model", "method", "eval_dataset", "eval_hardness")
    unsupervised: Where = Field(default={"method": "zero-shot"})
    easy: Where = Field(default={"train_level": "easy"})
    hard: Where = Field(default={"train_level": "hard"})
    draws: tuple[str, ...] = DRAWS
    items: Where = Field(default={"level": "hard"})

    def learners(self, frames: Frames) -> Iterator[Supervised]:
        """Yield each combination that is trained on both easy and hard items, in order of appearance.

        Raises:
            UserError: a column is missing, or two cells are the same draw.
        """
        if frames.cells.empty:
            return
        cells = with_learners(select(frames.cells, self.where, self.match_on))
        for column in self.by:
            require(cells, column)
        untrained = matching(cells, self.unsupervised)
        for key, group in cells[~untrained].groupby(list(self.by), sort=False, dropna=False):
            easy, hard = (group[matching(group, where)] for where in (self.easy, self.hard))
            if not easy.empty and not hard.empty:
                for trained in (easy, hard):
                    check_draws(trained, self.draws, self.name)
                before = self._untrained_of(cells[untrained], key)
                yield Supervised(dict(zip(self.by, key, strict=True)), before, easy, hard)

    def _untrained_of(self, cells: "pd.DataFrame", key: Sequence[Any]) -> "pd.DataFrame":
        for column, value in zip(self.by, key, strict=True):
            if column not in self.unsupervised:
                cells = cells[cells[column].isna() | (cells[column] == value).fillna(False).astype(bool)]
        return cells
