r"""The anchoring score of a query under k anchors, from their embeddings: ``S = alpha rho - beta d - gamma ln k``.

``rho`` (density) is 1 over the mean cosine distance of all pairs of anchors, ``d`` (mismatch) the cosine distance of
the query from the mean of the anchors, and ``ln`` the natural logarithm (UCCT, arXiv 2506.02139 v5 and 2512.05765).
A cosine distance is ``1 - cos``, from 0 to 2.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from offdiag.stats.intervals import FloatArray

# Mean distances below this are rounding: embeddings in single precision of one text are this close at least.
IDENTICAL = 1e-12


class ScoreParts(NamedTuple):
    """The score and its parts for K numbers of anchors; leading axes ``...``, such as layers, are those of the input.

    Attributes:
        density: rho, ``[..., K]``, at least 1/2; NaN where it does not exist: one anchor has no pair, and anchors that
            are all the same have no distance.
        mismatch: d, ``[..., K, n]``, from 0 to 2.
        score: S, ``[..., K, n]``; NaN where the density is.
        anchors_se: standard error, by the draw of the anchors, of the score's mean over queries, ``[..., K]``: the
            jackknife (Efron and Stein 1981), leaving out one anchor at a time; NaN for fewer than three anchors.
        undefined: why a density does not exist, ``[..., K]``: ``"one anchor"``, ``"identical anchors"`` or empty.
    """

    density: FloatArray
    mismatch: FloatArray
    score: FloatArray
    anchors_se: FloatArray
    undefined: np.ndarray[tuple[int, ...], np.dtype[np.str_]]

    @property
    def k50(self) -> FloatArray:
        """``d / rho``, ``[..., K, n]``: the heuristic of the paper for the k at which accuracy is halfway up.

        It is a proportionality, whose factor is unknown: only ratios of it mean anything.
        """
        return self.mismatch / self.density[..., None]


def anchoring(
    anchors: ArrayLike,
    queries: ArrayLike,
    ks: Sequence[int] | None = None,
    *,
    alpha: float = 1.0,
    beta: float = 1.0,
    gamma: float = 1.0,
) -> ScoreParts:
    """Return the score of every query under the first k anchors, for every k at once.

    Args:
        anchors: embeddings ``[..., k, d]``, leading axes (such as layers) at will. queries: ``[..., n, d]``.
        ks: numbers of anchors, nested: each takes the first ones; all of them by default.
        alpha, beta, gamma: weights of density, mismatch and ln k.

    Raises:
        ValueError: an embedding, or the mean of the first k anchors, is zero or not finite, so that it has no
            direction; or a k is below 1 or above the number of anchors.
    """
    a, q = np.asarray(anchors, np.float64), np.asarray(queries, np.float64)
    most = a.shape[-2]
    chosen = np.array([most] if ks is None else list(ks), np.int64)
    if chosen.size == 0 or chosen.min() < 1 or chosen.max() > most:
        raise ValueError(f"anchoring: k = {chosen.tolist()} of {most} anchors; expected numbers from 1 to {most}")
    units, asked = _directions(a, "anchors"), _directions(q, "queries")
    density, undefined = _densities(units, chosen)
    means = np.cumsum(a, axis=-2)[..., chosen - 1, :] / chosen[:, None]
    cosines = np.einsum("...kd,...nd->...kn", _directions(means, "means of anchors"), asked)
    mismatch = 1 - np.clip(cosines, -1, 1)
    price = gamma * np.log(chosen)
    score = alpha * density[..., None] - beta * mismatch - price[:, None]
    middle = asked.mean(axis=-2)  # whose product with a direction is the mean cosine over queries
    errors = np.stack([_jackknife(a[..., :k, :], units[..., :k, :], middle, alpha, beta) for k in chosen], axis=-1)
    return ScoreParts(density, mismatch, score, np.where(np.isnan(density), np.nan, errors), undefined)


def _densities(
    directions: FloatArray, ks: np.ndarray[tuple[int], np.dtype[np.int64]]
) -> tuple[FloatArray, np.ndarray[tuple[int, ...], np.dtype[np.str_]]]:
    """Return density ``[..., K]``, and why it is undefined where it is, from unit vectors ``[..., k, d]``.

    The squared length of a sum of unit vectors is k plus the cosines of all ordered pairs, so no pair is visited.
    """
    sums = np.cumsum(directions, axis=-2)[..., ks - 1, :]
    pairs = np.where(ks > 1, ks * (ks - 1), np.nan)
    distance = 1 - (np.einsum("...kd,...kd->...k", sums, sums) - ks) / pairs
    distance = np.where(distance < IDENTICAL, np.nan, distance)
    reason = np.where(ks == 1, "one anchor", "identical anchors")
    return 1 / distance, np.where(np.isnan(distance), reason, "")


def _jackknife(a: FloatArray, units: FloatArray, middle: FloatArray, alpha: float, beta: float) -> FloatArray:
    """Return the standard error ``[...]`` of the mean score under the draw of the anchors ``a [..., k, d]``.

    Each anchor's absence changes the sum of all by one vector, so leaving out each in turn costs one product.
    """
    k = a.shape[-2]
    if k < 3:
        return np.full(a.shape[:-2], np.nan)
    total = units.sum(axis=-2)
    squares = np.einsum("...d,...d->...", total, total)[..., None] - 2 * np.einsum("...kd,...d->...k", units, total) + 1
    distance = 1 - (squares - (k - 1)) / ((k - 1) * (k - 2))
    distance = np.where(distance < IDENTICAL, np.nan, distance)
    means = _directions(a.sum(axis=-2, keepdims=True) - a, "means of anchors")
    scores = alpha / distance + beta * np.einsum("...kd,...d->...k", means, middle)
    error: FloatArray = np.sqrt((k - 1) * scores.var(axis=-1))
    return error


def _directions(vectors: FloatArray, what: str) -> FloatArray:
    """Return the vectors at length 1.

    Raises:
        ValueError: one of them is zero or not finite.
    """
    lengths = np.linalg.norm(vectors, axis=-1, keepdims=True)
    wrong = np.argwhere(~(np.isfinite(lengths[..., 0]) & (lengths[..., 0] > 0)))
    if wrong.size:
        raise ValueError(
            f"anchoring: {len(wrong)} of the {what} are zero or not finite (the first at index "
            f"{tuple(wrong[0].tolist())}): they have no direction, so no cosine distance"
        )
    directions: FloatArray = vectors / lengths
    return directions
