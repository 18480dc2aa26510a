"""How alike two representations of the same items are: linear centred kernel alignment (CKA)."""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from offdiag.seeds import stream
from offdiag.stats.independent import Ends
from offdiag.stats.intervals import FloatArray


class Alignment(NamedTuple):
    """Two representations compared.

    Attributes:
        cka: as defined, 0 to 1. With more features than items it is near 1 whatever the features are.
        debiased: the same from an unbiased estimate of its three parts: about 0 where the two have nothing to do with
            each other, whatever the numbers of items and features. Can be negative, and a little above 1.
        n: items.
    """

    cka: Ends
    debiased: Ends
    n: int


def linear_cka(x: ArrayLike, y: ArrayLike) -> float:
    """``|X'Y|^2 / (|X'X| |Y'Y|)`` with Frobenius norms, of centred ``X [n, p]`` and ``Y [n, q]``.

    Kornblith et al. (2019, arXiv 1905.00414, section 3): the form by features, so that no n x n kernel is made. It does
    not change when a representation is rotated, shifted or scaled as a whole. NaN where one of them is constant.

    Raises:
        ValueError: not two matrices with as many rows.
    """
    x, y = _pair(x, y)
    shared, own, other = (_squared(a, b) for a, b in ((x, y), (x, x), (y, y)))
    return _ratio(shared, own, other)


def debiased_cka(x: ArrayLike, y: ArrayLike) -> float:
    """Linear CKA from the unbiased estimator of HSIC (Song et al. 2012, JMLR 13:1393, eq. 5), by features.

    As in Nguyen et al. (2021, arXiv 2010.15327, eq. 3). NaN with fewer than four items, or where an item's own kernel
    explains all there is.

    Raises:
        ValueError: not two matrices with as many rows.
    """
    x, y = _pair(x, y)
    if len(x) < 4:
        return math.nan
    shared, own, other = (_unbiased(a, b) for a, b in ((x, y), (x, x), (y, y)))
    return _ratio(shared, own, other)


def alignment(x: ArrayLike, y: ArrayLike, *, n_groups: int = 20, seed: int = 0, level: float = 0.95) -> Alignment:
    """Both forms of CKA with intervals over items.

    The intervals come from a jackknife that leaves out one of ``n_groups`` random groups of items at a time, with t of
    as many degrees less one; a bootstrap would draw items twice, and twins look alike in every representation.

    Raises:
        ValueError: not two matrices with as many rows.
    """
    x, y = _pair(x, y)
    n = len(x)
    groups = stream(seed, "alignment", n).permutation(n) % max(1, min(n_groups, n))
    kept = [groups != group for group in range(groups.max(initial=0) + 1)]
    return Alignment(
        _jackknifed(linear_cka(x, y), [linear_cka(x[k], y[k]) for k in kept], level),
        _jackknifed(debiased_cka(x, y), [debiased_cka(x[k], y[k]) for k in kept], level),
        n,
    )


def _jackknifed(value: float, left: list[float], level: float) -> Ends:
    from scipy.special import stdtrit

    freedom = len(left) - 1
    if freedom < 1:
        return Ends(value, math.nan, math.nan)
    half = float(stdtrit(freedom, 0.5 + level / 2) * math.sqrt(freedom * np.var(left)))
    return Ends(value, value - half, value + half)


def _pair(x: ArrayLike, y: ArrayLike) -> tuple[FloatArray, FloatArray]:
    first, second = np.asarray(x, np.float64), np.asarray(y, np.float64)
    if first.ndim != 2 or second.ndim != 2 or len(first) != len(second):
        raise ValueError(f"CKA of shapes {first.shape} and {second.shape}: expected [n, p] and [n, q]")
    return first - first.mean(0), second - second.mean(0)


def _squared(x: FloatArray, y: FloatArray) -> float:
    return float(np.sum((x.T @ y) ** 2))


def _unbiased(x: FloatArray, y: FloatArray) -> float:
    """N (n - 3) times the estimate; with centred features the rows of a kernel without its diagonal sum to -|x|^2."""
    n, a, b = len(x), np.sum(x**2, 1), np.sum(y**2, 1)
    return _squared(x, y) - float(a @ b) * (1 + 2 / (n - 2)) + float(a.sum() * b.sum()) / ((n - 1) * (n - 2))


def _ratio(shared: float, own: float, other: float) -> float:
    return shared / math.sqrt(own * other) if own > 0 and other > 0 else math.nan
