import math

import numpy as np
import pytest
from scipy.stats import binom, binomtest

from offdiag.stats import Estimate, independent_difference, median_interval, wilson


@pytest.mark.parametrize(("correct", "n"), [(0, 10), (3, 10), (10, 10), (1, 250), (124, 250), (250, 250)])
def test_wilson_agrees_with_scipy(correct, n):
    expected = binomtest(correct, n).proportion_ci(0.9, method="wilson")
    low, high = wilson(correct, n, level=0.9)
    assert (float(low), float(high)) == pytest.approx((expected.low, expected.high), abs=1e-12)


def test_wilson_takes_arrays_and_is_exact_at_the_ends():
    low, high = wilson([[0, 5], [7, 7]], [[7, 7], [7, 0 + 7]])
    assert low.shape == high.shape == (2, 2)
    assert low[0, 0] == 0
    assert high[1, 0] == 1
    assert 0 < low[0, 1] < 5 / 7 < high[0, 1] < 1


def test_wilson_without_items_is_nan():
    low, high = wilson([0, 1], [0, 2])
    assert np.isnan([low[0], high[0]]).all()
    assert np.isfinite([low[1], high[1]]).all()


@pytest.mark.parametrize(("correct", "n"), [(-1, 5), (6, 5)])
def test_wilson_refuses_impossible_counts(correct, n):
    with pytest.raises(ValueError, match="between 0 and its n"):
        wilson(correct, n)


def test_wilson_refuses_a_percentage_as_level():
    with pytest.raises(ValueError, match="level = 95"):
        wilson(1, 2, level=95)


@pytest.mark.parametrize("p", [0.02, 0.1, 0.5, 0.9])
def test_wilson_covers_the_truth(p):
    n = 100
    counts = np.arange(n + 1)
    low, high = wilson(counts, n)
    covered = binom.pmf(counts, n, p)[(low <= p) & (p <= high)].sum()
    assert 0.92 <= covered <= 0.985


def test_a_median_lies_between_order_statistics_of_the_binomial():
    # 20 values: P(Bin(20, 1/2) <= 5) = .0207 and <= 6 = .0577, so the sixth value from each end.
    low, high = median_interval(np.arange(1, 21)[::-1])
    assert (low, high) == (6, 15)


def test_too_few_values_say_nothing_of_a_median():
    assert np.isnan(median_interval(range(5))).all()
    assert tuple(map(float, median_interval(range(6)))) == (0, 5)  # 2 / 2 ** 6 outside
    assert np.isnan(median_interval([])).all()


def test_the_interval_of_a_median_covers_it():
    rng = np.random.default_rng(0)
    draws = rng.exponential(size=(2000, 41))
    inside = [low <= np.log(2) <= high for low, high in map(median_interval, draws)]
    assert 0.96 <= np.mean(inside) <= 0.985  # the fourteenth from each end: 97.2 %


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
def test_independent_difference_published_examples(first, second, low, high):
    found = independent_difference(proportion(*first), proportion(*second))
    assert found.value == pytest.approx(first[0] / first[1] - second[0] / second[1])
    assert (found.low, found.high) == pytest.approx((low, high), abs=6e-5)


def test_independent_difference_swapping_the_two_mirrors_the_interval():
    a, b = proportion(17, 40), proportion(3, 25)
    there, back = independent_difference(a, b), independent_difference(b, a)
    assert (there.low, there.high) == pytest.approx((-back.high, -back.low))


def test_independent_difference_what_is_not_known_stays_unknown():
    found = independent_difference(Estimate(0.5, 0.4, 0.6), Estimate(0.2, math.nan, math.nan))
    assert found.value == pytest.approx(0.3)
    assert math.isnan(found.low)
    assert math.isnan(found.high)


def test_independent_difference_the_interval_covers_the_truth():
    rng = np.random.default_rng(0)
    draws = zip(rng.binomial(250, 0.9, 2000), rng.binomial(100, 0.7, 2000), strict=True)
    found = [independent_difference(proportion(a, 250), proportion(b, 100)) for a, b in draws]
    assert 0.935 < np.mean([ends.low <= 0.2 <= ends.high for ends in found]) < 0.97
