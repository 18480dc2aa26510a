"""The supervision gap recovered: how near training on easy items comes to training on hard ones, on hard items."""

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import Field

from offdiag.analyses.analysis import StudyAnalysis
from offdiag.analyses.draws import DRAWS, answer_grids, check_draws, matching, state_of, with_learners
from offdiag.analyses.frames import Frames
from offdiag.analyses.selection import require, select
from offdiag.stats.means import mean_interval
from offdiag.stats.supervision_gap import supervision_gap

if TYPE_CHECKING:
    import pandas as pd

NUMBERS = (
    *("unsupervised", "easy", "hard", "gain", "gain_low", "gain_high", "gap", "gap_low", "gap_high"),
    *("recovered", "median", "low", "high"),
)
COUNTS = ("n_items", "n_easy", "n_hard", "n_planned")
NOT_SIGNIFICANT = "gap not significant"


class SupervisionGapRecovered(StudyAnalysis):
    """:func:`offdiag.stats.supervision_gap.supervision_gap` of every learner that is trained on easy and on hard items.

    Attributes:
        by: columns with one row of the table a combination. The untrained cell of a row has the same values, but in
            the columns that it lacks and in those of ``unsupervised``.
        unsupervised, easy, hard: column -> value, of the cells of the three.
        draws: columns that tell apart the draws of training data within a row.
        items: column -> value, of the records that count: the hard items.
        n_resamples, seed: of the bootstrap.
    """

    tag: ClassVar[str] = "supervision-gap-recovered"
    shown: ClassVar[tuple[str, ...]] = (
        *("model", "method", "eval_dataset", "eval_hardness", "unsupervised", "easy", "hard"),
        *("recovered", "low", "high", "note"),
    )
    by: tuple[str, ...] = ("model", "method", "eval_dataset", "eval_hardness")
    unsupervised: Mapping[str, str | int | float | bool] = {"method": "zero-shot"}
    easy: Mapping[str, str | int | float | bool] = {"train_level": "easy"}
    hard: Mapping[str, str | int | float | bool] = {"train_level": "hard"}
    draws: tuple[str, ...] = DRAWS
    items: Mapping[str, str | int | float | bool] = {"level": "hard"}
    n_resamples: int = Field(default=10_000, ge=100)
    seed: int = 0

    def table(self, frames: Frames) -> "pd.DataFrame":
        """One row a combination of ``by`` that is trained on both.

        Columns: ``by``, ``state`` (``done``; otherwise of the cells that are not), the accuracies ``unsupervised, easy,
        hard`` on the items that all three were asked, ``gain`` (easy minus unsupervised) and ``gap`` (hard minus
        unsupervised) with their 95 % intervals, ``recovered`` (gain / gap) with ``median, low, high`` of its resamples,
        ``note`` (``gap not significant`` where the ratio means nothing), ``n_items``, ``n_easy`` and ``n_hard`` (draws
        that are done) and ``n_planned`` (draws of the two together). Whatever draws are done count.

        Raises:
            UserError: a column is missing, two cells claim one draw, or finished cells have no such items.
        """
        import pandas as pd

        columns = [*self.by, "state", *NUMBERS, "note", *COUNTS]
        if frames.cells.empty:
            return pd.DataFrame(columns=columns)
        cells = with_learners(select(frames.cells, self.where, self.own))
        for column in self.by:
            require(cells, column)
        untrained = matching(cells, self.unsupervised)
        rows = []
        for key, group in cells[~untrained].groupby(list(self.by), sort=False, dropna=False):
            easy, hard = (group[matching(group, wanted)] for wanted in (self.easy, self.hard))
            if not easy.empty and not hard.empty:
                before = self._untrained_of(cells[untrained], key)
                rows.append({**dict(zip(self.by, key, strict=True)), **self._row(before, easy, hard, frames.records)})
        return pd.DataFrame(rows, columns=columns)

    def _untrained_of(self, cells: "pd.DataFrame", key: Sequence[Any]) -> "pd.DataFrame":
        for column, value in zip(self.by, key, strict=True):
            if column not in self.unsupervised:
                cells = cells[cells[column].isna() | (cells[column] == value).fillna(False).astype(bool)]
        return cells

    def _row(
        self, before: "pd.DataFrame", easy: "pd.DataFrame", hard: "pd.DataFrame", records: "pd.DataFrame"
    ) -> dict[str, Any]:
        for cells in (easy, hard):
            check_draws(cells, self.draws, self.name)
        parts = [cells[cells["state"] == "done"] for cells in (before, easy, hard)]
        counts = {"n_easy": len(parts[1]), "n_hard": len(parts[2]), "n_planned": len(easy) + len(hard)}
        if any(done.empty for done in parts):
            nothing = dict.fromkeys(NUMBERS, math.nan)
            return {"state": state_of([before, easy, hard]), **nothing, "note": "", "n_items": 0, **counts}
        before_grid, easy_grid, hard_grid = answer_grids(parts, records, self.items, self.name)
        names = tuple(sorted(str(name) for done in parts for name in done["cell"]))
        unsupervised = mean_interval(before_grid.T).mean  # several untrained cells are one learner, asked in parts
        found = supervision_gap(
            unsupervised, easy_grid, hard_grid, n_resamples=self.n_resamples, seed=self.seed, names=names
        )
        return {
            "state": "done",
            "unsupervised": found.unsupervised, "easy": found.easy, "hard": found.hard,
            "gain": found.gain.value, "gain_low": found.gain.low, "gain_high": found.gain.high,
            "gap": found.gap.value, "gap_low": found.gap.low, "gap_high": found.gap.high,
            "recovered": found.recovered.value, "median": found.median,
            "low": found.recovered.low, "high": found.recovered.high,
            "note": "" if found.significant else NOT_SIGNIFICANT,
            "n_items": found.n_items,
            **counts,
        }  # fmt: skip
