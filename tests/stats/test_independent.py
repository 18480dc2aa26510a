import math

import numpy as np
import pytest

from offdiag.stats import Estimate, independent_difference, wilson


def proportion(successes: int, n: int) -> Estimate:
    interval = wilson(successes, n)
    return Estimate(successes / n, float(interval.low), float(interval.high))


@pytest.mark.parametrize(
    ("first", "second", "low", "high"),
    [  # Newcombe (1998), table II, method 10
        ((56, 70), (48, 80), 0.0524, 0.3339),
        ((9, 10), (3, 10), 0.1705, 0.8090),
        ((6, 7), (2, 7), 0.0582, 0.8062),
        ((5, 56), (0, 29), -0.0381, 0.1926),
        ((0, 10), (0, 20), -0.1611, 0.2775),
        ((10, 10), (0, 20), 0.6791, 1.0),
    ],
)
def test_published_examples(first, second, low, high):
    found = independent_difference(proportion(*first), proportion(*second))
    assert found.value == pytest.approx(first[0] / first[1] - second[0] / second[1])
    assert (found.low, found.high) == pytest.approx((low, high), abs=6e-5)


def test_swapping_the_two_mirrors_the_interval():
    a, b = proportion(17, 40), proportion(3, 25)
    there, back = independent_difference(a, b), independent_difference(b, a)
    assert (there.low, there.high) == pytest.approx((-back.high, -back.low))


def test_what_is_not_known_stays_unknown():
    found = independent_difference(Estimate(0.5, 0.4, 0.6), Estimate(0.2, math.nan, math.nan))
    assert found.value == pytest.approx(0.3)
    assert math.isnan(found.low)
    assert math.isnan(found.high)


def test_the_interval_covers_the_truth():
    rng = np.random.default_rng(0)
    draws = zip(rng.binomial(250, 0.9, 2000), rng.binomial(100, 0.7, 2000), strict=True)
    found = [independent_difference(proportion(a, 250), proportion(b, 100)) for a, b in draws]
    assert 0.935 < np.mean([ends.low <= 0.2 <= ends.high for ends in found]) < 0.97
