"""Simultaneous bands: intervals of a whole curve that hold together, not one point at a time."""

import math

import numpy as np
from numpy.typing import ArrayLike

from offdiag.seeds import stream
from offdiag.stats.components import components, linear_scores
from offdiag.stats.intervals import Estimate, FloatArray
from offdiag.stats.replicated import accuracy

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
