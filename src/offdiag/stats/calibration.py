"""Calibration of stated chances: Brier's score, and the expected calibration error in bins of equal counts."""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from offdiag.seeds import stream
from offdiag.stats.intervals import UNKNOWN, Estimate, FloatArray
from offdiag.stats.means import mean_interval

N_BINS = 10


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
    most ``n_bins`` and so that each has ten items or more. An ECE is above 0 even for a calibrated model, since shares
    of few items scatter: ``by_chance`` says how far, from verdicts drawn with the stated chances (Bröcker and Smith
    2007, Weather and Forecasting 22:651). The interval is a bootstrap over items without its own bias; its lower end is
    0 where chance explains the error. Brier's is Student's t.

    Args:
        chances, correct: one per item, 0 to 1 and 0 or 1; NaN where unknown.
    """
    p, y = np.asarray(chances, np.float64), np.asarray(correct, np.float64)
    known = ~(np.isnan(p) | np.isnan(y))
    p, y = p[known], y[known]
    n = p.size
    if not n:
        return Calibration(UNKNOWN, UNKNOWN, math.nan, math.nan, math.nan, 0)
    bins = max(1, min(n_bins, n // 10))
    order = np.argsort(p, kind="stable")
    p, y = p[order], y[order]
    draw = stream(0, "calibration", n)
    by_chance = float(np.quantile(_errors(p, (draw.random((n_resamples, n)) < p).astype(np.float64), bins), level))
    ece = float(_errors(p, y[None], bins)[0])
    picks = np.sort(draw.integers(0, n, (n_resamples, n)), axis=1)  # sorted places are sorted chances
    resampled = _errors(p[picks], y[picks], bins)
    # A resample scatters once more than the sample did, so its middle is moved back to the estimate.
    low, high = np.quantile(resampled - np.mean(resampled), [(1 - level) / 2, (1 + level) / 2])
    brier = mean_interval((p - y) ** 2, level)
    return Calibration(
        Estimate(float(brier.mean), max(0.0, float(brier.low)), min(1.0, float(brier.high)), n),
        Estimate(ece, max(0.0, ece + float(low)) if ece > by_chance else 0.0, min(1.0, ece + float(high)), n),
        by_chance,
        float(p.mean()),
        float(y.mean()),
        bins,
    )


def _errors(chances: FloatArray, verdicts: FloatArray, bins: int) -> FloatArray:
    """Return the calibration error of rows of sorted chances ``[(rows,) n]`` and verdicts ``[rows, n]``."""
    n = verdicts.shape[-1]
    edges = np.linspace(0, n, bins + 1).astype(int)[:-1]
    distance = np.add.reduceat(np.broadcast_to(chances, verdicts.shape) - verdicts, edges, axis=-1)
    return np.asarray(np.abs(distance).sum(axis=-1) / n)
