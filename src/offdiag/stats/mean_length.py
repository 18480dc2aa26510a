"""The length of a mean vector on the plane, such as the bias of predicted places, with its interval."""

import math

import numpy as np
from numpy.typing import ArrayLike

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
