"""The mean of a table whose sides are all samples: data seeds by training seeds by trigger words, say."""

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
        freedom: degrees of freedom of t. shape: levels of each side with at least one value.
    """

    mean: float
    low: float
    high: float
    p_value: float
    freedom: float
    shape: tuple[int, ...]


def crossed_mean(values: ArrayLike, level: float = 0.95) -> CrossedMean:
    """Mean of ``values`` (one dimension a side, NaN where missing), for new levels of all sides alike.

    The variance is the sum over the sides of that of the mean of a side's level means. For two sides this is min F' of
    Clark (1973, Journal of Verbal Learning and Verbal Behavior 12:335): 1 / min F' = 1 / F(rows) + 1 / F(columns), with
    Satterthwaite's degrees of freedom. It is on the long side, as it counts more than once what the sides do together.
    A side of length 1 is no sample and adds nothing: with one other side, what is left is the one-sample t.

    Raises:
        ValueError: ``values`` is a single number.
    """
    from scipy.special import stdtr, stdtrit

    grid = np.asarray(values, np.float64)
    if not grid.ndim:
        raise ValueError(f"crossed_mean: expected a table, got the number {grid}")
    others = [tuple(axis for axis in range(grid.ndim) if axis != side) for side in range(grid.ndim)]
    known = ~np.isnan(grid)
    grid = grid[np.ix_(*(known.any(axes) for axes in others))]
    if not grid.size:
        return CrossedMean(math.nan, math.nan, math.nan, math.nan, math.nan, grid.shape)
    mean = float(np.nanmean(grid))
    parts = [_variance(np.nanmean(grid, axes)) for side, axes in enumerate(others) if grid.shape[side] > 1]
    variance = sum(part for part, _ in parts)
    if variance < 1e-24:  # nothing but rounding
        return CrossedMean(mean, math.nan, math.nan, math.nan, math.nan, grid.shape)
    freedom = variance**2 / sum(part**2 / free for part, free in parts)
    error = math.sqrt(variance)
    half = float(stdtrit(freedom, 0.5 + level / 2)) * error
    p_value = 2 * float(stdtr(freedom, -abs(mean) / error))
    return CrossedMean(mean, mean - half, mean + half, p_value, freedom, grid.shape)


def _variance(means: FloatArray) -> tuple[float, int]:
    """Of the mean of ``means``, with its degrees of freedom."""
    return float(np.var(means, ddof=1)) / means.size, means.size - 1
