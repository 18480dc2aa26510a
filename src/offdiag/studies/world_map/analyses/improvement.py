"""Normalised improvement: a score between what a model could do before (0) and what it does where it is at home (1)."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from offdiag.errors import UserError
from offdiag.stats import FloatArray

LOWEST, HIGHEST = 0.0, 1.5


@dataclass(frozen=True, eq=False)
class Improvement:
    """Normalised improvements, all of one shape.

    Attributes:
        unclipped: below 0 for a model that got worse. clipped: the same from 0 to 1.5, as published.
        defined: False where the reference is no better than the start, so that there is no scale; both are 0 or 1 then.
    """

    unclipped: FloatArray
    clipped: FloatArray
    defined: NDArray[np.bool_]


def normalised_improvement(
    value: ArrayLike,
    before: ArrayLike,
    reference: ArrayLike,
    *,
    measure: Literal["accuracy", "error"],
    floor: float = 0.0,
) -> Improvement:
    """How far ``value`` is on the way from ``before`` to ``reference``; Park (2026), arXiv 2602.00533.

    An accuracy is placed linearly, (v - a) / (s - a), and 0 where s <= a. An error is placed by ratios,
    ln(a / v) / ln(a / s); where a, v or s is 0, or s >= a, it is 0 for v >= a, 1 for v <= s and linear between.

    Args:
        value: v, of the model now. before: a, of the model before. reference: s, of the model before on what it knows.
        measure: which of the two, at least 0. floor: errors below it count as this much: 0.5 for answers that are
            rounded to whole numbers keeps an error of zero on the scale.

    Raises:
        UserError: a number is negative, or the floor is.
    """
    v, a, s = np.broadcast_arrays(*(np.asarray(part, np.float64) for part in (value, before, reference)))
    if floor < 0 or any((part < 0).any() for part in (v, a, s)):
        raise UserError(f"normalised improvement: found a negative {measure} or floor, expected 0 or more")
    if measure == "accuracy":
        defined = s > a
        unclipped = np.where(defined, (v - a) / np.where(defined, s - a, 1), 0.0)
    else:
        v, a, s = (np.maximum(part, floor) for part in (v, a, s))
        defined = s < a
        unclipped = np.where(defined & (v > 0) & (s > 0), _by_ratio(v, a, s), _by_steps(v, a, s))
    unclipped = np.where(np.isnan(v + a + s), np.nan, unclipped)
    return Improvement(unclipped, unclipped.clip(LOWEST, HIGHEST), defined)


def _by_ratio(v: FloatArray, a: FloatArray, s: FloatArray) -> FloatArray:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.log(a / v) / np.log(a / s)


def _by_steps(v: FloatArray, a: FloatArray, s: FloatArray) -> FloatArray:
    with np.errstate(divide="ignore", invalid="ignore"):
        between = (a - v) / (a - s)
    return np.where(v >= a, 0.0, np.where(v <= s, 1.0, between))
