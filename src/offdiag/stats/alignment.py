"""Similarity of two representations of the same items: linear centred kernel alignment (CKA)."""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from offdiag.seeds import stream
from offdiag.stats.intervals import Estimate, FloatArray, with_length


class Alignment(NamedTuple):
    """The similarity of two representations.

    Attributes:
        cka: as defined, 0 to 1. It is too large, the more so the more features and the fewer items there are: with more
            features than items it is near 1 whatever the features are. So it has no interval (Murphy et al. 2024,
            arXiv 2405.01012).
        debiased: CKA from unbiased estimates of its three parts: about 0 for unrelated representations, whatever the
            numbers of items and features. It can be negative, and a little above 1.
        n: number of items.
    """

    cka: float
    debiased: Estimate
    n: int


def linear_cka(x: ArrayLike, y: ArrayLike) -> float:
    """Return ``|X'Y|^2 / (|X'X| |Y'Y|)`` with Frobenius norms, of centred ``X [n, p]`` and ``Y [n, q]``.

    Kornblith et al. (2019, arXiv 1905.00414, section 3): the form by features, so that no n x n kernel is made. It does
    not change when a representation is rotated, shifted or scaled as a whole. NaN where one of them is constant.

    Raises:
        ValueError: not two matrices with as many rows.
    """
    return _both_forms(*_pair(x, y))[0]


def debiased_cka(x: ArrayLike, y: ArrayLike) -> float:
    """Return linear CKA from the unbiased estimator of HSIC (Song et al. 2012, JMLR 13:1393, eq. 5), by features.

    As in Nguyen et al. (2021, arXiv 2010.15327, eq. 3). NaN with fewer than four items, or where an item's own kernel
    explains all there is.

    Raises:
        ValueError: not two matrices with as many rows.
    """
    return _both_forms(*_pair(x, y))[1]


def alignment(x: ArrayLike, y: ArrayLike, *, n_groups: int = 20, seed: int = 0, level: float = 0.95) -> Alignment:
    """Return both forms of CKA, the debiased one with an interval over items.

    The interval comes from a jackknife that leaves out one of ``n_groups`` random groups of items at a time, with t of
    n_groups - 1 degrees of freedom. A bootstrap would draw items twice, and copies are alike in every representation.
    A model is like itself without any scatter: that has no interval.

    Raises:
        ValueError: not two matrices with as many rows.
    """
    x, y = _pair(x, y)
    n = len(x)
    groups = stream(seed, "alignment", n).permutation(n) % max(1, min(n_groups, n))
    cka, debiased = _both_forms(x, y)
    return Alignment(cka, _jackknifed(debiased, _without_each(x, y, groups), level), n)


def _without_each(x: FloatArray, y: FloatArray, groups: NDArray[np.int64]) -> FloatArray:
    """Return debiased CKA without each group, ``[groups]``.

    Products of features are computed once, and those of the group are subtracted.
    """
    members = [groups == group for group in range(groups.max(initial=0) + 1)]
    parts = [np.stack([a[m].T @ b[m] for m in members]) for a, b in ((x, y), (x, x), (y, y))]
    totals = [part.sum(0) for part in parts]
    found = []
    for i, member in enumerate(members):
        rest, other_rest = x[~member], y[~member]
        n, u, v = len(rest), rest.sum(0), other_rest.sum(0)  # the means move when a group is left out
        shared, own, other = (
            float(np.sum((total - part[i] - np.outer(one, two) / max(n, 1)) ** 2))
            for total, part, (one, two) in zip(totals, parts, ((u, v), (u, u), (v, v)), strict=True)
        )
        lengths = (np.sum((side - total / max(n, 1)) ** 2, 1) for side, total in ((rest, u), (other_rest, v)))
        found.append(_forms(shared, own, other, *lengths)[1])
    return np.array(found)


def _jackknifed(value: float, left: FloatArray, level: float) -> Estimate:
    from scipy.special import stdtrit

    freedom = len(left) - 1
    if freedom < 1:
        return Estimate(value, math.nan, math.nan)
    half = float(stdtrit(freedom, 0.5 + level / 2) * math.sqrt(freedom * np.var(left)))
    return with_length(Estimate(value, value - half, value + half))


def _pair(x: ArrayLike, y: ArrayLike) -> tuple[FloatArray, FloatArray]:
    first, second = np.asarray(x, np.float64), np.asarray(y, np.float64)
    if first.ndim != 2 or second.ndim != 2 or len(first) != len(second):
        raise ValueError(f"CKA of shapes {first.shape} and {second.shape}: expected [n, p] and [n, q]")
    return first - first.mean(0), second - second.mean(0)


def _both_forms(x: FloatArray, y: FloatArray) -> tuple[float, float]:
    shared, own, other = (float(np.sum((a.T @ b) ** 2)) for a, b in ((x, y), (x, x), (y, y)))
    return _forms(shared, own, other, np.sum(x**2, 1), np.sum(y**2, 1))


def _forms(shared: float, own: float, other: float, a: FloatArray, b: FloatArray) -> tuple[float, float]:
    """Return CKA and debiased CKA from squared norms of X'Y, X'X and Y'Y and squared lengths of centred rows."""
    n = len(a)
    if n < 4:
        return _ratio(shared, own, other), math.nan

    def unbiased(square: float, u: FloatArray, v: FloatArray) -> float:
        """The estimate times n (n - 3); rows of a centred kernel without its diagonal sum to minus their length."""
        return square - float(u @ v) * (1 + 2 / (n - 2)) + float(u.sum() * v.sum()) / ((n - 1) * (n - 2))

    return _ratio(shared, own, other), _ratio(unbiased(shared, a, b), unbiased(own, a, a), unbiased(other, b, b))


def _ratio(shared: float, own: float, other: float) -> float:
    return shared / math.sqrt(own * other) if own > 0 and other > 0 else math.nan
