"""The draws of one learner in one column of the matrix as one number, worded for a reader."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from offdiag.analyses.draws import answer_grids, mean_accuracy
from offdiag.analyses.frames import Frames
from offdiag.reporting.squares import SHADES, Square
from offdiag.reporting.wording import known, number, percent, percents, points
from offdiag.stats.learner_difference import learner_difference
from offdiag.stats.means import mean_interval


@dataclass(frozen=True, kw_only=True)
class Mean:
    """The mean over draws, with intervals over draws and items.

    Attributes:
        shade, accuracy, interval, unparsed, error, difference, clear: as of a :class:`Square`.
        count: items of each draw, and how many draws are done where some are not.
    """

    shade: int
    accuracy: str
    interval: str
    count: str
    unparsed: str
    error: str
    difference: str
    clear: bool


def mean_of(squares: Sequence[Square], frames: Frames) -> Mean | None:
    """What several draws of a learner have on average; None where none is done."""
    names = [square.name for square in squares if square.shade is not None]
    if not names:
        return None
    cells = frames.cells[frames.cells["cell"].isin(names)]
    (grid,) = answer_grids([cells], frames, {}, "matrix")
    mean, low, high = mean_accuracy(grid, ("matrix", *names))
    difference, clear = _difference(cells, frames)
    lacking = f"{len(names)} of {len(squares)} draws · " if len(names) < len(squares) else ""
    return Mean(
        shade=round(mean * SHADES),
        accuracy=percent(mean),
        interval=percents(low, high),
        count=f"{lacking}n = {_range((~np.isnan(grid)).sum(axis=1).tolist())}",
        unparsed=_unparsed(cells),
        error=_error(cells),
        difference=difference,
        clear=clear,
    )


def _difference(cells: pd.DataFrame, frames: Frames) -> tuple[str, bool]:
    """To the baseline that all draws share, paired on items; and whether its interval leaves out zero."""
    baselines = cells["baseline"].dropna().unique().tolist()
    base = frames.cells[frames.cells["cell"].isin(baselines)]
    if len(base) != 1 or cells["difference"].isna().any():
        return "", False
    ours, theirs = answer_grids([cells, base], frames, {}, "matrix")
    found = learner_difference(ours, theirs, names=("matrix", *cells["cell"]))
    return f"{points(found.difference)} [{points(found.low)}, {points(found.high)}]", found.low > 0 or found.high < 0


def _unparsed(cells: pd.DataFrame) -> str:
    n = int(cells["n_unparsed"].sum())
    return f"{percent(n / cells['n'].sum())} %" if n else ""


def _error(cells: pd.DataFrame) -> str:
    """The mean of the draws' median errors with its t-interval; nothing where answers cannot be off."""
    if "median_error" not in cells or len(cells) < 2:
        return ""
    found = mean_interval(cells["median_error"].to_numpy(np.float64, na_value=np.nan))
    if not known(float(found.low)):
        return ""
    return f"{number(float(found.mean))} [{number(max(0.0, float(found.low)))}, {number(float(found.high))}]"


def _range(values: Sequence[int]) -> str:
    low, high = min(values), max(values)
    return str(low) if low == high else f"{low}–{high}"
