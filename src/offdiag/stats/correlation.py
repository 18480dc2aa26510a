"""Correlations with intervals by Fisher's z and a jackknife, and tests by permutation."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from offdiag.seeds import Name, stream
from offdiag.stats.intervals import UNKNOWN, Estimate, FloatArray, normal_quantile

FEWEST = 4  # points of an interval: Fisher's z has the variance 1 / (n - 3)
FEW = 10
GROUPS = 100  # of the jackknife; each point alone where there are no more


class Correlation(NamedTuple):
    """Pearson's and Spearman's correlation of ``n`` points, with a note where they are few.

    Each has an interval and a two-sided p value of permutations; NaN if unknown.
    """

    pearson: Estimate
    spearman: Estimate
    n: int
    note: str


def correlation(
    x: ArrayLike,
    y: ArrayLike,
    strata: Sequence[object] | None = None,
    *,
    n_resamples: int = 2000,
    level: float = 0.95,
    seed: int = 0,
    names: tuple[Name, ...] = (),
) -> Correlation:
    """Return Pearson's and Spearman's correlation of the points at which both are known.

    The intervals are those of :func:`interval_of_correlation`; there is none below four points (and one more for each
    further stratum). The p value counts permutations of ``y``. Both assume that points are exchangeable: several points
    from one source carry less than their number suggests.

    Args:
        x, y: one value per point; NaN where it is not known.
        strata: one label per point. Correlations and permutations are then within strata: the mean of each stratum is
            subtracted first. A stratum of one point is left out.
        n_resamples: permutations. level: of the interval. seed, names: of the random stream.

    Raises:
        ValueError: the lengths differ.
    """
    a, b = np.asarray(x, np.float64), np.asarray(y, np.float64)
    labels = np.zeros(a.size, np.int64) if strata is None else _codes(strata)
    if not a.shape == b.shape == labels.shape or a.ndim != 1:
        raise ValueError(f"correlation: {a.shape}, {b.shape} and {labels.shape} values; expected aligned vectors")
    known = np.isfinite(a) & np.isfinite(b)
    if strata is not None:
        known &= np.bincount(labels[known], minlength=labels.max(initial=0) + 1)[labels] > 1
    a, b, labels = a[known], b[known], labels[known]
    n = int(a.size)
    a, b = _centred(a, labels), _centred(b, labels)
    if n < 3 or _flat(a) or _flat(b):
        return Correlation(
            UNKNOWN, UNKNOWN, n, f"{n} points: no correlation" if n < 3 else "one of the two does not vary"
        )
    shuffled = _permutations(labels, n_resamples, stream(seed, "bootstrap", "correlation", *names))
    lost = len(set(labels.tolist())) - 1  # a mean of each stratum is taken off
    both = []
    for ranks in (False, True):
        one, other = (_ranks(a), _ranks(b)) if ranks else (a, b)
        value = float(_pearson(one, other))
        far = int(np.sum(np.abs(_pearson(one, other[shuffled])) >= abs(value) - 1e-12))
        low, high = interval_of_correlation(a, b, ranks=ranks, lost=lost, level=level)
        both.append(Estimate(value, low, high, n, (1 + far) / (1 + n_resamples)))
    few = f"{n} points: too few for an interval" if n - lost < FEWEST else f"only {n} points" if n < FEW else ""
    return Correlation(both[0], both[1], n, few)


def rank_correlation(x: ArrayLike, y: ArrayLike, level: float = 0.95) -> Estimate:
    """Return Spearman's correlation of many points at which both are known (neither is NaN), with the test of none.

    The coefficient is NaN where one of the two does not vary; ties have their average rank; ``n`` counts the points.
    The interval is that of :func:`interval_of_correlation`, and the p value inverts it, but is never below that of a
    perfect order of so many points, 2 / n!; NaN for fewer than four points.
    """
    from scipy.special import ndtr

    a, b = np.asarray(x, np.float64), np.asarray(y, np.float64)
    known = ~(np.isnan(a) | np.isnan(b))
    a, b = a[known], b[known]
    if a.size < 2 or np.ptp(a) == 0 or np.ptp(b) == 0:
        return Estimate(math.nan, math.nan, math.nan, int(a.size))
    value = float(_pearson(_ranks(a), _ranks(b)))
    if a.size < FEWEST:
        return Estimate(value, n=int(a.size))
    low, high = interval_of_correlation(a, b, ranks=True, level=level)
    p_value = max(
        1e-15,
        2 / math.factorial(min(a.size, 20)),
        2 * float(ndtr(-abs(_fisher(value, a.size)) / _error_of_z(a, b, ranks=True, lost=0))),
    )
    return Estimate(value, low, high, int(a.size), p_value)


def interval_of_correlation(
    x: FloatArray, y: FloatArray, *, ranks: bool, lost: int = 0, level: float = 0.95
) -> tuple[float, float]:
    """Return the ends of the interval of Pearson's correlation of ``x`` and ``y`` ``[n]``, or of that of their ranks.

    Fisher's z plus or minus a normal quantile of standard errors: of the larger of two, that of normal points (Pearson:
    1 / (n - 3); ranks: (1 + r² / 2) / (n - 3), Bonett and Wright 2000, eq. 4) and a jackknife's. Either
    alone covers less than it says for some kinds of points; the larger of the two covers 94 to 98 % of samples of 6 to
    25 normal, uniform, heavy-tailed or skewed points, where percentiles of a bootstrap cover 89 to 92 %.

    A perfect order is that of n points whose z is infinite: it counts as half a swap of two neighbours away from it, so
    that its interval has a length.

    Args:
        ranks: whether of the ranks. lost: degrees of freedom that were taken off the points besides their mean.
    """
    if x.size - lost < FEWEST:
        return math.nan, math.nan
    value = float(_pearson(_ranks(x), _ranks(y)) if ranks else _pearson(x, y))
    z = _fisher(value, x.size)
    half = normal_quantile(level) * _error_of_z(x, y, ranks=ranks, lost=lost)
    low, high = math.tanh(z - half), math.tanh(z + half)
    return (-1.0 if value <= -1 + 1e-12 else low), (1.0 if value >= 1 - 1e-12 else high)


def _error_of_z(x: FloatArray, y: FloatArray, *, ranks: bool, lost: int) -> float:
    """Return the standard error of Fisher's z: the larger of that of normal points and the jackknife's."""
    n = x.size
    free = n - lost
    z = _fisher(float(_pearson(_ranks(x), _ranks(y)) if ranks else _pearson(x, y)), n)
    normal = math.sqrt((1 + math.tanh(z) ** 2 / 2 if ranks else 1) / (free - 3))
    return max(normal, _jackknife_error(x, y, ranks=ranks) * math.sqrt((n - 1) / (free - 1)))


def _fisher(value: float, n: int) -> float:
    """Return Fisher's z of a correlation of ``n`` points, finite where it is perfect."""
    if abs(value) > 1 - 1e-12:
        value = math.copysign(1 - 6 / (n**3 - n), value)  # one swap of neighbours takes 12 / (n³ - n) off Spearman's
    return math.atanh(value)


def _jackknife_error(x: FloatArray, y: FloatArray, *, ranks: bool) -> float:
    """Return the jackknife's standard error of Fisher's z, leaving out one group of points at a time."""
    n = x.size
    groups = min(n, GROUPS)
    member = stream(0, "correlation", "groups", n).permutation(n) % groups
    kept = member != np.arange(groups)[:, None]
    left: list[float] = []
    for size in np.unique(kept.sum(axis=1)):  # sizes of groups differ by one at most
        rows = kept[kept.sum(axis=1) == size]
        points = np.nonzero(rows)[1].reshape(len(rows), size)
        a, b = (_ranks(x[points]), _ranks(y[points])) if ranks else (x[points], y[points])
        left += [0.0 if math.isnan(value) else _fisher(value, int(size)) for value in _pearson(a, b).tolist()]
    return math.sqrt((groups - 1) * float(np.var(left)))


def _pearson(x: FloatArray, y: FloatArray) -> FloatArray:
    """Return Pearson's correlation over the last axis; NaN where one of the two does not vary."""
    dx, dy = x - x.mean(-1, keepdims=True), y - y.mean(-1, keepdims=True)
    size = np.sqrt((dx**2).sum(-1) * (dy**2).sum(-1))
    with np.errstate(invalid="ignore", divide="ignore"):
        r: FloatArray = np.clip(np.where(size > 1e-300, (dx * dy).sum(-1) / size, np.nan), -1, 1)
    return r


def _ranks(values: FloatArray) -> FloatArray:
    from scipy.stats import rankdata

    return np.asarray(rankdata(values, axis=-1), np.float64)


def _codes(strata: Sequence[object]) -> NDArray[np.int64]:
    order = {label: i for i, label in enumerate(dict.fromkeys(strata))}
    return np.array([order[label] for label in strata], np.int64)


def _centred(values: FloatArray, labels: NDArray[np.int64]) -> FloatArray:
    if not values.size:
        return values
    means = np.bincount(labels, values) / np.maximum(np.bincount(labels), 1)
    centred: FloatArray = values - means[labels]
    return np.round(centred, 12)  # so that rounding makes no ranks


def _flat(values: FloatArray) -> bool:
    return bool(np.ptp(values) == 0)


def _permutations(labels: NDArray[np.int64], n: int, generator: np.random.Generator) -> NDArray[np.int64]:
    """Return ``n`` shuffles of the points within their strata, as indices ``[n, points]``."""
    # Random keys, sorted within strata, give the points of each stratum in random order; these replace its points.
    keys = generator.random((n, labels.size))
    sorted_within = np.lexsort((keys, np.broadcast_to(labels, keys.shape)), axis=-1)
    shuffled = np.empty_like(sorted_within)
    shuffled[:, np.argsort(labels, kind="stable")] = sorted_within
    return shuffled
