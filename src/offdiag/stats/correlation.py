"""Correlations with intervals: of few points by bootstrap and permutations, of many in closed form."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from offdiag.seeds import Name, stream
from offdiag.stats.bootstrap import percentile_ends
from offdiag.stats.intervals import UNKNOWN, Estimate, FloatArray, normal_quantile

FEWEST = 5  # points; resamples of fewer are mostly degenerate
FEW = 10


class Correlation(NamedTuple):
    """Pearson's and Spearman's correlation of ``n`` points, with a note where they are few.

    Each has a percentile interval and a two-sided p value of permutations; NaN if unknown.
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

    The interval is made of percentiles over resampled points (none below five points; below about ten it is too short).
    The p value counts permutations of ``y``. Both assume that points are exchangeable: several points from one source
    carry less than their number suggests.

    Args:
        x, y: one value per point; NaN where it is not known.
        strata: one label per point. Correlations and permutations are then within strata: the mean of each stratum is
            subtracted first. A stratum of one point is left out.
        n_resamples: resamples and permutations. level: of the interval. seed, names: of the random stream.

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
    generator = stream(seed, "bootstrap", "correlation", *names)
    drawn = generator.integers(0, n, (n_resamples, n)) if n >= FEWEST else None
    shuffled = _permutations(labels, n_resamples, generator)
    both = [
        _correlated(one, other, drawn, shuffled, level, ranks=ranks)
        for one, other, ranks in ((a, b, False), (a, b, True))
    ]
    note = f"{n} points: too few for an interval" if n < FEWEST else f"only {n} points" if n < FEW else ""
    return Correlation(both[0], both[1], n, note)


def rank_correlation(x: ArrayLike, y: ArrayLike, level: float = 0.95) -> Estimate:
    """Return Spearman's correlation of many points at which both are known (neither is NaN).

    The coefficient is NaN where one of the two does not vary; ties have their average rank; ``n`` counts the points.

    The interval is that of Bonett and Wright (2000), eq. 4: Fisher's z with the variance ``(1 + r^2 / 2) / (n - 3)``;
    NaN for fewer than four points. For few points see :func:`correlation`.
    """
    a, b = np.asarray(x, np.float64), np.asarray(y, np.float64)
    known = ~(np.isnan(a) | np.isnan(b))
    a, b = a[known], b[known]
    if a.size < 2 or np.ptp(a) == 0 or np.ptp(b) == 0:
        return Estimate(math.nan, math.nan, math.nan, int(a.size))
    r = float(np.clip(np.corrcoef(_ranks(a), _ranks(b))[0, 1], -1, 1))
    if a.size < 4 or abs(r) == 1:
        return Estimate(r, math.nan, math.nan, int(a.size))
    half = normal_quantile(level) * math.sqrt((1 + r**2 / 2) / (a.size - 3))
    return Estimate(r, math.tanh(math.atanh(r) - half), math.tanh(math.atanh(r) + half), int(a.size))


def _correlated(
    x: FloatArray,
    y: FloatArray,
    drawn: NDArray[np.int64] | None,
    shuffled: NDArray[np.int64],
    level: float,
    *,
    ranks: bool,
) -> Estimate:
    if ranks:
        x, y = _ranks(x), _ranks(y)
    value = float(_pearson(x, y))
    p_value = (1 + int(np.sum(np.abs(_pearson(x, y[shuffled])) >= abs(value) - 1e-12))) / (1 + len(shuffled))
    if drawn is None:
        return Estimate(value, n=x.size, p_value=p_value)
    one, other = (_ranks(x[drawn]), _ranks(y[drawn])) if ranks else (x[drawn], y[drawn])
    resampled = _pearson(one, other)
    return Estimate(value, *percentile_ends(resampled[~np.isnan(resampled)], level), x.size, p_value)


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
