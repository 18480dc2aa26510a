"""Paired differences of two learners on the same items: intervals, tests, Holm's correction, equivalence, and power."""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from offdiag.stats.intervals import Estimate, FloatArray, normal_quantile

CLEAR = 0.05  # adjusted p value below which a difference or correlation is drawn bold, in every table and figure


class PairedDifference(NamedTuple):
    """The difference of two learners, first minus second, on shared items.

    Attributes:
        n: number of shared items.
        difference: accuracy of the first minus accuracy of the second, from -1 to 1.
        low, high: Tango's score interval of the difference, which leaves out 0 only where the test does.
        p_value: two-sided mid-p McNemar test.
        only_first, only_second: items that only one of the two has right.
    """

    n: int
    difference: float
    low: float
    high: float
    p_value: float
    only_first: int
    only_second: int


def paired_difference(first: ArrayLike, second: ArrayLike, level: float = 0.95) -> PairedDifference:
    """Compare two aligned vectors of verdicts (booleans or 0/1); empty ones give NaN and counts of 0.

    The interval inverts the score test (Tango 1998, Statistics in Medicine 17:891), and reaches 0 where the mid-p test
    does not reject it (:func:`agreeing`); it stays inside [-1, 1] and has a sensible length when no item, or every
    item, differs (with no disagreement its ends are those of Wilson for 0 out of n). Fagerland, Lydersen and Laake
    (2014) recommend it among others.

    Raises:
        ValueError: the vectors differ in length, are not one-dimensional, or hold something besides 0 and 1.
    """
    a, b = _verdicts(first, "first"), _verdicts(second, "second")
    if a.shape != b.shape:
        raise ValueError(f"paired_difference: {a.size} and {b.size} verdicts; expected aligned vectors")
    return paired_from_counts(int(np.sum(a & ~b)), int(np.sum(b & ~a)), a.size, level)


def constant_difference(difference: float, n: int, level: float = 0.95) -> PairedDifference:
    """Return the paired difference of ``n`` items that all differ by ``difference``, from -1 to 1.

    A bootstrap of such items would claim certainty, since its resamples all agree; the score interval does not.
    """
    return paired_from_counts(round(n * max(difference, 0)), round(n * max(-difference, 0)), n, level)


def paired_from_counts(only_first: int, only_second: int, n: int, level: float = 0.95) -> PairedDifference:
    """Return the paired difference from the two counts of disagreement among ``n`` items.

    Raises:
        ValueError: a count is negative, or the two exceed ``n``.
    """
    if min(only_first, only_second) < 0 or only_first + only_second > n:
        raise ValueError(f"paired_from_counts: {only_first} + {only_second} disagreements among {n} items")
    if n == 0:
        return PairedDifference(0, math.nan, math.nan, math.nan, math.nan, 0, 0)
    p_value = mcnemar(only_first, only_second)
    low, high = agreeing(*tango(only_first, only_second, n, normal_quantile(level)), p_value, level)
    return PairedDifference(
        n=n,
        difference=(only_first - only_second) / n,
        low=low,
        high=high,
        p_value=p_value,
        only_first=only_first,
        only_second=only_second,
    )


def tango(only_first: float, only_second: float, n: float, quantile: float) -> tuple[float, float]:
    """Return the ends of Tango's interval at ``quantile`` standard errors; the counts need not be whole."""
    return -_tango_upper(only_second, only_first, n, quantile), _tango_upper(only_first, only_second, n, quantile)


def agreeing(low: float, high: float, p_value: float, level: float) -> tuple[float, float]:
    """Return the ends of an interval that holds 0 where the test does not reject it.

    Tango's interval inverts the score test, which rejects a little sooner than the mid-p test: of four items on which
    two learners differ, all for the first, it leaves out 0 while p is .0625. It is never the other way round.
    """
    return (low, high) if p_value < 1 - level else (min(low, 0.0), max(high, 0.0))


def mcnemar(only_first: int, only_second: int, *, exact: bool = False) -> float:
    """Return the two-sided mid-p McNemar p value: a fair coin per item on which the two disagree; 1 without any.

    The mid-p value counts what was observed as half (Fagerland, Lydersen and Laake 2013, BMC Medical Research
    Methodology 13:91). It rejects about as often as it says, where the ``exact`` test, which counts the whole of it,
    rejects far too rarely.
    """
    from scipy.special import bdtr

    n = only_first + only_second
    if not n:
        return 1.0
    fewer = min(only_first, only_second)
    tail = float(bdtr(fewer, n, 0.5))
    if not exact:
        tail -= (tail - (float(bdtr(fewer - 1, n, 0.5)) if fewer else 0.0)) / 2
    return min(1.0, 2 * tail)


def holm(p_values: ArrayLike) -> FloatArray:
    """Return Holm's step-down adjusted p values (Holm 1979), in the order given.

    They control the family-wise error rate. NaN stands for a test that was not made: it stays NaN and does not count
    towards the family.
    """
    p = np.asarray(p_values, np.float64)
    adjusted = np.full(p.shape, np.nan)
    made = np.flatnonzero(~np.isnan(p))
    order = made[np.argsort(p[made], kind="stable")]
    factors = np.arange(order.size, 0, -1)
    adjusted[order] = np.minimum(1.0, np.maximum.accumulate(p[order] * factors)) if order.size else np.nan
    return adjusted


def minimum_detectable_difference(n: int, disagreement: float, power: float = 0.8, level: float = 0.95) -> float:
    """Return the smallest true paired difference that McNemar's test finds with the given power (Connor 1987).

    Solves ``sqrt(n) d = z_level sqrt(p) + z_power sqrt(p - d^2)`` for d, with p the share of items on which the two
    learners disagree.

    Args:
        n: number of shared items.
        disagreement: expected share of items that exactly one of the two has right, from 0 to 1.
        power: chance of rejecting equality, above 0.5.
        level: 1 minus the two-sided significance level.

    Returns:
        The difference as a proportion; NaN where none would do, since a difference cannot exceed the disagreement.

    Raises:
        ValueError: an argument is outside its range.
    """
    if n < 1 or not 0 <= disagreement <= 1 or not 0.5 < power < 1:
        raise ValueError(f"minimum_detectable_difference: n = {n}, disagreement = {disagreement}, power = {power}")
    z, z_power = normal_quantile(level), normal_quantile(2 * power - 1)
    inner = n + z_power**2 - z**2
    if inner < 0:
        return math.nan
    root = (z * math.sqrt(n) + z_power * math.sqrt(inner)) / (n + z_power**2)
    difference = math.sqrt(disagreement) * root
    return difference if 0 < difference <= disagreement else math.nan


def _verdicts(values: ArrayLike, name: str) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    array = np.asarray(values)
    if array.ndim != 1 or (array.dtype.kind not in "biuf" and array.size) or not np.isin(array, (0, 1)).all():
        raise ValueError(f"paired_difference: {name} must be a vector of booleans or of 0 and 1, not {array.dtype}")
    return array.astype(np.bool_)


def _tango_upper(b: float, c: float, n: float, z: float) -> float:
    """Return the largest delta that the score test accepts for (b - c) / n; the lower end is its mirror image."""
    from scipy.optimize import brentq

    def excess(delta: float) -> float:
        linear = -b - c + (2 * n - b + c) * delta
        q = (math.sqrt(max(0.0, linear**2 + 8 * n * c * delta * (1 - delta))) - linear) / (4 * n)
        return b - c - n * delta + z * math.sqrt(max(0.0, n * (2 * q + delta * (1 - delta))))

    start = (b - c) / n + 1e-12  # the estimate itself is a second root where nothing disagrees
    return float(brentq(excess, start, 1.0, xtol=1e-12)) if start < 1 else 1.0


def smallest_margin(at_90: Estimate) -> float:
    """Return the smallest margin within which a difference is shown to lie, at 5 %; NaN where there is no interval.

    Two one-sided tests (Schuirmann 1987, Journal of Pharmacokinetics and Biopharmaceutics 15:657) show at 5 % that a
    difference lies within ± a margin where its 90 % interval does. So one number answers for every margin: the learners
    are equivalent for each that is larger.

    Args:
        at_90: the difference with its interval at level 0.90.
    """
    if math.isnan(at_90.low) or math.isnan(at_90.high):
        return math.nan
    return max(abs(at_90.low), abs(at_90.high))


def equivalent(at_90: Estimate, margin: float) -> bool:
    """Return whether the difference is shown to lie within ± ``margin`` at 5 %.

    Raises:
        ValueError: ``margin`` is not above 0.
    """
    if not margin > 0:
        raise ValueError(f"margin = {margin}: expected a number above 0, for example 0.05 for five points")
    return smallest_margin(at_90) < margin
