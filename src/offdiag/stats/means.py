"""The interval of a mean."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from offdiag.stats.intervals import FloatArray


class Mean(NamedTuple):
    """Means over the last axis, of the shape that is left.

    Attributes:
        mean: NaN where there is no value. low, high: ends of the t-interval; NaN with fewer than two values.
        sd: standard deviation of the values (n - 1). n: values that are there.
    """

    mean: FloatArray
    low: FloatArray
    high: FloatArray
    sd: FloatArray
    n: np.ndarray[tuple[int, ...], np.dtype[np.int64]]


def mean_interval(values: ArrayLike, level: float = 0.95) -> Mean:
    """Student's t-interval of the mean over the last axis; NaN stands for a value that is not there."""
    from scipy.special import stdtrit

    x = np.asarray(values, np.float64)
    known = ~np.isnan(x)
    n = known.sum(-1)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.where(known, x, 0).sum(-1) / n
        squares = np.where(known, (x - mean[..., None]) ** 2, 0).sum(-1)
        sd = np.sqrt(squares / np.where(n > 1, n - 1, np.nan))
        half = stdtrit(np.where(n > 1, n - 1, np.nan), 0.5 + level / 2) * sd / np.sqrt(n)
    return Mean(mean, mean - half, mean + half, sd, n)
