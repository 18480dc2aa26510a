"""Linear probes from features to places on the plane, their quality on held-out items, and the length of their bias."""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from offdiag.seeds import stream
from offdiag.stats.bootstrap import item_counts, percentile_ends
from offdiag.stats.intervals import UNKNOWN, Estimate, FloatArray

ANGLES = 180  # directions over which the chances are averaged


def mean_length(vectors: ArrayLike, level: float = 0.95) -> Estimate:
    """Return the length of the mean of ``vectors`` ``[n, 2]`` with its interval; both ends are NaN below four vectors.

    The length of a mean is larger than that of the true mean, the more so the smaller this is: where there is no bias
    at all every bootstrap finds one, and its percentiles lie above 0. So the interval inverts the two one-sided tests
    of the length: its ends are the lengths, in the direction that was found, of which a mean as long as this one or
    longer (or as short or shorter) comes about in the share (1 - level) / 2 of samples. Chances are those of
    Hotelling's T² (1931), exact for normal vectors of any covariance. The lower end is 0 where no length is needed to
    explain the mean; the upper end is never below the length that noise alone exceeds in the share 1 - level, so it
    covers small lengths more often than ``level``.

    Raises:
        ValueError: the shape is not [n, 2].
    """
    from scipy.optimize import brentq

    found = np.asarray(vectors, np.float64)
    if found.ndim != 2 or found.shape[1] != 2:
        raise ValueError(f"mean_length of shape {found.shape}: expected [n, 2]")
    n = len(found)
    if not n:
        return UNKNOWN
    mean = found.mean(axis=0)
    length = float(np.hypot(*mean))
    if n < 4:
        return Estimate(length, n=n)
    noise = _Noise(found, mean)
    if noise.size == 0:  # all vectors are alike: nothing tells how far the mean may be off
        return Estimate(length, n=n)
    tail, far = (1 - level) / 2, length + 1e3 * noise.size
    by_noise = float(brentq(lambda radius: noise.within(radius, 0) - level, 0, far))
    low = 0.0
    if 1 - noise.within(length, 0) < tail:
        low = float(brentq(lambda true: 1 - noise.within(length, true) - tail, 0, length))
    high = 0.0
    if noise.within(length, 0) > tail:
        high = float(brentq(lambda true: noise.within(length, true) - tail, 0, far))
    return Estimate(length, low, max(high, by_noise), n)


class _Noise:
    """The distribution of the error of a mean: a vector of Hotelling's radius in a random direction, stretched.

    Attributes:
        size: its standard deviation, both axes together.
    """

    def __init__(self, vectors: FloatArray, mean: FloatArray) -> None:
        self.n = len(vectors)
        values, axes = np.linalg.eigh(np.cov(vectors.T) / self.n)
        self.size = math.sqrt(max(0.0, float(values.sum())))
        angles = (np.arange(ANGLES) + 0.5) * (2 * np.pi / ANGLES)
        # an axis without any spread keeps a millionth of the other's, so that no division by 0 is left
        stretched = axes * np.sqrt(np.maximum(values, 1e-12 * values.max(initial=0)))
        self.directions = stretched @ np.stack([np.cos(angles), np.sin(angles)])
        length = np.hypot(*mean)
        self.along = (mean / length if length else np.array([1.0, 0.0])) @ self.directions
        self.squares = np.sum(self.directions**2, axis=0)

    def within(self, radius: float, true: float) -> float:
        """Return the chance that a mean is no longer than ``radius`` where the true one has the length ``true``."""
        # In each direction the mean is true + t x direction; |mean| <= radius holds between the roots in t.
        half = true * self.along
        inside = half**2 - self.squares * (true**2 - radius**2)
        root = np.sqrt(np.maximum(inside, 0))
        ends = [np.maximum((-half + sign * root) / self.squares, 0) for sign in (-1, 1)]
        near, far = ((1 + end**2 / (self.n - 1)) ** (1 - self.n / 2) for end in ends)
        return float(np.where(inside > 0, near - far, 0).mean())


# Penalties to choose from, as shares of the features' mean variance along a direction in which they vary at all.
PENALTIES: tuple[float, ...] = tuple(10.0**power for power in range(-6, 3))


class CoordinateProbe(NamedTuple):
    """An affine map from features to places.

    Attributes:
        weights: [p, 2]. centre: [p], the features' means. place: [2], the mean place. penalty: of the fit.
    """

    weights: FloatArray
    centre: FloatArray
    place: FloatArray
    penalty: float

    def __call__(self, features: ArrayLike) -> FloatArray:
        """Return places ``[n, 2]`` of features ``[n, p]``."""
        found: FloatArray = (np.asarray(features, np.float64) - self.centre) @ self.weights + self.place
        return found


def fit_probe(features: ArrayLike, places: ArrayLike, penalty: float | None = None) -> CoordinateProbe:
    """Fit least squares from ``features [n, p]`` to ``places [n, 2]``, x and y separately.

    Args:
        penalty: of ridge regression, on the squared weights, as a share of the features' mean variance over the
            min(n, p) directions; 0 is ordinary least squares (of least norm where there are more features than items).
            None chooses one of ``PENALTIES`` for both axes by the leave-one-out error on these items, in closed form.

    Raises:
        ValueError: the shapes do not fit, or there are fewer than two items.
    """
    x, y = np.asarray(features, np.float64), np.asarray(places, np.float64)
    if x.ndim != 2 or y.shape != (len(x), 2) or len(x) < 2:
        raise ValueError(f"probe of shapes {x.shape} and {y.shape}: expected [n, p] and [n, 2] with n of 2 or more")
    centre, place = x.mean(0), y.mean(0)
    left, values, right = np.linalg.svd(x - centre, full_matrices=False)
    known = values > np.finfo(np.float64).eps * max(x.shape) * values.max(initial=0)
    left, values, right = left[:, known], values[known], right[known]
    unit = float(values @ values) / max(1, min(x.shape))
    if penalty is None:
        errors = [_left_out(left, values, y - place, each * unit) for each in PENALTIES]
        penalty = PENALTIES[int(np.argmin(errors))]
    inner = values / (values**2 + penalty * unit)
    return CoordinateProbe(right.T @ (inner[:, None] * (left.T @ (y - place))), centre, place, penalty)


def _left_out(left: FloatArray, values: FloatArray, y: FloatArray, penalty: float) -> float:
    """Return the sum of squared errors of each item by a fit to the others (Allen's PRESS); the mean is fitted, too."""
    share = values**2 / (values**2 + penalty)
    residual = y - left @ (share[:, None] * (left.T @ y))
    leverage = left**2 @ share + 1 / len(y)
    return float(np.sum((residual / np.maximum(1 - leverage, 1e-12)[:, None]) ** 2))


def held_out_places(
    features: ArrayLike, places: ArrayLike, *, n_folds: int = 10, seed: int = 0, penalty: float | None = None
) -> FloatArray:
    """Return each item's place ``[n, 2]`` by a probe fitted to the other folds, which depend on n and seed alone."""
    x, y = np.asarray(features, np.float64), np.asarray(places, np.float64)
    folds = fold_of(len(x), n_folds, seed)
    found = np.empty((len(x), 2))
    for fold in range(folds.max() + 1):
        out = folds == fold
        found[out] = fit_probe(x[~out], y[~out], penalty)(x[out])
    return found


def fold_of(n: int, n_folds: int, seed: int) -> NDArray[np.int64]:
    """Return the fold of each of ``n`` items; sizes differ by one at most."""
    order: NDArray[np.int64] = stream(seed, "probe folds", n, n_folds).permutation(n)
    return order % min(n_folds, n)


class ProbeQuality(NamedTuple):
    """Errors and R2 of predicted places, each with its interval.

    Attributes:
        r2: 1 - squared error / squared distance to the mean of these items, over both axes. r2_x, r2_y: of one axis.
        error, median: mean and median Euclidean distance, in the unit of the places.
        bias_x, bias_y: mean prediction minus mean place. bias: the length of that (:func:`mean_length`).
    """

    r2: Estimate
    r2_x: Estimate
    r2_y: Estimate
    error: Estimate
    median: Estimate
    bias_x: Estimate
    bias_y: Estimate
    bias: Estimate


def probe_quality(
    places: ArrayLike, predicted: ArrayLike, *, n_resamples: int = 2000, seed: int = 0, level: float = 0.95
) -> ProbeQuality:
    """Return the quality of predictions ``[n, 2]``; intervals are over the items and keep the probes fixed.

    They resample the items, but for that of the bias's length.

    Raises:
        ValueError: no items, or shapes that differ.
    """
    truth, guess = np.asarray(places, np.float64), np.asarray(predicted, np.float64)
    if truth.ndim != 2 or truth.shape[1] != 2 or truth.shape != guess.shape or not len(truth):
        raise ValueError(f"probe_quality of shapes {truth.shape} and {guess.shape}: expected [n, 2] twice, n > 0")
    n = len(truth)
    counts = np.concatenate([np.ones((1, n)), item_counts(n, n_resamples, seed, "probe quality", n)])
    centred, wrong = truth - truth.mean(0), guess - truth
    spread = counts @ centred**2 - (counts @ centred) ** 2 / n
    squares, bias = counts @ wrong**2, counts @ wrong / n
    distance = np.hypot(*wrong.T)
    replicates = (
        _explained(squares.sum(1), spread.sum(1)),
        _explained(squares[:, 0], spread[:, 0]),
        _explained(squares[:, 1], spread[:, 1]),
        counts @ distance / n,
        _medians(distance, counts),
        bias[:, 0],
        bias[:, 1],
    )
    resampled = [Estimate(float(each[0]), *percentile_ends(each[1:], level)) for each in replicates]
    return ProbeQuality._make([*resampled, mean_length(wrong, level)])


def _explained(squares: FloatArray, spread: FloatArray) -> FloatArray:
    """Return R2 per resample; minus infinity where all its items lie in one place."""
    apart = spread > 1e-9 * spread[0]
    found: FloatArray = np.where(apart, 1 - squares / np.where(apart, spread, 1), -np.inf)
    return found


def _medians(values: FloatArray, counts: FloatArray) -> FloatArray:
    """Return the median per resample: the middle value, or the mean of the two in the middle."""
    order = np.argsort(values)
    reached = np.cumsum(counts[:, order], axis=1)
    half = len(values) / 2
    lower, upper = (reached >= half).argmax(1), (reached > half).argmax(1)
    ordered = values[order]
    found: FloatArray = (ordered[lower] + ordered[upper]) / 2
    return found
