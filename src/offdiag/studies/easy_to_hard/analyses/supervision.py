"""What analyses of easy and of hard training data share: learners from either, and the untrained one."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from offdiag.analyses.analysis import StudyAnalysis
from offdiag.analyses.frames import Frames
from offdiag.analyses.mean_accuracy import matching
from offdiag.analyses.selection import require, select
from offdiag.studies.easy_to_hard.analyses.accuracy_over_draws import DRAWS, check_draws, with_learners

if TYPE_CHECKING:
    import pandas as pd


class Supervised(NamedTuple):
    """A combination of ``by`` (column -> value) and the cells of its three learners, whatever their states."""

    key: dict[str, Any]
    untrained: "pd.DataFrame"
    easy: "pd.DataFrame"
    hard: "pd.DataFrame"


class OfSupervision(StudyAnalysis):
    """Settings of analyses of learners that are trained on easy and on hard items.

    Attributes:
        by: columns with one combination of learners a combination of values. The untrained cell has the same values,
            but in the columns that it lacks and in those of ``unsupervised``.
        unsupervised, easy, hard: column -> value, of the cells of the three.
        draws: columns that tell apart the draws of training data within a combination.
        items: column -> value, of the records that count: the hard items.
    """

    by: tuple[str, ...] = ("model", "method", "eval_dataset", "eval_hardness")
    unsupervised: Mapping[str, str | int | float | bool] = {"method": "zero-shot"}
    easy: Mapping[str, str | int | float | bool] = {"train_level": "easy"}
    hard: Mapping[str, str | int | float | bool] = {"train_level": "hard"}
    draws: tuple[str, ...] = DRAWS
    items: Mapping[str, str | int | float | bool] = {"level": "hard"}

    def learners(self, frames: Frames) -> Iterator[Supervised]:
        """Each combination that is trained on both, in order of appearance.

        Raises:
            UserError: a column is missing, or two cells claim one draw.
        """
        if frames.cells.empty:
            return
        cells = with_learners(select(frames.cells, self.where, self.match_on))
        for column in self.by:
            require(cells, column)
        untrained = matching(cells, self.unsupervised)
        for key, group in cells[~untrained].groupby(list(self.by), sort=False, dropna=False):
            easy, hard = (group[matching(group, wanted)] for wanted in (self.easy, self.hard))
            if not easy.empty and not hard.empty:
                for taught in (easy, hard):
                    check_draws(taught, self.draws, self.name)
                before = self._untrained_of(cells[untrained], key)
                yield Supervised(dict(zip(self.by, key, strict=True)), before, easy, hard)

    def _untrained_of(self, cells: "pd.DataFrame", key: Sequence[Any]) -> "pd.DataFrame":
        for column, value in zip(self.by, key, strict=True):
            if column not in self.unsupervised:
                cells = cells[cells[column].isna() | (cells[column] == value).fillna(False).astype(bool)]
        return cells
