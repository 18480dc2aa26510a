"""Weighted sums of mean accuracies on several sets of items, by the same learner of several seeds."""

import math
from collections.abc import Hashable, Sequence

import numpy as np
from numpy.typing import ArrayLike

from offdiag.stats.components import MeanVariance, Part, components, residual_share
from offdiag.stats.intervals import Estimate
from offdiag.stats.replicated import accuracy_ends


def contrast(
    grids: Sequence[ArrayLike],
    weights: Sequence[float],
    *,
    clusters: Sequence[Sequence[Hashable] | None] | None = None,
    level: float = 0.95,
) -> Estimate:
    """Return the weighted sum of the means of ``grids`` with its interval; weights 1 and -1 make a difference.

    The seeds are those of all sets, so that what they share leaves a difference; each set has items of its own. The
    distance of an end is the root of the sum of squares of the distances that the items of each set give (Wilson's, of
    the effective number of answers: MOVER, Zou and Donner 2008, Statistics in Medicine 27:1693) and of t standard
    errors of the seeds (:mod:`offdiag.stats.components`).

    Args:
        grids: verdicts (0 to 1), ``[seeds, items]`` each, of the same seeds and of different items; NaN where an
            item was not asked.
        weights: one per grid. clusters: labels of the items of each grid, if any repeat.

    Raises:
        ValueError: the seeds or the weights do not fit, or a grid has no value.
    """
    sets = [np.asarray(grid, np.float64) for grid in grids]
    fits = len(sets) == len(weights) and all(grid.ndim == 2 and len(grid) == len(sets[0]) for grid in sets)
    if not sets or not fits or any(np.isnan(grid).all() for grid in sets):
        shapes = ", ".join(str(grid.shape) for grid in sets)
        raise ValueError(f"contrast: shapes {shapes} and {len(weights)} weights; expected [seeds, items] of one length")
    labels = clusters if clusters is not None else [None] * len(sets)
    parts = [components(grid, each) for grid, each in zip(sets, labels, strict=True)]
    # Seeds that answered items of every set tell how the weighted sum varies between seeds.
    whole = np.all([(~np.isnan(grid)).any(axis=1) for grid in sets], axis=0)
    freedom = max(0, int(whole.sum()) - 1)
    share = residual_share(freedom)
    value, residual, below, above = 0.0, 0.0, 0.0, 0.0
    for grid, part, weight in zip(sets, parts, weights, strict=True):
        size, left = part.n_seeds * part.n_items, 0.0 if math.isnan(part.of_residual) else part.of_residual
        of_items = 0.0 if part.n_items < 2 else max(0.0, part.of_items - (1 - share) * left) / size
        n = int((~np.isnan(grid)).any(axis=0).sum())
        items_freedom = math.inf if n == part.n_items else max(1, part.n_items - 1)
        variance = MeanVariance((Part(of_items, items_freedom),))
        n_answers = int((~np.isnan(grid)).sum())
        ends = accuracy_ends(part.mean, n, n_answers, variance, level, units=part.n_items)
        away = sorted(weight * (end - part.mean) for end in ends)
        value, residual = value + weight * part.mean, residual + weight**2 * left / size
        below, above = below + away[0] ** 2, above + away[1] ** 2
    if freedom:
        by_seed = sum(weight * np.nanmean(grid[whole], axis=1) for grid, weight in zip(sets, weights, strict=True))
        seeds = MeanVariance(
            (Part(max(0.0, float(np.var(by_seed, ddof=1)) / (freedom + 1) - share * residual), freedom),)
        )
        longer = seeds.quantile(level) ** 2 * seeds.variance
        below, above = below + longer, above + longer
    lowest, highest = sum(min(0.0, weight) for weight in weights), sum(max(0.0, weight) for weight in weights)
    return Estimate(value, max(lowest, value - math.sqrt(below)), min(highest, value + math.sqrt(above)))
