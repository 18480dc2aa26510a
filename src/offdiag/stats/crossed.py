"""The mean of a table in which both rows and columns are samples: seeds by trigger words, say."""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from offdiag.stats.intervals import FloatArray


class CrossedMean(NamedTuple):
    """A mean with its interval and the test that it is 0.

    Attributes:
        mean: over all values that are there; NaN if there is none.
        low, high, p_value: NaN where nothing varies, as then the values say nothing of their own uncertainty.
        freedom: degrees of freedom of t. n_rows, n_columns: with at least one value.
    """

    mean: float
    low: float
    high: float
    p_value: float
    freedom: float
    n_rows: int
    n_columns: int


def crossed_mean(values: ArrayLike, level: float = 0.95) -> CrossedMean:
    """Mean of ``values`` ``[rows, columns]`` (NaN where missing), for new rows and for new columns alike.

    The variance is that of the row means plus that of the column means, which is min F' of Clark (1973, Journal of
    Verbal Learning and Verbal Behavior 12:335): 1 / min F' = 1 / F(rows) + 1 / F(columns), with Satterthwaite's degrees
    of freedom. It is on the long side, as it counts what rows and columns do together twice. A side of length 1 is no
    sample and adds nothing: what is left is the one-sample t.

    Raises:
        ValueError: ``values`` is not two-dimensional.
    """
    from scipy.special import stdtr, stdtrit

    grid = np.asarray(values, np.float64)
    if grid.ndim != 2:
        raise ValueError(f"crossed_mean: expected [rows, columns], got {grid.ndim} dimensions")
    known = ~np.isnan(grid)
    grid = grid[np.ix_(known.any(1), known.any(0))]
    n_rows, n_columns = grid.shape
    if not grid.size:
        return CrossedMean(math.nan, math.nan, math.nan, math.nan, math.nan, n_rows, n_columns)
    mean = float(np.nanmean(grid))
    parts = [_variance(np.nanmean(grid, axis=axis)) for axis in (0, 1) if grid.shape[1 - axis] > 1]
    variance = sum(part for part, _ in parts)
    if variance < 1e-24:  # nothing but rounding
        return CrossedMean(mean, math.nan, math.nan, math.nan, math.nan, n_rows, n_columns)
    freedom = variance**2 / sum(part**2 / free for part, free in parts)
    error = math.sqrt(variance)
    half = float(stdtrit(freedom, 0.5 + level / 2)) * error
    p_value = 2 * float(stdtr(freedom, -abs(mean) / error))
    return CrossedMean(mean, mean - half, mean + half, p_value, freedom, n_rows, n_columns)


def _variance(means: FloatArray) -> tuple[float, int]:
    """Of the mean of ``means``, with its degrees of freedom."""
    return float(np.var(means, ddof=1)) / means.size, means.size - 1
