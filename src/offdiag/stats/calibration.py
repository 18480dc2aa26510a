"""Calibration of stated chances: Brier's score, and the expected calibration error in bins of equal counts."""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from offdiag.seeds import stream
from offdiag.stats.intervals import UNKNOWN, Estimate, FloatArray, with_length
from offdiag.stats.means import mean_interval

N_BINS = 10
FEWEST = 40  # items of a bin: shares of fewer scatter so much that the error is far too large


class Calibration(NamedTuple):
    """How far the chances of the chosen answers are from how often they are right.

    Attributes:
        brier: mean squared distance of chance and verdict, 0 to 1: 0 is perfect, .25 is always saying one half.
        ece: expected calibration error: mean distance, over bins, of mean chance and share right, in fractions.
        by_chance: the error that a calibrated model exceeds in 5 % of samples of these chances; below it an ``ece``
            shows nothing.
        confidence, accuracy: means over items. n_bins: bins that were made.
    """

    brier: Estimate
    ece: Estimate
    by_chance: float
    confidence: float
    accuracy: float
    n_bins: int


def calibration(
    chances: ArrayLike, correct: ArrayLike, *, n_bins: int = N_BINS, n_resamples: int = 1000, level: float = 0.95
) -> Calibration:
    """Return the calibration of the chances of chosen answers, with intervals over items.

    Bins hold equally many items, by chance from the least to the largest (adaptive bins; Nguyen and O'Connor 2015), at
    most ``n_bins`` and so that each has 40 items or more. An ECE is above 0 even for a calibrated model, since shares
    of few items scatter: ``by_chance`` says how far, from verdicts drawn with the stated chances (Bröcker and Smith
    2007, Weather and Forecasting 22:651). The interval is a bootstrap over items without its own bias; its lower end is
    0 where chance explains the error. Brier's is Student's t. Where no item differs from another, there is none.

    Args:
        chances, correct: one per item, 0 to 1 and 0 or 1, ``[items]`` or ``[seeds, items]``; NaN where unknown. Items
            are drawn for all seeds together.
    """
    p, y = (np.atleast_2d(np.asarray(values, np.float64)) for values in (chances, correct))
    known = ~(np.isnan(p) | np.isnan(y))
    rows, columns = known.any(axis=1), known.any(axis=0)
    kept = np.ix_(rows, columns)
    p, y, known = np.where(known, p, np.nan)[kept], y[kept], known[kept]
    n = p.shape[1]
    if not known.any():
        return Calibration(UNKNOWN, UNKNOWN, math.nan, math.nan, math.nan, 0)
    bins = max(1, min(n_bins, n // FEWEST))
    bin_of = _bins(p, bins)
    draw = stream(0, "calibration", n)
    # A draw is right on the same items under all seeds: seeds that agree tell less.
    luck = draw.random((n_resamples, n))
    size = float(known.sum())
    by_luck = np.zeros((n_resamples, bins))
    for chance, place in zip(p, bin_of, strict=True):
        there = ~np.isnan(chance)
        off = np.where(there, np.where(there, chance, 0) - (luck < np.where(there, chance, 0)), 0.0)
        by_luck += off @ (place[:, None] == np.arange(bins))
    by_chance = float(np.quantile(np.abs(by_luck).sum(axis=1) / size, level))
    off_by_item = np.stack([np.where(known & (bin_of == each), p - y, 0).sum(axis=0) for each in range(bins)], axis=1)
    ece = float(np.abs(off_by_item.sum(axis=0)).sum() / size)
    counts = draw.multinomial(n, np.full(n, 1 / n), size=n_resamples)
    resampled = np.abs(counts @ off_by_item).sum(axis=1) / (counts @ known.sum(axis=0))
    # A resample scatters once more than the sample did, so its middle is moved back to the estimate.
    low, high = np.quantile(resampled - np.mean(resampled), [(1 - level) / 2, (1 + level) / 2])
    least = max(0.0, ece + float(low)) if ece > by_chance else 0.0
    brier = mean_interval(np.nanmean((p - y) ** 2, axis=0), level)
    return Calibration(
        with_length(Estimate(float(brier.mean), max(0.0, float(brier.low)), min(1.0, float(brier.high)), n)),
        with_length(Estimate(ece, least, min(1.0, ece + float(high)), n)),
        by_chance,
        float(np.nanmean(p)),
        float(np.mean(y[known])),
        bins,
    )


def _bins(chances: FloatArray, bins: int) -> NDArray[np.intp]:
    """Return the bin of each of the chances ``[seeds, items]``, as many in each as can be; NaN are in the last."""
    ranks = np.empty(chances.size, np.intp)
    ranks[np.argsort(chances, axis=None, kind="stable")] = np.arange(chances.size)
    known = max(1, int((~np.isnan(chances)).sum()))
    return np.minimum(ranks * bins // known, bins - 1).reshape(chances.shape)


def confidence(scores: ArrayLike) -> float:
    """Return the share of the best choice among the chances of all, the softmax of their scores (in nats)."""
    nats = np.asarray(scores, np.float64)
    return float(1 / np.exp(nats - nats.max()).sum())
