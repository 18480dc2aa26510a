"""Equivalence: whether a difference is shown to be small, which a test of no difference cannot show."""

import math

from offdiag.stats.intervals import Estimate


def smallest_margin(at_90: Estimate) -> float:
    """Return the smallest margin within which a difference is shown to lie, at 5 %; NaN where there is no interval.

    Two one-sided tests (Schuirmann 1987, Journal of Pharmacokinetics and Biopharmaceutics 15:657) show at 5 % that a
    difference lies within ± a margin where its 90 % interval does. So one number answers for every margin: the learners
    are equivalent for each that is larger.

    Args:
        at_90: the difference with its interval at level 0.90.
    """
    if math.isnan(at_90.low) or math.isnan(at_90.high):
        return math.nan
    return max(abs(at_90.low), abs(at_90.high))


def equivalent(at_90: Estimate, margin: float) -> bool:
    """Return whether the difference is shown to lie within ± ``margin`` at 5 %.

    Raises:
        ValueError: ``margin`` is not above 0.
    """
    if not margin > 0:
        raise ValueError(f"margin = {margin}: expected a number above 0, for example 0.05 for five points")
    return smallest_margin(at_90) < margin
