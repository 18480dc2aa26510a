"""Means with intervals: of values, of pairs that share members, and of tables whose sides are all samples."""

import math
from collections.abc import Hashable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from offdiag.stats.intervals import Estimate, FloatArray


class Mean(NamedTuple):
    """Means over the last axis with t-intervals; each field has the shape of the other axes.

    Attributes:
        mean: NaN where there is no value. low, high: ends of the t-interval; NaN with fewer than two values.
        sd: standard deviation of the values (n - 1). n: number of known values.
    """

    mean: FloatArray
    low: FloatArray
    high: FloatArray
    sd: FloatArray
    n: np.ndarray[tuple[int, ...], np.dtype[np.int64]]


def mean_interval(values: ArrayLike, level: float = 0.95) -> Mean:
    """Return the mean over the last axis with Student's t-interval; NaN stands for a missing value."""
    from scipy.special import stdtrit

    x = np.asarray(values, np.float64)
    known = ~np.isnan(x)
    n = known.sum(-1)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.where(known, x, 0).sum(-1) / n
        squares = np.where(known, (x - mean[..., None]) ** 2, 0).sum(-1)
        sd = np.sqrt(squares / np.where(n > 1, n - 1, np.nan))
        half = stdtrit(np.where(n > 1, n - 1, np.nan), 0.5 + level / 2) * sd / np.sqrt(n)
    return Mean(mean, mean - half, mean + half, sd, n)


def pair_mean(
    values: ArrayLike, first: Sequence[Hashable], second: Sequence[Hashable], level: float = 0.95
) -> Estimate:
    """Return the mean of one value per pair; pairs that share a member are not independent.

    The interval is for new members. It is a jackknife that leaves out one member at a time with all of its pairs
    (Arvesen 1969, Annals of Mathematical Statistics 40:2076, for U-statistics), with t of members - 1 degrees of
    freedom. Both ends are NaN where a member is in all pairs, as with one pair or two.

    Args:
        values: one per pair. first, second: the two members of each pair. level: of the interval.

    Raises:
        ValueError: no pair, or lengths that differ.
    """
    from scipy.special import stdtrit

    x = np.asarray(values, np.float64)
    if x.ndim != 1 or not x.size or not len(x) == len(first) == len(second):
        raise ValueError(f"pair_mean of {x.shape} values, {len(first)} and {len(second)} names: expected as many, > 0")
    mean = float(x.mean())
    left = []
    for member in dict.fromkeys([*first, *second]):
        others = np.array([member not in pair for pair in zip(first, second, strict=True)])
        left.append(float(x[others].mean()) if others.any() else math.nan)
    freedom = len(left) - 1
    half = float(stdtrit(freedom, 0.5 + level / 2)) * math.sqrt(freedom * float(np.var(left)))
    return Estimate(mean, mean - half, mean + half)


class CrossedMean(NamedTuple):
    """The mean of a table whose sides are all samples, with its interval and the test that it is 0.

    Attributes:
        mean: over all known values; NaN if there is none.
        low, high, p_value: NaN where nothing varies, as then the values say nothing of their own uncertainty.
        freedom: degrees of freedom of t. shape: number of levels per side with at least one value.
    """

    mean: float
    low: float
    high: float
    p_value: float
    freedom: float
    shape: tuple[int, ...]


def crossed_mean(values: ArrayLike, level: float = 0.95) -> CrossedMean:
    """Return the mean of ``values`` (one dimension per side, NaN where missing), for new levels of all sides.

    Sides are data seeds by training seeds by trigger words, say. The variance of the mean is a sum over the sides: of
    each, the variance of the mean of its level means. For two sides this is min F' of Clark (1973, Journal of Verbal
    Learning and Verbal Behavior 12:335): 1 / min F' = 1 / F(rows) + 1 / F(columns), with Satterthwaite's degrees of
    freedom. The interval is rather too long, since the interaction of the sides counts more than once. A side of length
    1 is no sample and adds nothing: with one other side this is the one-sample t.

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
    """Return the variance of the mean of ``means``, and its degrees of freedom."""
    return float(np.var(means, ddof=1)) / means.size, means.size - 1
