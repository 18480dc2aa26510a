"""The ratio of two gains over the same starting point, such as the supervision gap recovered, by Fieller's method."""

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from offdiag.stats.components import MeanVariance, components, pooled_seed_variance
from offdiag.stats.intervals import UNKNOWN, Estimate, FloatArray
from offdiag.stats.learner_difference import difference_variance, learner_difference


class GainRatio(NamedTuple):
    """Two gains and their ratio.

    Attributes:
        before, first, second: mean accuracies on the items that all three answered.
        gains: first minus before, and second minus before; their ``n`` counts these items.
        ratio: first gain / second gain. An infinite end means: not bounded by these data.
    """

    before: float
    first: float
    second: float
    gains: tuple[Estimate, Estimate]
    ratio: Estimate


def gain_ratio(before: ArrayLike, first: ArrayLike, second: ArrayLike, level: float = 0.95) -> GainRatio:
    """Return (first - before) / (second - before) of learners that answered the same items, with its interval.

    The interval has all ratios r that the test of first gain = r x second gain does not reject (Fieller 1954, Journal
    of the Royal Statistical Society B 16:175), for new seeds and new items, with t where the variance is known from few
    seeds. It is a whole line where the second gain may be 0: that is part of its coverage. A ratio that is looked at
    only where the second gain is significant is covered less often (87 % where it is barely so), so the interval stands
    in every row.

    Args:
        before: verdicts (0 to 1) of the untrained learner, ``[items]``; NaN where an item was not asked.
        first, second: verdicts ``[seeds, items]``, NaN likewise.

    Raises:
        ValueError: the shapes do not fit.
    """
    start = np.asarray(before, np.float64)
    grids = [np.asarray(values, np.float64) for values in (first, second)]
    if start.ndim != 1 or any(grid.ndim != 2 or grid.shape[1] != start.size for grid in grids):
        shapes = ", ".join(str(part.shape) for part in (start, *grids))
        raise ValueError(f"gain_ratio: shapes {shapes}; expected [items] and twice [seeds, items]")
    shared = ~np.isnan(start) & np.all([(~np.isnan(grid)).any(axis=0) for grid in grids], axis=0)
    start, grids = start[None, shared], [_asked(grid[:, shared]) for grid in grids]
    if not shared.any():
        return GainRatio(math.nan, math.nan, math.nan, (UNKNOWN, UNKNOWN), UNKNOWN)
    pooled = pooled_seed_variance([components(grid) for grid in grids])
    pairs = ((grids[0], start, True), (grids[1], start, True), (grids[0], grids[1], False))
    differences, reaches = [], []
    for ours, theirs, untrained in pairs:
        kinds: dict[str, Any] = {"untrained": (False, untrained), "pooled": pooled}
        found = learner_difference(ours, theirs, **kinds, level=level).difference
        differences.append(found)
        reaches.append(_squared_reach(difference_variance(ours, theirs, **kinds), found, level))
    one, other, _ = differences
    ratio = _fieller(one.value, other.value, *reaches)
    means = [float(np.nanmean(grid)) for grid in grids]
    return GainRatio(float(start.mean()), means[0], means[1], (one, other), ratio._replace(n=int(shared.sum())))


def _squared_reach(spread: MeanVariance, found: Estimate, level: float) -> float:
    """Return the square of the distance that the test allows: a sum over the parts of t² x variance.

    Where all answers agree, and tell no variance, it is that to the farther end of the difference's own interval.
    """
    if spread.variance < 1e-24:
        return max(found.value - found.low, found.high - found.value) ** 2
    return spread.quantile(level) ** 2 * spread.variance


def _fieller(first: float, second: float, of_first: float, of_second: float, of_both: float) -> Estimate:
    """Return first / second with its interval, from the squared reaches of both and of their difference.

    The accepted ratios r are those with (first - r second)² <= of_first - 2 r cross + r² of_second.
    """
    value = first / second if second else math.nan
    cross = (of_first + of_second - of_both) / 2
    square, middle = second**2 - of_second, first * second - cross
    root = middle**2 - square * (first**2 - of_first)
    if square <= 0 or root < 0:  # the second gain may be 0: the accepted ratios have no end
        return Estimate(value, -math.inf, math.inf)
    low, high = ((middle + sign * math.sqrt(root)) / square for sign in (-1, 1))
    return Estimate(value, min(low, value), max(high, value))


def _asked(grid: FloatArray) -> FloatArray:
    """Return the grid without seeds that answered none of the items."""
    kept: FloatArray = grid[~np.isnan(grid).all(axis=1)]
    return kept
