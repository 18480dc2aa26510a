"""Correlations of few points, with intervals and permutation tests that say how few they are."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from offdiag.seeds import Name, stream
from offdiag.stats.bootstrap import percentile_ends
from offdiag.stats.intervals import FloatArray

FEWEST = 5  # points; resamples of fewer are mostly degenerate
FEW = 10


class Correlated(NamedTuple):
    """One coefficient, from -1 to 1, with its percentile interval and two-sided permutation p; NaN for none."""

    value: float
    low: float
    high: float
    p_value: float


class Correlation(NamedTuple):
    """Both coefficients of ``n`` points, and what is to be kept in mind about them."""

    pearson: Correlated
    spearman: Correlated
    n: int
    note: str


_NONE = Correlated(math.nan, math.nan, math.nan, math.nan)


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
    """Pearson's and Spearman's correlation of the points at which both are known.

    The interval holds the percentiles over resampled points (none below five; under about ten it is too short), the p
    value counts permutations of ``y``. Both take the points as exchangeable: where several come from one source, they
    are worth fewer than their number.

    Args:
        x, y: one value a point; NaN where it is not known.
        strata: a label for each point: correlations within strata, whose means are taken off first, and permutations
            within strata; a stratum of one point is left out.
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
        return Correlation(_NONE, _NONE, n, f"{n} points: no correlation" if n < 3 else "one of the two does not vary")
    generator = stream(seed, "bootstrap", "correlation", *names)
    drawn = generator.integers(0, n, (n_resamples, n)) if n >= FEWEST else None
    shuffled = _permutations(labels, n_resamples, generator)
    both = [
        _correlated(one, other, drawn, shuffled, level, ranks=ranks)
        for one, other, ranks in ((a, b, False), (a, b, True))
    ]
    note = f"{n} points: too few for an interval" if n < FEWEST else f"only {n} points" if n < FEW else ""
    return Correlation(both[0], both[1], n, note)


def _correlated(
    x: FloatArray,
    y: FloatArray,
    drawn: NDArray[np.int64] | None,
    shuffled: NDArray[np.int64],
    level: float,
    *,
    ranks: bool,
) -> Correlated:
    if ranks:
        x, y = _ranks(x), _ranks(y)
    value = float(_pearson(x, y))
    p_value = (1 + int(np.sum(np.abs(_pearson(x, y[shuffled])) >= abs(value) - 1e-12))) / (1 + len(shuffled))
    if drawn is None:
        return Correlated(value, math.nan, math.nan, p_value)
    one, other = (_ranks(x[drawn]), _ranks(y[drawn])) if ranks else (x[drawn], y[drawn])
    resampled = _pearson(one, other)
    return Correlated(value, *percentile_ends(resampled[~np.isnan(resampled)], level), p_value)


def _pearson(x: FloatArray, y: FloatArray) -> FloatArray:
    """Over the last axis; NaN where one of the two does not vary."""
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
    """``[n, points]``: indices that shuffle the points within their strata."""
    keys = generator.random((n, labels.size))
    sorted_within = np.lexsort((keys, np.broadcast_to(labels, keys.shape)), axis=-1)
    shuffled = np.empty_like(sorted_within)
    shuffled[:, np.argsort(labels, kind="stable")] = sorted_within
    return shuffled
