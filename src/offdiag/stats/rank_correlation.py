"""Spearman's correlation of many points, with an interval in closed form."""

import math

import numpy as np
from numpy.typing import ArrayLike

from offdiag.stats.intervals import Estimate, normal_quantile


def rank_correlation(x: ArrayLike, y: ArrayLike, level: float = 0.95) -> Estimate:
    """Spearman's correlation of the points at which both are known (neither is NaN).

    The coefficient is NaN where one of the two does not vary; ties have their average rank; ``n`` counts the points.

    The interval is that of Bonett and Wright (2000), eq. 4: Fisher's z with the variance ``(1 + r^2 / 2) / (n - 3)``;
    NaN for fewer than four points. For few points see :func:`offdiag.stats.correlation.correlation`.
    """
    from scipy.stats import rankdata

    a, b = np.asarray(x, np.float64), np.asarray(y, np.float64)
    known = ~(np.isnan(a) | np.isnan(b))
    a, b = a[known], b[known]
    if a.size < 2 or np.ptp(a) == 0 or np.ptp(b) == 0:
        return Estimate(math.nan, math.nan, math.nan, int(a.size))
    r = float(np.clip(np.corrcoef(rankdata(a), rankdata(b))[0, 1], -1, 1))
    if a.size < 4 or abs(r) == 1:
        return Estimate(r, math.nan, math.nan, int(a.size))
    half = normal_quantile(level) * math.sqrt((1 + r**2 / 2) / (a.size - 3))
    return Estimate(r, math.tanh(math.atanh(r) - half), math.tanh(math.atanh(r) + half), int(a.size))
