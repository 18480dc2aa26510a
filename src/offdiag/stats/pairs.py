"""The mean over pairs of things, where pairs that share one are not independent."""

import math
from collections.abc import Hashable, Sequence

import numpy as np
from numpy.typing import ArrayLike

from offdiag.stats.intervals import Estimate


def pair_mean(
    values: ArrayLike, first: Sequence[Hashable], second: Sequence[Hashable], level: float = 0.95
) -> Estimate:
    """Mean of one value a pair, with its interval over new things of the kind that is paired.

    The interval leaves out one thing at a time with all of its pairs (Arvesen 1969, Annals of Mathematical Statistics
    40:2076, for U-statistics), with t of as many degrees as there are things less one. NaN at both ends where a thing
    is in all pairs, as with one pair or two.

    Raises:
        ValueError: no pair, or lengths that differ.
    """
    from scipy.special import stdtrit

    x = np.asarray(values, np.float64)
    if x.ndim != 1 or not x.size or not len(x) == len(first) == len(second):
        raise ValueError(f"pair_mean of {x.shape} values, {len(first)} and {len(second)} names: expected as many, > 0")
    mean = float(x.mean())
    left = []
    for thing in dict.fromkeys([*first, *second]):
        others = np.array([thing not in pair for pair in zip(first, second, strict=True)])
        left.append(float(x[others].mean()) if others.any() else math.nan)
    freedom = len(left) - 1
    half = float(stdtrit(freedom, 0.5 + level / 2)) * math.sqrt(freedom * float(np.var(left)))
    return Estimate(mean, mean - half, mean + half)
