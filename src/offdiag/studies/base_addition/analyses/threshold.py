"""Where a curve of accuracies passes one half, without a model of its shape."""

import numpy as np

from offdiag.stats import FloatArray


def isotonic(accuracy: FloatArray) -> FloatArray:
    """The least-squares fit that never falls, along the last axis (equal weights).

    The max-min formula (Robertson, Wright and Dykstra 1988, section 1.4): the largest, over all beginnings up to k, of
    the smallest mean from there to an end at or after k.
    """
    size = accuracy.shape[-1]
    sums = np.concatenate([np.zeros_like(accuracy[..., :1]), np.cumsum(accuracy, axis=-1)], axis=-1)
    begin, end = np.meshgrid(np.arange(size), np.arange(size), indexing="ij")
    lengths = np.where(end >= begin, end - begin + 1, 1)
    means = np.where(end >= begin, (sums[..., None, 1:] - sums[..., :-1, None]) / lengths, np.inf)
    smallest = np.minimum.accumulate(means[..., ::-1], axis=-1)[..., ::-1]
    return np.asarray(np.where(begin <= end, smallest, -np.inf).max(axis=-2))


def half_crossing(k: FloatArray, accuracy: FloatArray) -> FloatArray:
    """k50: where the isotonic fit to ``accuracy`` ``[..., K]`` at ``k`` ``[K]``, joined by lines, first reaches 1/2.

    It is ``k[0]`` where the fit is at 1/2 or above from the start, so that k50 is known not to be larger only, and
    infinite where it is never reached.
    """
    fit = isotonic(accuracy)
    above = fit >= 0.5
    after = np.argmax(above, axis=-1)
    before = np.maximum(after - 1, 0)
    low, high = (np.take_along_axis(fit, at[..., None], axis=-1)[..., 0] for at in (before, after))
    with np.errstate(invalid="ignore", divide="ignore"):
        within = k[before] + (0.5 - low) / (high - low) * (k[after] - k[before])
    return np.asarray(np.where(above[..., 0], k[0], np.where(above.any(axis=-1), within, np.inf)))
