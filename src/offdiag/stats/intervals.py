"""Estimates with intervals: of a proportion, of a median, and of sums of independent estimates."""

import math
from collections.abc import Sequence
from statistics import NormalDist
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

FloatArray: TypeAlias = NDArray[np.float64]


class Estimate(NamedTuple):
    """A number with its interval.

    Attributes:
        value: the number; NaN where it is unknown.
        low, high: ends of its interval, at 95 % unless stated otherwise; NaN where it has none.
        n: independent observations behind it (items, pairs, cities), 0 where that is not told.
        p_value: two-sided, of the value that stands for *nothing* (0 for a difference or a correlation); NaN where none
            is tested.
    """

    value: float
    low: float = math.nan
    high: float = math.nan
    n: int = 0
    p_value: float = math.nan


UNKNOWN = Estimate(math.nan)


def with_length(estimate: Estimate) -> Estimate:
    """Return an estimate, without its interval where that has no length but for rounding.

    Numbers that do not vary, such as the alignment of a model with itself, tell nothing of their own uncertainty.
    """
    if estimate.high - estimate.low > 1e-12:
        return estimate
    return estimate._replace(low=math.nan, high=math.nan)


class Interval(NamedTuple):
    """Lower and upper ends of intervals, both of the shape of the input (0-dimensional for plain numbers)."""

    low: FloatArray
    high: FloatArray


def normal_quantile(level: float) -> float:
    """Return z such that -z to z holds the share ``level`` of a standard normal, e.g. 1.96 for 0.95.

    Raises:
        ValueError: ``level`` is not between 0 and 1.
    """
    if not 0 < level < 1:
        raise ValueError(f"level = {level}: expected a number between 0 and 1, for example 0.95")
    return NormalDist().inv_cdf(0.5 + level / 2)


def wilson(n_correct: ArrayLike, n: ArrayLike, level: float = 0.95) -> Interval:
    """Return Wilson's score interval of ``n_correct`` out of ``n`` (Wilson 1927).

    The formula is eq. 4 of Brown, Cai and DasGupta (2001).

    Args:
        n_correct: successes, any shape that broadcasts with ``n``.
        n: trials; where it is 0 both ends are NaN.
        level: coverage of the two-sided interval.

    Raises:
        ValueError: a count is negative or exceeds its ``n``.
    """
    successes, trials = np.broadcast_arrays(np.asarray(n_correct, np.float64), np.asarray(n, np.float64))
    if np.any(successes < 0) or np.any(successes > trials):
        raise ValueError("wilson: every n_correct must lie between 0 and its n")
    return score_interval(successes, trials, normal_quantile(level))


def score_interval(successes: FloatArray, trials: FloatArray, quantile: ArrayLike) -> Interval:
    """Return Wilson's interval for numbers of answers that need not be whole, at ``quantile`` standard errors.

    ``trials`` is an effective number of independent answers: p (1 - p) / variance of p (Kish 1965; Korn and Graubard
    1998, Survey Methodology 24:193, who take t for the normal quantile).
    """
    z2 = np.asarray(quantile, np.float64) ** 2
    with np.errstate(invalid="ignore", divide="ignore"):
        centre = (successes + z2 / 2) / (trials + z2)
        half = np.sqrt(z2 * (successes * (trials - successes) / trials + z2 / 4)) / (trials + z2)
    low = np.where(successes == 0, 0.0, centre - half)  # exact ends instead of rounding to -1e-18
    high = np.where(successes == trials, 1.0, centre + half)
    empty = trials == 0
    return Interval(np.where(empty, np.nan, low), np.where(empty, np.nan, high))


def median_interval(values: ArrayLike, level: float = 0.95) -> Interval:
    """Return a distribution-free interval of the median: the two closest of the values that cover it.

    Binomial order statistics (David and Nagaraja 2003, Order Statistics, section 7.1).

    Args:
        values: ``[n]``. level: coverage of the two-sided interval.

    Returns:
        The ends; NaN where n is too small for any such pair (five values or fewer at 0.95).
    """
    from scipy.special import bdtr

    x = np.sort(np.asarray(values, np.float64).ravel())
    below = bdtr(np.arange(len(x) // 2), len(x), 0.5)  # chances that the median lies below the first, second … value
    outside = int(np.searchsorted(below, (1 - level) / 2, side="right"))
    if not outside:
        return Interval(np.asarray(np.nan), np.asarray(np.nan))
    return Interval(x[outside - 1], x[-outside])


def independent_difference(first: Estimate, second: Estimate) -> Estimate:
    """Return first minus second of two estimates that share no items, with its interval; NaN if either is NaN.

    The distance of each end from the difference is the root of the sum of squares of the distances in that direction.
    With Wilson's intervals of two proportions this is method 10 of Newcombe (1998, Statistics in Medicine 17:873),
    which stays inside [-1, 1]; with other intervals it is MOVER (Zou and Donner 2008, Statistics in Medicine 27:1693).
    The level is that of the two intervals. For estimates on the same items the interval is too long rather than too
    short; use :func:`offdiag.stats.paired_difference` there.

    >>> independent_difference(Estimate(0.9, 0.5958, 0.9821), Estimate(0.3, 0.1078, 0.6032)).value
    0.6000000000000001
    """
    return independent_sum([first, second], [1, -1])


def independent_sum(parts: Sequence[Estimate], weights: Sequence[float]) -> Estimate:
    """Return the weighted sum of estimates that share no items, with an interval as :func:`independent_difference`."""
    value = sum(weight * part.value for part, weight in zip(parts, weights, strict=True))
    # A negative weight swaps the ends of its estimate.
    ends = [sorted((w * part.low, w * part.high)) for part, w in zip(parts, weights, strict=True)]
    middles = [w * part.value for part, w in zip(parts, weights, strict=True)]
    below = math.hypot(*(middle - low for middle, (low, _) in zip(middles, ends, strict=True)))
    above = math.hypot(*(high - middle for middle, (_, high) in zip(middles, ends, strict=True)))
    return Estimate(value, value - below, value + above)
