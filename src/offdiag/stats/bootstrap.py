"""Bootstraps over items, and over seeds and items; always by matrix products, never by loops over resamples.

A resample is a vector of counts: how often each item was drawn. The mean of a resample is then a dot product, and one
set of counts can serve all the conditions that share the items.
"""

import math
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
    means = _resampled_means(grid, known, n_resamples, stream(seed, "bootstrap", "hierarchical", *names))
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
    from scipy.special import stdtrit

    variance = float(np.var(replicates))
    of_seeds = float(np.var(by_seed, ddof=1)) / len(by_seed)
    quantile = normal_quantile(level)
    if of_seeds > 0:
        freedom = (len(by_seed) - 1) * max(1.0, (variance / of_seeds) ** 2)
        quantile = float(stdtrit(freedom, 0.5 + level / 2))
    half = quantile * math.sqrt(max(variance, of_seeds))
    return value - half, value + half


def _counts(generator: np.random.Generator, drawn: int, n: int, n_resamples: int) -> NDArray[np.int64]:
    return generator.multinomial(drawn, np.full(n, 1 / n), size=n_resamples).astype(np.int64)


def _resampled_means(
    grid: FloatArray, known: NDArray[np.bool_], n_resamples: int, generator: np.random.Generator
) -> FloatArray:
    """Mean of each resample of n_seeds - 1 seeds (at least one) and all items; empty resamples are left out."""
    n_seeds, n_items = grid.shape
    seeds = _counts(generator, max(1, n_seeds - 1), n_seeds, n_resamples).astype(np.float64)
    items = _counts(generator, n_items, n_items, n_resamples).astype(np.float64)
    total = np.einsum("ri,ri->r", seeds @ np.where(known, grid, 0.0), items)
    size = np.einsum("ri,ri->r", seeds @ known.astype(np.float64), items)
    means: FloatArray = total[size > 0] / size[size > 0]
    return means
