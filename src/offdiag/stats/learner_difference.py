"""The difference of two learners on the same items, each trained with several seeds."""

import math
from collections.abc import Hashable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from offdiag.stats.components import (
    NEEDED,
    Components,
    MeanVariance,
    Part,
    SeedVariance,
    components,
    linear_scores,
    pooled_seed_variance,
    residual_share,
)
from offdiag.stats.intervals import UNKNOWN, Estimate, FloatArray
from offdiag.stats.paired import agreeing, constant_difference, mcnemar, tango
from offdiag.stats.replicated import is_graded, mean_of_replicates

# How often intervals of two draws against one hold, in docs/statistics.md, for whoever shows one: 91 to 100 % in the
# simulated settings, and 87 % where the two draws are right on .98 of 24 items and the other is on .7 of them.
LENT_COVERS = "87 to 100 %"
LENT = f"two draws against one, with the spread of draws from those two alone: covers {LENT_COVERS}, not just 95 %"
NEEDED_TO_LEND = 9  # as NEEDED, for a variance between seeds that one learner has from the other


class LearnerDifference(NamedTuple):
    """The difference of two learners, first minus second, on shared items.

    Attributes:
        first, second: mean accuracies. difference: of the two, from -1 to 1, with its interval and p value; its ``n``
            counts the items that both were asked.
    """

    first: float
    second: float
    difference: Estimate


def learner_difference(
    first: ArrayLike,
    second: ArrayLike,
    *,
    untrained: tuple[bool, bool] = (False, False),
    clusters: Sequence[Hashable] | None = None,
    pooled: SeedVariance | None = None,
    level: float = 0.95,
) -> LearnerDifference:
    """Compare two learners for new seeds and new items; items are paired, seeds are not.

    The variance of the difference is that of its items plus that of the seeds of each learner, as in
    :mod:`offdiag.stats.components`. The interval is Tango's for the effective number of independent items, with t where
    the variance is known from few seeds or clusters; it inverts the test. Two learners of one seed each are compared
    item by item (mid-p McNemar), which says nothing of other seeds; by scores that are not all 0 or 1, with t for the
    spread of the items' differences.

    Args:
        first, second: verdicts or scores (0 to 1), ``[seeds, items]``, NaN where an item was not asked.
        untrained: which of the two has no seed: one row, exactly known but for its items.
        clusters: one label per item; items of one label are not independent.
        pooled: the variance between seeds that arms of this kind have in common; by default that of the two learners,
            so that a learner of one seed has it from the other.

    Raises:
        ValueError: shapes that do not fit.
    """
    grids = [np.asarray(values, np.float64) for values in (first, second)]
    if any(grid.ndim != 2 or grid.shape[1] != grids[0].shape[-1] for grid in grids):
        shapes = " and ".join(str(grid.shape) for grid in grids)
        raise ValueError(f"learner_difference: shapes {shapes}; expected [seeds, items] twice, of the same items")
    shared = np.all([(~np.isnan(grid)).any(axis=0) for grid in grids], axis=0)
    grids = [grid[:, shared] for grid in grids]
    grids = [grid[~np.isnan(grid).all(axis=1)] for grid in grids]
    if not shared.any():
        return LearnerDifference(math.nan, math.nan, UNKNOWN)
    labels = None if clusters is None else [label for label, kept in zip(clusters, shared, strict=True) if kept]
    one, other = (float(np.nanmean(grid)) for grid in grids)
    spread = difference_variance(grids[0], grids[1], untrained=untrained, clusters=labels, pooled=pooled)
    of_items = [np.nanmean(grid, axis=0) for grid in grids]
    most = max(len(grid) for grid in grids)
    units = len(of_items[0]) if labels is None else len(set(labels))
    graded = any(map(is_graded, grids))
    found = _paired(of_items[0], of_items[1], one - other, spread, math.inf if graded else most, level, units)
    return LearnerDifference(one, other, found)


def is_lent(
    first: ArrayLike, second: ArrayLike, untrained: tuple[bool, bool], pooled: SeedVariance | None = None
) -> bool:
    """Return whether a learner of one seed has the variance between seeds from two seeds of the other: see ``LENT``."""
    seeds = sorted(int((~np.isnan(np.asarray(grid, np.float64))).any(axis=1).sum()) for grid in (first, second))
    return seeds == [1, 2] and pooled is None and not any(untrained)


def difference_variance(
    first: FloatArray,
    second: FloatArray,
    *,
    untrained: tuple[bool, bool] = (False, False),
    clusters: Sequence[Hashable] | None = None,
    pooled: SeedVariance | None = None,
) -> MeanVariance:
    """Return the variance of the difference of two learners; each item was answered by some seed of both.

    Args:
        first, second, untrained, clusters, pooled: as for :func:`learner_difference`.
    """
    parts = [components(grid, clusters) for grid in (first, second)]
    lent = pooled is None
    if pooled is None:
        pooled = pooled_seed_variance([part for part, fixed in zip(parts, untrained, strict=True) if not fixed])
    apart = linear_scores(first, clusters).mean(axis=0) - linear_scores(second, clusters).mean(axis=0)
    graded = is_graded(first) or is_graded(second)
    return _spread(parts, untrained, pooled, apart, -1 if graded else first.shape[1], lent=lent)


def difference_of_replicates(
    values: ArrayLike, *, clusters: Sequence[Hashable] | None = None, level: float = 0.95
) -> Estimate:
    """Return the mean of differences ``[replicates, items]`` from -1 to 1, each already paired, with the test of 0.

    Where all differ by the same amount, the interval is Tango's for the items (or clusters) of one replicate.
    """
    found = mean_of_replicates(values, clusters=clusters, low=-1, high=1, level=level)
    if not found.n or not math.isnan(found.low):
        return found
    units = components(values, clusters).n_items
    alike = constant_difference(found.value, units, level)
    return Estimate(found.value, alike.low, alike.high, found.n, alike.p_value)


def _spread(
    parts: Sequence[Components],
    untrained: tuple[bool, bool],
    pooled: SeedVariance | None,
    apart: FloatArray,
    n: int,
    *,
    lent: bool,
) -> MeanVariance:
    """Return the variance of the difference: of the items (``apart``, per item or cluster), and of the seeds.

    ``n`` counts the items where their number is all that the variance is known from (-1 for scores). ``lent`` says that
    a learner of one seed has the variance between seeds from the other one. Seeds may differ alike in accuracy or in
    log-odds, and nobody knows which: the variance is in proportion to p (1 - p) or to its square, the larger of both.
    """
    n_items = len(apart)
    items = float(np.var(apart, ddof=1)) / n_items if n_items > 1 else 0.0
    items_freedom = math.inf if n_items == n else max(1, n_items - 1)
    if pooled is None:
        return MeanVariance((Part(items, items_freedom),))
    seeds = independent = 0.0
    for part, lender, fixed in zip(parts, reversed(parts), untrained, strict=True):
        if fixed:
            continue
        size = part.n_seeds * n_items
        borrows = lent and part.n_seeds == 1
        scale = max(1.0, part.bernoulli / lender.bernoulli) if borrows else 1.0
        share = residual_share(pooled.freedom, NEEDED_TO_LEND if borrows else NEEDED)
        residual = pooled.residual * part.bernoulli
        seeds += scale * max(0.0, (n_items * pooled.share * part.bernoulli + (1 - share) * residual) / size)
        own = residual if math.isnan(part.of_residual) else part.of_residual
        items -= (1 - share) * own / size
        independent += own / size
    # The sum is no less than if all answers were independent, however much the seeds agree by chance.
    of_items = max(0.0, independent - seeds, items)
    return MeanVariance((Part(of_items, items_freedom), Part(seeds, pooled.freedom)))


def _paired(
    first: FloatArray,
    second: FloatArray,
    difference: float,
    spread: MeanVariance,
    most: float,
    level: float,
    units: int,
) -> Estimate:
    """Return the difference of two means per item, with Tango's interval for the effective number of items.

    That number is one at least, and at most ``most`` (the larger number of seeds, infinite for scores that are not all
    0 or 1) times that of the items. Where the
    answers tell no variance, each of the ``units`` (items, or clusters of them) counts once.
    """
    n = len(first)
    only_first, only_second = _disagreements(first, second, difference)
    whole = bool(np.isin(first, (0, 1)).all() and np.isin(second, (0, 1)).all())
    share = (only_first + only_second) / n - ((only_first - only_second) / n) ** 2  # variance of one item's difference
    size, told = float(units), share > 1e-12 and spread.variance > 1e-24 and n > 1
    if told:
        size = min(max(1.0, share * n / (n - 1) / spread.variance), float(n * most))
    quantile = spread.quantile(level)
    low, high = tango(only_first * size / n, only_second * size / n, size, quantile)
    by_item = whole and most == 1 and len(spread.parts) == 1 and units == n
    if by_item or (not told and units < n):
        p_value = mcnemar(round(only_first * units / n), round(only_second * units / n))
        low, high = agreeing(low, high, p_value, level)
    else:
        disagreement = only_first + only_second
        distance = abs(only_first - only_second) / math.sqrt(disagreement * n / size) if disagreement > 0 else 0.0
        p_value = spread.p_value(distance)
    return Estimate(difference, low, high, n, p_value)


def _disagreements(first: FloatArray, second: FloatArray, difference: float) -> tuple[float, float]:
    """Return how many items only the first has right, and only the second: their difference is that of the means.

    Where answers are missing, the mean of all answers is not that of the items' means; what lies between is moved from
    one count to the other, so that the interval stands around the difference that is shown.
    """
    only_first, only_second = float(first @ (1 - second)), float(second @ (1 - first))
    lacking = len(first) * difference - (only_first - only_second)
    if abs(lacking) < 1e-9:  # nothing but rounding
        return only_first, only_second
    only_first, only_second = only_first + lacking / 2, only_second - lacking / 2
    below = min(only_first, only_second, 0.0)
    return only_first - below, only_second - below
