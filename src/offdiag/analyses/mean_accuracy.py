"""Mean accuracy of replicates, with an interval over cells and items."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from offdiag.analyses.frames import Frames
from offdiag.analyses.selection import Where, require
from offdiag.errors import UserError
from offdiag.stats import Estimate, FloatArray, hierarchical_bootstrap, wilson

if TYPE_CHECKING:
    import pandas as pd


def answer_grids(parts: "Sequence[pd.DataFrame]", frames: Frames, items: Where, name: str) -> list[FloatArray]:
    """Return the verdicts on chosen items as ``[cells, items]`` grids; NaN where not asked.

    Raises:
        UserError: none of the cells has such an item.
    """
    names = [sorted(cells["cell"]) for cells in parts]
    answers = frames.answers(cell for part in names for cell in part)
    answers = answers[matching(answers, items)]
    if answers.empty:
        raise UserError(f"{name}: no record of {names[0][0]} and its like has {dict(items)}: name others with items=")
    wide = answers.assign(correct=answers["correct"].astype(float))
    wide = wide.pivot(index="cell", columns="example", values="correct")
    return [wide.reindex(part).to_numpy(np.float64) for part in names]


def mean_accuracy(grid: FloatArray, names: tuple[str, ...]) -> Estimate:
    """Mean of verdicts ``[draws, items]`` with its 95 % interval; ``n`` counts the items.

    Wilson's over the items of one draw, or where all answers agree and resamples could not differ; else the
    hierarchical bootstrap over draws and items. ``names`` are those of the random stream.
    """
    known = ~np.isnan(grid)
    answers = grid[known]
    mean, n = float(answers.mean()), int(known.any(axis=0).sum())
    if len(grid) == 1 or np.ptp(answers) == 0:
        ends = wilson(mean * n, n)
        return Estimate(mean, float(ends.low), float(ends.high), n)
    found = hierarchical_bootstrap(grid, names=names)
    return Estimate(mean, max(0.0, found.low), min(1.0, found.high), n)


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
