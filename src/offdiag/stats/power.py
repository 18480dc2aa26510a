"""What a comparison of a given size could have seen."""

import math

from offdiag.stats.intervals import normal_quantile


def minimum_detectable_difference(n: int, disagreement: float, power: float = 0.8, level: float = 0.95) -> float:
    """Smallest true paired difference that ``n`` shared items reveal with the given power (Connor 1987, McNemar test).

    Solves ``sqrt(n) d = z_level sqrt(p) + z_power sqrt(p - d^2)`` for d, with p the share of items on which the two
    learners disagree.

    Args:
        n: shared items.
        disagreement: expected share of items that exactly one of the two has right, from 0 to 1.
        power: chance of rejecting equality, above 0.5.
        level: 1 minus the two-sided significance level.

    Returns:
        The difference as a proportion; NaN where none would do, since a difference cannot exceed the disagreement.

    Raises:
        ValueError: an argument is outside its range.
    """
    if n < 1 or not 0 <= disagreement <= 1 or not 0.5 < power < 1:
        raise ValueError(f"minimum_detectable_difference: n = {n}, disagreement = {disagreement}, power = {power}")
    z, z_power = normal_quantile(level), normal_quantile(2 * power - 1)
    inner = n + z_power**2 - z**2
    if inner < 0:
        return math.nan
    root = (z * math.sqrt(n) + z_power * math.sqrt(inner)) / (n + z_power**2)
    difference = math.sqrt(disagreement) * root
    return difference if 0 < difference <= disagreement else math.nan
