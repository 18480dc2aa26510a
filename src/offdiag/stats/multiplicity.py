"""Many tests at once."""

import numpy as np
from numpy.typing import ArrayLike

from offdiag.stats.intervals import FloatArray


def holm(p_values: ArrayLike) -> FloatArray:
    """Holm's step-down adjusted p-values (Holm 1979), in the order given; they control the family-wise error rate.

    NaN stands for a test that was not made: it stays NaN and does not count towards the family.
    """
    p = np.asarray(p_values, np.float64)
    adjusted = np.full(p.shape, np.nan)
    made = np.flatnonzero(~np.isnan(p))
    order = made[np.argsort(p[made], kind="stable")]
    factors = np.arange(order.size, 0, -1)
    adjusted[order] = np.minimum(1.0, np.maximum.accumulate(p[order] * factors)) if order.size else np.nan
    return adjusted
