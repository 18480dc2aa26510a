"""Bootstraps over items, and over seeds and items; always by matrix products, never by loops over resamples.

A resample is a vector of counts: how often each item was drawn. The mean of a resample is then a dot product, and one
set of counts can serve all the conditions that share the items.
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
        mean: over all values that are there.
        low, high: ends of the interval; NaN if there is no value.
        n_seeds, n_items: rows and columns with at least one value.
        method: what was resampled; with ``"items"`` (one seed) the interval knows nothing of the spread between seeds.
    """

    mean: float
    low: float
    high: float
    n_seeds: int
    n_items: int
    method: IntervalMethod


def item_counts(n_items: int, n_resamples: int, seed: int, *names: Name) -> NDArray[np.int64]:
    """How often each item is drawn in each resample: ``[n_resamples, n_items]``, every row sums to ``n_items``.

    Drawn from the stream ``("bootstrap", *names)``, so the same names give the same resamples everywhere.
    """
    return _counts(stream(seed, "bootstrap", *names), n_items, n_items, n_resamples)


def seed_counts(n_seeds: int, n_resamples: int, seed: int, *names: Name) -> NDArray[np.int64]:
    """How often each seed is drawn in each resample of ``n_seeds - 1`` seeds (of one seed: itself).

    One fewer than there are makes the variance of the replicates unbiased (Rao and Wu 1988).
    """
    return _counts(stream(seed, "bootstrap", *names), max(1, n_seeds - 1), n_seeds, n_resamples)


def hierarchical_bootstrap(
    values: ArrayLike, n_resamples: int = 2000, level: float = 0.95, seed: int = 0, names: tuple[Name, ...] = ()
) -> BootstrapMean:
    """Mean of ``values`` ``[seeds, items]`` (NaN where missing), resampling seeds and items.

    The items are shared by the seeds (crossed, not nested), so each resample draws items once for all seeds. With one
    seed the interval is that of the percentiles. With several it is mean ± t x standard error, because percentiles over
    a handful of seeds are far too short: n_seeds - 1 seeds are drawn, which makes the standard error unbiased (Rao and
    Wu 1988), and t has n_seeds - 1 degrees of freedom, raised as far as the spread comes from the items (Satterthwaite;
    Hillis 2007 for the same design of readers by cases). Two seeds that happen to agree still give an interval that is
    somewhat too short.

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
    """The central ``level`` of the replicates, as order statistics, so that infinite replicates may be among them."""
    tail = (1 - level) / 2
    low, high = np.quantile(replicates, [tail, 1 - tail], method="closest_observation")
    return float(low), float(high)


def replicate_ends(
    value: float, replicates: FloatArray, by_seed: FloatArray, level: float = 0.95
) -> tuple[float, float]:
    """The interval of any statistic whose replicates come from resampled seeds and items.

    Args:
        value: the statistic. replicates: one a resample, of n_seeds - 1 seeds (of the one there is) and all items.
        by_seed: the statistic of each seed. With one the ends are percentiles, else those described at
            :func:`hierarchical_bootstrap`.
    """
    if len(by_seed) < 2:
        return percentile_ends(replicates, level)
    spread = replicate_spread(replicates, [by_seed])
    half = spread.quantile(level) * spread.error
    return value - half, value + half


class Spread(NamedTuple):
    """A standard error with the degrees of freedom of its t (infinite where seeds do not differ)."""

    error: float
    freedom: float

    def quantile(self, level: float) -> float:
        """How many errors hold the central ``level``."""
        from scipy.special import stdtrit

        return normal_quantile(level) if math.isinf(self.freedom) else float(stdtrit(self.freedom, 0.5 + level / 2))


def replicate_spread(replicates: FloatArray, by_seed: Sequence[FloatArray]) -> Spread:
    """The standard error of a statistic that adds up one number from each of some sets of seeds, of two at least.

    Its degrees of freedom are those of the part that comes from the seeds (Welch, over the sets), raised as far as the
    spread comes from the items; see :func:`hierarchical_bootstrap`.
    """
    variance = float(np.var(replicates))
    parts = [(float(np.var(values, ddof=1)) / len(values), len(values) - 1) for values in by_seed if len(values) > 1]
    of_seeds = sum(part for part, _ in parts)
    freedom = math.inf
    if of_seeds > 0:
        of_welch = of_seeds**2 / sum(part**2 / free for part, free in parts)
        freedom = of_welch * max(1.0, (variance / of_seeds) ** 2)
    return Spread(math.sqrt(max(variance, of_seeds)), freedom)


def resampled_means(grid: FloatArray, seeds: FloatArray, items: FloatArray) -> FloatArray:
    """Mean of ``grid`` ``[seeds, items]`` (NaN where missing) in each resample; NaN where it has no value.

    Args:
        seeds, items: how often each is drawn in each resample, ``[n_resamples, seeds]`` and ``[n_resamples, items]``.
    """
    known = ~np.isnan(grid)
    total = np.einsum("ri,ri->r", seeds @ np.where(known, grid, 0.0), items)
    size = np.einsum("ri,ri->r", seeds @ known.astype(np.float64), items)
    means: FloatArray = np.divide(total, size, out=np.full_like(total, np.nan), where=size > 0)
    return means


def _counts(generator: np.random.Generator, drawn: int, n: int, n_resamples: int) -> NDArray[np.int64]:
    return generator.multinomial(drawn, np.full(n, 1 / n), size=n_resamples).astype(np.int64)
