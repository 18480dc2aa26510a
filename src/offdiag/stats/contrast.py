"""Weighted sums of mean accuracies on several sets of items, by the same learners of several draws."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from offdiag.seeds import Name
from offdiag.stats.bootstrap import item_counts, replicate_ends, resampled_means, seed_counts
from offdiag.stats.intervals import Estimate, FloatArray, independent_sum, wilson


def contrast(
    grids: Sequence[ArrayLike],
    weights: Sequence[float],
    n_resamples: int = 2000,
    level: float = 0.95,
    seed: int = 0,
    names: tuple[Name, ...] = (),
) -> Estimate:
    """Return the weighted sum of the means of ``grids`` with its interval; weights 1 and -1 make a difference.

    Each resample draws the seeds once for all sets, and the items of each set separately; the interval is that of
    :func:`offdiag.stats.hierarchical_bootstrap`. Where all verdicts agree within each set, resamples could not differ;
    the interval is then made of Wilson's (:func:`offdiag.stats.intervals.independent_sum`).

    Args:
        grids: verdicts (0 or 1), ``[seeds, items]`` each, of the same seeds and of different items; NaN where an
            item was not asked.
        weights: one per grid.
        n_resamples: of the bootstrap. level: of the interval. seed, names: of the random stream.

    Raises:
        ValueError: the seeds or the weights do not fit, or a grid has no value.
    """
    sets = [np.asarray(grid, np.float64) for grid in grids]
    fits = len(sets) == len(weights) and all(grid.ndim == 2 and len(grid) == len(sets[0]) for grid in sets)
    if not sets or not fits or any(np.isnan(grid).all() for grid in sets):
        shapes = ", ".join(str(grid.shape) for grid in sets)
        raise ValueError(f"contrast: shapes {shapes} and {len(weights)} weights; expected [seeds, items] of one length")
    value, by_seed, replicates = 0.0, np.zeros(len(sets[0])), np.zeros(n_resamples)
    seeds = seed_counts(len(sets[0]), n_resamples, seed, "contrast", *names).astype(np.float64)
    for number, (grid, weight) in enumerate(zip(sets, weights, strict=True)):
        grid = grid[:, ~np.isnan(grid).all(axis=0)]
        items = item_counts(grid.shape[1], n_resamples, seed, "contrast", "items", number, *names).astype(np.float64)
        value += weight * float(np.nanmean(grid))
        by_seed += weight * np.nanmean(grid, axis=1)
        replicates += weight * resampled_means(grid, seeds, items)
    if all(np.ptp(grid[~np.isnan(grid)]) == 0 for grid in sets):
        return independent_sum([_alike(grid, level) for grid in sets], weights)
    return Estimate(value, *replicate_ends(value, replicates[~np.isnan(replicates)], by_seed, level))


def _alike(grid: FloatArray, level: float) -> Estimate:
    mean, n = float(np.nanmean(grid)), int((~np.isnan(grid)).any(axis=0).sum())
    ends = wilson(mean * n, n, level)
    return Estimate(mean, float(ends.low), float(ends.high))
