"""The difference of two learners on the same items, each trained on several draws of data."""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from offdiag.seeds import Name
from offdiag.stats.bootstrap import item_counts, percentile_ends, replicate_spread, resampled_means, seed_counts
from offdiag.stats.intervals import FloatArray
from offdiag.stats.paired import constant_difference, paired_difference


class LearnerDifference(NamedTuple):
    """The difference of two learners, first minus second, on shared items.

    Attributes:
        first, second: mean accuracies. difference: of the two, from -1 to 1, with its interval ``low, high``.
        p_value: two-sided, of no difference. n_items: items that both were asked.
    """

    first: float
    second: float
    difference: float
    low: float
    high: float
    p_value: float
    n_items: int


def learner_difference(
    first: ArrayLike,
    second: ArrayLike,
    n_resamples: int = 2000,
    level: float = 0.95,
    seed: int = 0,
    names: tuple[Name, ...] = (),
) -> LearnerDifference:
    """Compare two learners by a joint bootstrap; a learner without training is one draw.

    Each resample draws the items once for both (they are paired) and the draws of each learner separately, one fewer
    than there are (Rao and Wu 1988). Interval and test are those of t with Welch's degrees of freedom of the draws, and
    more the larger the part of the variance that comes from the items. Two learners of one draw each are compared item
    by item (:func:`offdiag.stats.paired_difference`), which says nothing about other draws; so are learners that differ
    by the same amount on every item, whose resamples would all agree.

    Args:
        first, second: verdicts (0 or 1), ``[draws, items]``, NaN where an item was not asked.
        n_resamples: of the bootstrap. level: of the interval. seed, names: of the random stream.

    Raises:
        ValueError: shapes that do not fit.
    """
    grids = [np.asarray(values, np.float64) for values in (first, second)]
    if any(grid.ndim != 2 or grid.shape[1] != grids[0].shape[-1] for grid in grids):
        shapes = " and ".join(str(grid.shape) for grid in grids)
        raise ValueError(f"learner_difference: shapes {shapes}; expected [draws, items] twice, of the same items")
    shared = np.all([(~np.isnan(grid)).any(axis=0) for grid in grids], axis=0)
    grids = [grid[:, shared] for grid in grids]
    grids = [grid[~np.isnan(grid).all(axis=1)] for grid in grids]
    n_items = int(shared.sum())
    if not n_items:
        return LearnerDifference(math.nan, math.nan, math.nan, math.nan, math.nan, math.nan, 0)
    one, other = (float(np.nanmean(grid)) for grid in grids)
    if all(len(grid) == 1 and np.isin(grid, (0, 1)).all() for grid in grids):
        paired = paired_difference(grids[0][0], grids[1][0], level)
        return LearnerDifference(one, other, paired.difference, paired.low, paired.high, paired.p_value, n_items)
    replicates = _replicates(grids, n_resamples, seed, names)
    low, high, p_value = _tested(one - other, replicates, grids, level)
    return LearnerDifference(one, other, one - other, low, high, p_value, n_items)


def _replicates(grids: list[FloatArray], n_resamples: int, seed: int, names: tuple[Name, ...]) -> FloatArray:
    items = item_counts(grids[0].shape[1], n_resamples, seed, "learner difference", *names).astype(np.float64)
    means = []
    for side, grid in enumerate(grids):
        draws = seed_counts(len(grid), n_resamples, seed, "learner difference", "draws", side, *names)
        means.append(resampled_means(grid, draws.astype(np.float64), items))
    found: FloatArray = means[0] - means[1]
    return found[~np.isnan(found)]


def _tested(
    difference: float, replicates: FloatArray, grids: list[FloatArray], level: float
) -> tuple[float, float, float]:
    """Return the ends of the interval, and p."""
    from scipy.special import stdtr

    if all(len(grid) == 1 for grid in grids):  # parts of verdicts: percentiles, and the share that is as far off
        far = np.abs(replicates - difference) >= abs(difference) - 1e-12
        return *percentile_ends(replicates, level), float((1 + far.sum()) / (1 + len(far)))
    spread = replicate_spread(replicates, [np.nanmean(grid, axis=1) for grid in grids])
    if spread.error < 1e-12:  # nothing but rounding
        paired = constant_difference(difference, grids[0].shape[1], level)
        return paired.low, paired.high, paired.p_value
    half = spread.quantile(level) * spread.error
    p_value = 2 * float(stdtr(spread.freedom, -abs(difference) / spread.error))
    return max(-1.0, difference - half), min(1.0, difference + half), p_value
