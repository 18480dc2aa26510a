"""The difference of two estimates that share no items, and weighted sums of more."""

import math
from collections.abc import Sequence

from offdiag.stats.intervals import Estimate


def independent_difference(first: Estimate, second: Estimate) -> Estimate:
    """First minus second with its interval, from the two estimates and theirs; NaN wherever one of them is.

    Each end is the difference's distance to the ends that lie in its direction, added as squares: with Wilson's
    intervals of two proportions this is method 10 of Newcombe (1998, Statistics in Medicine 17:873), which
    stays inside [-1, 1]; with other intervals it is MOVER (Zou and Donner 2008, Statistics in Medicine 27:1693).
    The level is that of the two intervals. Where the two did answer the same items, it is too long rather than too
    short; :func:`offdiag.stats.paired_difference` is for that.

    >>> independent_difference(Estimate(0.9, 0.5958, 0.9821), Estimate(0.3, 0.1078, 0.6032)).value
    0.6000000000000001
    """
    return independent_sum([first, second], [1, -1])


def independent_sum(parts: Sequence[Estimate], weights: Sequence[float]) -> Estimate:
    """The weighted sum of estimates that share no items, with its interval as in :func:`independent_difference`."""
    value = sum(weight * part.value for part, weight in zip(parts, weights, strict=True))
    ends = [sorted((w * part.low, w * part.high)) for part, w in zip(parts, weights, strict=True)]
    middles = [w * part.value for part, w in zip(parts, weights, strict=True)]
    below = math.hypot(*(middle - low for middle, (low, _) in zip(middles, ends, strict=True)))
    above = math.hypot(*(high - middle for middle, (_, high) in zip(middles, ends, strict=True)))
    return Estimate(value, value - below, value + above)
