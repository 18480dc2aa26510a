"""The least-squares curve that never falls, and where it reaches one half."""

import numpy as np

from offdiag.stats.intervals import FloatArray


def isotonic(curve: FloatArray) -> FloatArray:
    """Return the least-squares fit that never falls, along the last axis (equal weights).

    The max-min formula (Robertson, Wright and Dykstra 1988, section 1.4): the largest, over all beginnings up to k, of
    the smallest mean from there to an end at or after k.
    """
    size = curve.shape[-1]
    sums = np.concatenate([np.zeros_like(curve[..., :1]), np.cumsum(curve, axis=-1)], axis=-1)
    begin, end = np.meshgrid(np.arange(size), np.arange(size), indexing="ij")
    lengths = np.where(end >= begin, end - begin + 1, 1)
    means = np.where(end >= begin, (sums[..., None, 1:] - sums[..., :-1, None]) / lengths, np.inf)
    smallest = np.minimum.accumulate(means[..., ::-1], axis=-1)[..., ::-1]
    return np.asarray(np.where(begin <= end, smallest, -np.inf).max(axis=-2))


def half_crossing(k: FloatArray, curve: FloatArray) -> FloatArray:
    """Return k50 ``[...]``: where the isotonic fit to ``curve`` ``[..., K]`` at ``k`` ``[K]`` first reaches 1/2.

    Lines join the points of the fit. k50 is ``k[0]`` where the fit is at 1/2 or above from the start, so that only an
    upper bound is known, and infinite where 1/2 is never reached.
    """
    fit = isotonic(curve)
    above = fit >= 0.5
    after = np.argmax(above, axis=-1)
    before = np.maximum(after - 1, 0)
    low, high = (np.take_along_axis(fit, at[..., None], axis=-1)[..., 0] for at in (before, after))
    with np.errstate(invalid="ignore", divide="ignore"):
        within = k[before] + (0.5 - low) / (high - low) * (k[after] - k[before])
    return np.asarray(np.where(above[..., 0], k[0], np.where(above.any(axis=-1), within, np.inf)))


def bracket(k: FloatArray, places: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the measured ``k`` on both sides of ``places``, which the data between them do not tell.

    What is at or before the first k lies between 0 and it, what is beyond the last one between it and infinity.

    >>> bracket(np.array([1.0, 2, 4]), np.array([2.5, 0.3, 4, 9]))
    (array([2., 0., 2., 4.]), array([ 4.,  1.,  4., inf]))
    """
    after = np.searchsorted(k, places, side="left")
    lows, highs = np.concatenate([[0.0], k]), np.concatenate([k, [np.inf]])
    return np.asarray(np.minimum(lows[after], highs[after])), np.asarray(highs[after])
