"""Means with intervals: of values, of pairs that share members, and of tables whose sides are all samples."""

import math
from collections.abc import Hashable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from offdiag.stats.components import MeanVariance, Part, components
from offdiag.stats.intervals import UNKNOWN, Estimate, FloatArray
from offdiag.stats.replicated import spread_of


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


def crossed_mean(values: ArrayLike, level: float = 0.95) -> Estimate:
    """Return the mean of ``values`` (one dimension per side, NaN where missing), for new levels of all sides.

    Sides are data seeds by training seeds by trigger words, say; a side of length 1 is no sample and adds nothing: with
    one other side this is the one-sample t. ``p_value`` is that of 0. Ends and p value are NaN where nothing varies, as
    then the values say nothing of their own uncertainty.

    Raises:
        ValueError: ``values`` is a single number.
    """
    grid = np.asarray(values, np.float64)
    if not grid.ndim:
        raise ValueError(f"crossed_mean: expected a table, got the number {grid}")
    if np.isnan(grid).all():
        return UNKNOWN
    mean, variance = float(np.nanmean(grid)), crossed_variance(grid)
    if variance.variance < 1e-24:  # nothing but rounding
        return Estimate(mean)
    error = math.sqrt(variance.variance)
    half = variance.quantile(level) * error
    return Estimate(mean, mean - half, mean + half, p_value=variance.p_value(abs(mean) / error))


def crossed_variance(values: ArrayLike) -> MeanVariance:
    """Return the variance of the mean of :func:`crossed_mean`.

    For two sides it is that of :mod:`offdiag.stats.components`. For more it is the sum over the sides of the variance
    of the mean of the level means (as in min F' of Clark 1973, Journal of Verbal Learning and Verbal Behavior 12:335),
    which is rather too large, since the interactions of sides count more than once.
    """
    grid = np.asarray(values, np.float64)
    known = ~np.isnan(grid)
    others = [tuple(axis for axis in range(grid.ndim) if axis != side) for side in range(grid.ndim)]
    grid = np.squeeze(grid[np.ix_(*(known.any(axes) for axes in others))])
    if grid.ndim < 2:
        return MeanVariance(tuple(_part(each) for each in ([grid[~np.isnan(grid)]] if grid.ndim else [])))
    if grid.ndim == 2:
        few = grid if len(grid) <= grid.shape[1] else grid.T
        return spread_of(components(few), items_freedom=few.shape[1] - 1)
    sides = [tuple(axis for axis in range(grid.ndim) if axis != side) for side in range(grid.ndim)]
    return MeanVariance(tuple(_part(np.nanmean(grid, axes)) for axes in sides))


def _part(means: FloatArray) -> Part:
    """Return the variance of the mean of ``means``, and its degrees of freedom."""
    return Part(float(np.var(means, ddof=1)) / means.size if means.size > 1 else 0.0, max(1, means.size - 1))
