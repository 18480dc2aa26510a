"""Power of a comparison of two learners: what a plan with so many items and seeds can resolve, and what a gap needs."""

import math
from collections.abc import Callable, Hashable, Sequence
from typing import NamedTuple

import numpy as np

from offdiag.stats.components import MeanVariance, Part, SeedVariance, components
from offdiag.stats.intervals import FloatArray

MOST = 10_000_000  # items, and seeds, beyond which a number is no plan
_SHARES = (np.arange(200) + 0.5) / 200  # of the distribution of the seeds' estimated variance


class GapVariance(NamedTuple):
    """What makes the difference of two accuracies vary, as variances of fractions.

    Attributes:
        items: of one item's difference, chance included: with one seed each, disagreement - gap².
        seeds: between the accuracies of the seeds of one learner, on endless items.
        learners: how many of the two have seeds: 2, or 1 where the other is not trained.
        residual: the part of ``items`` that is chance or seeds on single items, so that more seeds make it smaller.
        arms: learners whose seeds tell the variance between seeds, if more than these two.
    """

    items: float
    seeds: float = 0.0
    learners: int = 2
    residual: float = 0.0
    arms: int = 0

    def of_mean(self, gap: float, n_items: float, n_seeds: float) -> MeanVariance:
        """Return the variance of the difference of the means of ``n_seeds`` seeds on ``n_items`` shared items.

        Learners that differ by ``gap`` disagree on that share of the items at least, so that the variance of one item's
        difference is ``|gap| - gap²`` at least: answers that all agree do not make every gap detectable.
        """
        alone = max(0.0, self.items - self.residual, abs(gap) - gap**2 - self.residual)
        items = alone / n_items + self.residual / (n_items * n_seeds)
        freedom = max(self.learners, self.arms) * (n_seeds - 1)
        if not self.seeds:
            return MeanVariance((Part(items),))
        return MeanVariance((Part(items), Part(self.learners * self.seeds / n_seeds, freedom or math.nan)))


def gap_variance(accuracy: float, gap: float, seed_sd: float = 0.0, disagreement: float | None = None) -> GapVariance:
    """Return what to expect of two learners around ``accuracy`` that differ by ``gap``.

    Args:
        accuracy: of the first, 0 to 1; the other is at ``accuracy + gap``. gap: a fraction, either sign.
        seed_sd: standard deviation of accuracies between seeds. disagreement: share of items that one of the two alone
            has right, the same items under every seed; by default that of answers that are drawn by chance.

    Raises:
        ValueError: a number is outside its range.
    """
    other = accuracy + gap
    if not (0 <= accuracy <= 1 and 0 <= other <= 1 and seed_sd >= 0):
        raise ValueError(
            f"accuracies {accuracy:g} and {other:.4g}, sd {seed_sd:g}: expected fractions from 0 to 1 (a gap may be "
            "negative)"
        )
    by_chance = accuracy * (1 - other) + other * (1 - accuracy)
    drawn = by_chance - gap**2 if disagreement is None else 0.0
    disagreement = by_chance if disagreement is None else disagreement
    if not abs(gap) <= disagreement <= 1:
        raise ValueError(f"disagreement {disagreement}: expected at least the gap ({abs(gap)}), and at most 1")
    return GapVariance(disagreement - gap**2, seed_sd**2, residual=drawn)


def measured_gap_variance(
    first: FloatArray,
    second: FloatArray,
    *,
    untrained: tuple[bool, bool] = (False, False),
    clusters: Sequence[Hashable] | None = None,
    pooled: SeedVariance | None = None,
) -> tuple[GapVariance, int, int]:
    """Return the variance of the difference of two learners that were measured, the items of both, and their seeds.

    Where the two have different numbers of seeds, the smaller one counts, and the variance is that of theirs together.

    Args:
        first, second: verdicts ``[seeds, items]`` on items that both answered. untrained, clusters, pooled: as for
            :func:`offdiag.stats.learner_difference.learner_difference`.
    """
    grids = (first, second)
    trained = [len(grid) for grid, fixed in zip(grids, untrained, strict=True) if not fixed]
    n_seeds = min(trained, default=1)
    apart = components(np.nanmean(first, axis=0)[None] - np.nanmean(second, axis=0)[None], clusters)
    chance = between = 0.0
    for grid, fixed in zip(grids, untrained, strict=True):
        part = components(grid, clusters)
        chance += 0.0 if math.isnan(part.residual) else part.residual / len(grid)
        of_seeds = 0.0 if len(grid) < 2 else part.seeds
        of_seeds = of_seeds if pooled is None else max(0.0, pooled.share) * part.bernoulli
        between += 0.0 if fixed else of_seeds / len(grid)
    residual, learners = chance * n_seeds, max(1, len(trained))
    # The items' variance of single seeds: that of the means, with the chance that averaging took off put back.
    items = apart.of_items + residual * (1 - 1 / n_seeds)
    arms = learners if pooled is None else pooled.n_arms
    found = GapVariance(items, between * n_seeds / learners, learners=learners, residual=residual, arms=arms)
    return found, apart.n_items, n_seeds


def power_of(gap: float, variance: GapVariance, n_items: float, n_seeds: float, level: float = 0.95) -> float:
    """Return the chance that the test of :func:`offdiag.stats.learner_difference.learner_difference` finds ``gap``.

    The test knows the items' part of the variance well and the seeds' part from few degrees of freedom; the chance is a
    mean over the values that the estimate of the latter can take. NaN with one seed where seeds vary: nothing then
    tells by how much.

    Args:
        gap: the true difference. level: 1 minus the two-sided size of the test.
    """
    from scipy.special import chdtri, ndtr, stdtrit

    parts = variance.of_mean(gap, n_items, n_seeds).parts
    total = sum(part.variance for part in parts)
    if total <= 0:
        return float(gap != 0)
    known = float(stdtrit(1e9, 0.5 + level / 2)) ** 2 * parts[0].variance
    reach = np.array([math.sqrt(known)])
    if len(parts) > 1:
        freedom = parts[1].freedom
        if math.isnan(freedom):
            return math.nan
        found = parts[1].variance * chdtri(freedom, _SHARES) / freedom
        reach = np.sqrt(known + float(stdtrit(freedom, 0.5 + level / 2)) ** 2 * found)
    error = math.sqrt(total)
    return float(np.mean(ndtr((abs(gap) - reach) / error) + ndtr((-abs(gap) - reach) / error)))


def minimum_detectable_gap(
    variance: GapVariance, n_items: float, n_seeds: float, power: float = 0.8, level: float = 0.95
) -> float:
    """Return the smallest true difference that is found with chance ``power``; NaN if none up to 1 is."""
    from scipy.optimize import brentq

    def lacking(gap: float) -> float:
        return power_of(gap, variance, n_items, n_seeds, level) - power

    if not lacking(1.0) >= 0:
        return math.nan
    return float(brentq(lacking, 0.0, 1.0, xtol=1e-6)) if lacking(0.0) < 0 else 0.0


def items_needed(gap: float, variance: GapVariance, n_seeds: int, power: float = 0.8, level: float = 0.95) -> float:
    """Return the fewest items that find ``gap`` with chance ``power``; infinite if seeds are too few for any number."""
    return _fewest(lambda n: power_of(gap, variance, n, n_seeds, level), power, 2)


def seeds_needed(gap: float, variance: GapVariance, n_items: int, power: float = 0.8, level: float = 0.95) -> float:
    """Return the fewest seeds per learner that find ``gap``; infinite if items are too few for any number."""
    return _fewest(lambda n: power_of(gap, variance, n_items, n, level), power, 1 if not variance.seeds else 2)


def _fewest(chance: Callable[[int], float], power: float, least: int) -> float:
    if not chance(MOST) >= power:
        return math.inf
    low, high = least - 1, least
    while not chance(high) >= power:
        low, high = high, min(2 * high, MOST)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if chance(middle) >= power else (middle, high)
    return float(high)
