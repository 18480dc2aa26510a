"""Bootstraps over items, and over seeds and items, by matrix products instead of loops over resamples.

A resample is a vector of counts: how often each item is drawn. The mean of a resample is then a dot product, and all
conditions that share the items can use one set of counts.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from offdiag.seeds import Name, stream
from offdiag.stats.components import MeanVariance, Part, components, linear_scores, residual_share
from offdiag.stats.intervals import UNKNOWN, Estimate, FloatArray, normal_quantile
from offdiag.stats.replicated import accuracy

MOST_RESAMPLES = 100_000  # a count of each item in each resample is held in memory


def item_counts(n_items: int, n_resamples: int, seed: int, *names: Name) -> NDArray[np.int64]:
    """Return how often each item is drawn per resample, ``[n_resamples, n_items]``; every row sums to ``n_items``.

    Drawn from the stream ``("bootstrap", *names)``, so the same names give the same resamples everywhere.
    """
    return _counts(stream(seed, "bootstrap", *names), n_items, n_items, n_resamples)


def seed_counts(n_seeds: int, n_resamples: int, seed: int, *names: Name) -> NDArray[np.int64]:
    """Return how often each seed is drawn per resample of ``n_seeds - 1`` seeds, ``[n_resamples, n_seeds]``.

    A single seed is always drawn. Drawing one seed fewer than there are makes the variance of the replicates unbiased
    (Rao and Wu 1988).
    """
    return _counts(stream(seed, "bootstrap", *names), max(1, n_seeds - 1), n_seeds, n_resamples)


def percentile_ends(replicates: FloatArray, level: float = 0.95) -> tuple[float, float]:
    """Return the ends of the central ``level`` of the replicates."""
    tail = (1 - level) / 2
    # Order statistics, not interpolation: replicates may be infinite (a ratio, an R2), and inf - inf would be NaN.
    low, high = np.quantile(replicates, [tail, 1 - tail], method="closest_observation")
    return float(low), float(high)


def replicate_ends(
    value: float, replicates: FloatArray, by_seed: FloatArray, level: float = 0.95
) -> tuple[float, float]:
    """Return the ends of the interval of a statistic whose replicates come from resampled seeds and items.

    Args:
        value: the statistic. replicates: one per resample, of n_seeds - 1 seeds (or the only one) and all items.
        by_seed: the statistic of each seed. For one seed the ends are percentiles. For several they are value ± t x
            standard error, because percentiles over a handful of seeds are far too short; t has n_seeds - 1 degrees of
            freedom, and more the larger the part of the variance that comes from the items (Satterthwaite; Hillis 2007
            for the same design of readers by cases).
    """
    if len(by_seed) < 2:
        return percentile_ends(replicates, level)
    spread = replicate_spread(replicates, [by_seed])
    half = spread.quantile(level) * spread.error
    return value - half, value + half


def seeds_and_items_ends(
    by_seed: ArrayLike, replicates: Sequence[FloatArray], level: float = 0.95
) -> tuple[float, float]:
    """Return the ends of the interval of :func:`seeds_and_items_mean`."""
    found = seeds_and_items_mean(by_seed, replicates, level)
    return found.low, found.high


def seeds_and_items_mean(by_seed: ArrayLike, replicates: Sequence[FloatArray], level: float = 0.95) -> Estimate:
    """Return a mean over seeds of any statistic of the items, with interval and test of 0 for new seeds and items.

    Args:
        by_seed: ``[seeds]``, the statistic of each seed. replicates: per seed, its value in each resample of the items
            ``[n_resamples]``, the same resamples for all seeds.

    The parts of the variance are those of :mod:`offdiag.stats.components`: resamples of the mean over seeds vary by
    item / n + residual / (S n), those of one seed by (item + residual) / n, and the seeds themselves by seed / S +
    residual / (S n). Their sum is no less than residual / (S n), however much the seeds agree by chance. Percentiles
    for one seed; ends are NaN for none, and where nothing varies.
    """
    values = np.asarray(by_seed, np.float64)
    if not len(values):
        return UNKNOWN
    mean = float(values.mean())
    grid = np.stack(list(replicates))
    grid = grid[:, ~np.isnan(grid).any(axis=0)]
    if not grid.size or (np.ptp(grid) < 1e-12 and np.ptp(values) < 1e-12):  # nothing but rounding
        return Estimate(mean)
    if len(values) < 2:
        return Estimate(mean, *percentile_ends(grid[0], level), p_value=_percentile_p(grid[0]))
    freedom = len(values) - 1
    of_mean, of_one = float(np.var(grid.mean(axis=0))), float(np.var(grid, axis=1).mean())
    residual, share = max(0.0, of_one - of_mean) / freedom, residual_share(freedom)
    seeds = max(0.0, float(np.var(values, ddof=1)) / len(values) - share * residual)
    items = max(0.0, residual - seeds, of_mean - (1 - share) * residual)
    variance = MeanVariance((Part(seeds, freedom), Part(items)))
    error = math.sqrt(variance.variance)
    half = variance.quantile(level) * error
    return Estimate(mean, mean - half, mean + half, p_value=variance.p_value(abs(mean) / error))


def _percentile_p(replicates: FloatArray) -> float:
    """Return the p value that inverts the percentiles; that of a normal where no replicate lies beyond 0."""
    from scipy.special import ndtr

    below, above = float(np.mean(replicates <= 0)), float(np.mean(replicates >= 0))
    if (fewer := min(below, above)) > 0:
        return min(1.0, 2 * fewer)
    finite = replicates[np.isfinite(replicates)]
    error = float(np.std(finite))
    by_normal = 2 * float(ndtr(-abs(float(np.mean(finite))) / error)) if error > 0 else 0.0
    return min(1 / len(replicates), max(by_normal, 1e-15))


class StandardError(NamedTuple):
    """A standard error with the degrees of freedom of its t (infinite where seeds do not differ)."""

    error: float
    freedom: float

    def quantile(self, level: float) -> float:
        """Return t such that ± t errors hold the central ``level``."""
        from scipy.special import stdtrit

        return normal_quantile(level) if math.isinf(self.freedom) else float(stdtrit(self.freedom, 0.5 + level / 2))


def replicate_spread(replicates: FloatArray, by_seed: Sequence[FloatArray]) -> StandardError:
    """Return the standard error of a sum of one statistic per set of seeds; some set has two seeds or more.

    Args:
        replicates: of the sum, one per resample. by_seed: per set, the statistic of each seed.

    The degrees of freedom are Welch's over the sets, and more the larger the part of the variance that comes from the
    items; see :func:`replicate_ends`.
    """
    variance = float(np.var(replicates))
    parts = [(float(np.var(values, ddof=1)) / len(values), len(values) - 1) for values in by_seed if len(values) > 1]
    of_seeds = sum(part for part, _ in parts)  # the part of the variance that the seeds make
    freedom = math.inf
    if of_seeds > 0:
        of_welch = of_seeds**2 / sum(part**2 / free for part, free in parts)
        # Satterthwaite: only the seeds' part has few degrees of freedom; the items' part counts as known exactly.
        freedom = of_welch * max(1.0, (variance / of_seeds) ** 2)
    return StandardError(math.sqrt(max(variance, of_seeds)), freedom)


def _counts(generator: np.random.Generator, drawn: int, n: int, n_resamples: int) -> NDArray[np.int64]:
    return generator.multinomial(drawn, np.full(n, 1 / n), size=n_resamples).astype(np.int64)


DRAWS = 20_000


def simultaneous_level(values: ArrayLike, level: float = 0.95) -> float:
    """Return the level of single intervals at which all K of a curve cover together in ``level`` of samples.

    The largest of K correlated normals is exceeded where its quantile says (sup-t; Montiel Olea and Plagborg-Møller
    2019, Journal of Applied Econometrics 34:1). The correlations are those of the accuracies, which share items and
    seeds; the draws are seeded. Between the single level (all points alike) and Bonferroni's (none related).

    Args:
        values: verdicts ``[seeds, items, K]``, NaN where missing.
    """
    grid = np.asarray(values, np.float64)
    correlations = _correlations(grid)
    drawn = stream(0, "sup-t", len(correlations)).standard_normal((DRAWS, len(correlations)))
    values_, vectors = np.linalg.eigh(correlations)
    largest = np.abs(drawn @ (vectors * np.sqrt(np.maximum(values_, 0))).T).max(axis=1, initial=0)
    quantile = float(np.quantile(largest, level)) if len(correlations) else 0.0
    bonferroni = 1 - (1 - level) / max(1, grid.shape[-1])
    return float(min(bonferroni, max(level, math.erf(quantile / math.sqrt(2)))))


def simultaneous_band(values: ArrayLike, level: float = 0.95) -> list[Estimate]:
    """Return the accuracy at each of K points with intervals that hold together in ``level`` of samples.

    Args:
        values: as for :func:`simultaneous_level`.
    """
    grid = np.asarray(values, np.float64)
    each = simultaneous_level(grid, level)
    return [accuracy(grid[:, :, i], level=each) for i in range(grid.shape[-1])]


def _correlations(grid: FloatArray) -> FloatArray:
    """Return the correlations of the accuracies of the points whose answers do not all agree, ``[k, k]``."""
    varies = [i for i in range(grid.shape[-1]) if 0 < components(grid[:, :, i]).mean < 1]
    if not varies:
        return np.eye(0)
    scores = np.stack([_padded(grid[:, :, i]) for i in varies], axis=-1)  # [seeds, items, k]
    by_item = scores.mean(axis=0) - scores.mean(axis=(0, 1))
    covariance = by_item.T @ by_item / max(1, len(by_item) - 1) / len(by_item)
    if len(scores) > 1:
        by_seed = scores.mean(axis=1) - scores.mean(axis=(0, 1))
        covariance = covariance + by_seed.T @ by_seed / (len(by_seed) - 1) / len(by_seed)
    error = np.sqrt(np.diag(covariance))
    return np.asarray(covariance / np.where(error > 0, error, 1) / np.where(error > 0, error, 1)[:, None])


def _padded(grid: FloatArray) -> FloatArray:
    """Return a complete table of the same shape with, to first order, the mean of ``grid`` and its variance."""
    found = np.full(grid.shape, np.nanmean(grid))
    known = ~np.isnan(grid)
    rows, columns = known.any(axis=1), known.any(axis=0)
    found[np.ix_(rows, columns)] = linear_scores(grid)
    return found
