import numpy as np
import pytest
from scipy.stats import binom, binomtest

from offdiag.stats import median_interval, wilson


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
