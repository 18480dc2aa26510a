"""Verdicts of replicates on the same items, for means and differences over seeds and items."""

from collections.abc import Hashable, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from offdiag.analyses.frames import Frames, scores_of
from offdiag.analyses.seed_variance import clusters_of
from offdiag.analyses.selection import Where, require
from offdiag.errors import UserError
from offdiag.stats import FloatArray

if TYPE_CHECKING:
    import pandas as pd


class AnswerGrids(NamedTuple):
    """Verdicts on the same items as ``[cells, items]`` grids, NaN where not asked; the clusters of the items."""

    grids: list[FloatArray]
    clusters: list[Hashable] | None


def answer_grids(parts: "Sequence[pd.DataFrame]", frames: Frames, items: Where, name: str) -> AnswerGrids:
    """Return the verdicts of cells on chosen items.

    Raises:
        UserError: none of the cells has such an item.
    """
    names = [sorted(cells["cell"]) for cells in parts]
    answers = frames.answers(cell for part in names for cell in part)
    answers = answers[matching(answers, items)]
    if answers.empty:
        raise UserError(f"{name}: no record of {names[0][0]} and its like has {dict(items)}: name others with items=")
    wide = answers.assign(score=scores_of(answers)).pivot(index="cell", columns="example", values="score")
    return AnswerGrids(
        [wide.reindex(part).to_numpy(np.float64) for part in names], clusters_of(answers, wide.columns.tolist())
    )


def matching(frame: "pd.DataFrame", wanted: Where) -> "pd.Series[bool]":
    """Return which rows have all the values; unlike with :func:`select`, none is no error.

    Raises:
        UserError: a column is missing.
    """
    import pandas as pd

    found = pd.Series(True, index=frame.index)
    for column, value in wanted.items():
        require(frame, column)
        found &= (frame[column] == value).fillna(False).astype(bool)
    return found
