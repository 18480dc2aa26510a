"""Bootstraps over items, and over seeds and items, by matrix products instead of loops over resamples.

A resample is a vector of counts: how often each item is drawn. The mean of a resample is then a dot product, and all
conditions that share the items can use one set of counts.
"""

import math
from collections.abc import Sequence
from typing import Literal, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from offdiag.seeds import Name, stream
from offdiag.stats.intervals import FloatArray, normal_quantile

IntervalMethod: TypeAlias = Literal["items", "seeds and items"]


class BootstrapMean(NamedTuple):
    """A mean over seeds and items with its interval.

    Attributes:
        mean: over all known values.
        low, high: ends of the interval; NaN if there is no value.
        n_seeds, n_items: rows and columns with at least one value.
        method: what was resampled; with ``"items"`` (one seed) the interval does not include the spread between seeds.
    """

    mean: float
    low: float
    high: float
    n_seeds: int
    n_items: int
    method: IntervalMethod


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


def hierarchical_bootstrap(
    values: ArrayLike, n_resamples: int = 2000, level: float = 0.95, seed: int = 0, names: tuple[Name, ...] = ()
) -> BootstrapMean:
    """Return the mean of ``values`` ``[seeds, items]`` (NaN where missing), resampling seeds and items.

    The seeds share the items (crossed, not nested), so each resample draws items once for all seeds. With one seed the
    interval is made of percentiles. With several it is mean ± t x standard error, because percentiles over a handful of
    seeds are far too short. Drawing n_seeds - 1 seeds makes the standard error unbiased (Rao and Wu 1988). t has
    n_seeds - 1 degrees of freedom, and more the larger the part of the variance that comes from the items
    (Satterthwaite; Hillis 2007 for the same design of readers by cases). Two seeds that happen to agree still give an
    interval that is somewhat too short.

    Raises:
        ValueError: ``values`` is not two-dimensional.
    """
    grid = np.asarray(values, np.float64)
    if grid.ndim != 2:
        raise ValueError(f"hierarchical_bootstrap: expected [seeds, items], got {grid.ndim} dimensions")
    known = ~np.isnan(grid)
    grid, known = grid[np.ix_(known.any(1), known.any(0))], known[np.ix_(known.any(1), known.any(0))]
    n_seeds, n_items = grid.shape
    method: IntervalMethod = "items" if n_seeds < 2 else "seeds and items"
    if not grid.size:
        return BootstrapMean(math.nan, math.nan, math.nan, n_seeds, n_items, method)
    mean = float(grid[known].mean())
    generator = stream(seed, "bootstrap", "hierarchical", *names)
    seeds = _counts(generator, max(1, n_seeds - 1), n_seeds, n_resamples).astype(np.float64)
    items = _counts(generator, n_items, n_items, n_resamples).astype(np.float64)
    means = resampled_means(grid, seeds, items)
    means = means[~np.isnan(means)]
    low, high = replicate_ends(mean, means, np.nanmean(grid, axis=1), level)
    return BootstrapMean(mean, low, high, n_seeds, n_items, method)


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
        by_seed: the statistic of each seed. For one seed the ends are percentiles, else those described at
            :func:`hierarchical_bootstrap`.
    """
    if len(by_seed) < 2:
        return percentile_ends(replicates, level)
    spread = replicate_spread(replicates, [by_seed])
    half = spread.quantile(level) * spread.error
    return value - half, value + half


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
    items; see :func:`hierarchical_bootstrap`.
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


def resampled_means(grid: FloatArray, seeds: FloatArray, items: FloatArray) -> FloatArray:
    """Return the mean of ``grid`` ``[seeds, items]`` (NaN where missing) per resample; NaN where it has no value.

    Args:
        seeds, items: how often each is drawn per resample, ``[n_resamples, seeds]`` and ``[n_resamples, items]``.
    """
    # A resample weights the answer of seed s to item i by seeds[s] x items[i]: two matrix products, no loop. Missing
    # answers add nothing to the sum and nothing to the number of answers.
    known = ~np.isnan(grid)
    total = np.einsum("ri,ri->r", seeds @ np.where(known, grid, 0.0), items)
    size = np.einsum("ri,ri->r", seeds @ known.astype(np.float64), items)
    means: FloatArray = np.divide(total, size, out=np.full_like(total, np.nan), where=size > 0)
    return means


def _counts(generator: np.random.Generator, drawn: int, n: int, n_resamples: int) -> NDArray[np.int64]:
    return generator.multinomial(drawn, np.full(n, 1 / n), size=n_resamples).astype(np.int64)
