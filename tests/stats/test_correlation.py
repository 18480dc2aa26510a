import math

import numpy as np
import pytest
from scipy import stats
from scipy.stats import spearmanr

from offdiag.stats import UNKNOWN
from offdiag.stats.correlation import _permutations, correlation, interval_of_correlation, rank_correlation

RNG = np.random.default_rng(0)


def test_coefficients_are_those_of_scipy():
    x = RNG.normal(size=30)
    y = x**3 + RNG.normal(size=30)
    found = correlation(x, y)
    assert found.n == 30
    assert found.pearson.value == pytest.approx(stats.pearsonr(x, y).statistic)
    assert found.spearman.value == pytest.approx(stats.spearmanr(x, y).statistic)
    assert found.pearson.p_value == pytest.approx(1 / 2001)
    assert found.note == ""
    for one in (found.pearson, found.spearman):
        assert -1 <= one.low < one.value < one.high <= 1


def test_the_interval_covers_and_the_test_holds_its_level():
    covered = rejected = 0
    for run in range(100):
        rng = np.random.default_rng(run)
        x, noise = rng.normal(size=(2, 30))
        found = correlation(x, 0.6 * x + 0.8 * noise, n_resamples=200).pearson
        covered += found.low <= 0.6 <= found.high
        rejected += correlation(x, noise, n_resamples=200).spearman.p_value <= 0.05
    assert 91 <= covered <= 99
    assert 1 <= rejected <= 12


def test_unknown_points_do_not_count():
    x = [1, 2, np.nan, 3, 4, 5, 6]
    y = [2, 1, 7, np.nan, 4, 5, 7]
    assert correlation(x, y)[:3] == correlation([1, 2, 4, 5, 6], [2, 1, 4, 5, 7])[:3]


@pytest.mark.parametrize(
    ("x", "y", "note"),
    [([], [], "0 points: no correlation"), ([1, 2], [1, 2], "2 points: no correlation"),
     ([1, 2, 3], [5, 5, 5], "one of the two does not vary")],
)  # fmt: skip
def test_no_correlation_without_points_or_spread(x, y, note):
    found = correlation(x, y)
    assert found.note == note
    assert (found.pearson, found.spearman) == (UNKNOWN, UNKNOWN)


def test_few_points_have_no_interval_but_a_p_value_that_knows():
    found = correlation([1, 2, 3], [1, 2, 4])
    assert found.spearman.value == 1
    assert np.isnan(found.spearman.low)
    assert found.spearman.p_value == pytest.approx(2 / 6, abs=0.05)  # 2 of the 6 orders are as extreme
    assert found.note == "3 points: too few for an interval"


@pytest.mark.parametrize("n", [4, 6, 10, 50])
def test_a_perfect_order_has_an_interval_as_long_as_its_points_are_few(n):
    x = np.arange(n) ** 2.0
    for found in (rank_correlation(range(n), x), correlation(range(n), x).spearman):
        assert (found.value, found.high) == (1, 1)
        by_hand = math.atanh(1 - 6 / (n**3 - n)) - 1.95996 * math.sqrt((1 + (1 - 6 / (n**3 - n)) ** 2 / 2) / (n - 3))
        assert found.low == pytest.approx(math.tanh(by_hand), abs=1e-4)
    down = rank_correlation(range(n), -x)
    assert (down.low, down.value, down.high) == pytest.approx((-1, -1, -found.low))


@pytest.mark.parametrize("n", [5, 6, 8, 12])
def test_a_perfect_order_is_no_less_likely_than_among_permutations(n):
    assert rank_correlation(range(n), range(n)).p_value >= 2 / math.factorial(n)


def test_four_points_in_perfect_order_may_be_unrelated():
    """One order of 24 is as perfect by chance alone, more than the 2.5 % of an end."""
    assert rank_correlation(range(4), range(4)).low < 0 < rank_correlation(range(6), range(6)).low


def test_equal_points_on_a_line_have_an_interval():
    found = correlation(range(8), range(8)).pearson
    assert found.low < found.value == found.high == 1


@pytest.mark.parametrize("n", [8, 15])
@pytest.mark.parametrize("skewed", [False, True])
def test_the_interval_covers_few_points_of_any_kind(n, skewed):
    """Where percentiles of a bootstrap covered 89 to 92 %; the larger simulation is `make simulate`."""
    draw = np.random.default_rng(n)
    truth = (math.exp(0.64 * 0.8) - 1) / (math.exp(0.64) - 1) if skewed else 0.8  # of lognormals with sd 0.8
    inside = 0
    for _ in range(200):
        x, noise = draw.normal(size=(2, n))
        y = 0.8 * x + 0.6 * noise
        low, high = interval_of_correlation(*(np.exp(0.8 * each) if skewed else each for each in (x, y)), ranks=False)
        inside += low <= truth <= high
    assert 0.91 <= inside / 200 <= 1


def test_strata_take_what_is_common_to_them_off():
    x = [0, 1, 2, 100, 101, 102, 7]
    y = [0, 1, 2, -100, -99, -98, 3]
    assert correlation(x, y).pearson.value < -0.9
    found = correlation(x, y, ["a", "a", "a", "b", "b", "b", "alone"])
    assert found.n == 6
    assert found.pearson.value == found.spearman.value == 1


def test_permutations_stay_within_their_strata():
    labels = np.array([1, 0, 1, 0, 0, 2])
    found = _permutations(labels, 500, np.random.default_rng(0))
    assert (labels[found] == labels).all()
    assert (np.sort(found, axis=1) == np.arange(6)).all()
    assert len({tuple(row) for row in found.tolist()}) == 12


def test_vectors_must_be_aligned():
    with pytest.raises(ValueError, match="aligned"):
        correlation([1, 2], [1, 2, 3])


def test_rank_correlation_is_that_of_scipy_with_ties():
    draw = np.random.default_rng(0)
    x = draw.integers(0, 5, 200).astype(float)
    y = x + draw.normal(0, 3, 200).round()
    assert rank_correlation(x, y).value == pytest.approx(spearmanr(x, y).statistic, abs=1e-12)


def test_the_interval_is_the_longer_one_of_bonett_and_wright_and_the_jackknife():
    draw = np.random.default_rng(3)
    seen = set()
    for _ in range(30):
        x, y = draw.normal(size=(2, 12))
        y = y + 0.7 * x
        r = spearmanr(x, y).statistic
        left = [math.atanh(spearmanr(np.delete(x, i), np.delete(y, i)).statistic) for i in range(12)]
        jackknife = math.sqrt(11 / 12 * np.sum((left - np.mean(left)) ** 2))
        errors = {"normal": math.sqrt((1 + r**2 / 2) / 9), "jackknife": jackknife}
        seen.add(max(errors, key=errors.__getitem__))
        half = stats.norm.ppf(0.975) * max(errors.values())
        found = rank_correlation(x, y)
        assert found.low == pytest.approx(math.tanh(math.atanh(r) - half))
        assert found.high == pytest.approx(math.tanh(math.atanh(r) + half))
    assert seen == {"normal", "jackknife"}


def test_rank_correlation_the_interval_holds_the_truth_as_often_as_it_says():
    draw = np.random.default_rng(1)
    rho = 0.5
    truth = 6 / math.pi * math.asin(rho / 2)  # of Spearman's, for two normals (Pearson 1907)
    inside = 0
    for _ in range(400):
        x = draw.normal(size=120)
        found = rank_correlation(x, rho * x + math.sqrt(1 - rho**2) * draw.normal(size=120))
        inside += found.low < truth < found.high
    assert 0.92 < inside / 400 < 0.98


def test_rank_correlation_what_has_no_correlation_or_no_interval():
    assert math.isnan(rank_correlation([1, 1, 1, 1], [1, 2, 3, 4]).value)
    assert rank_correlation([1, 2, math.nan, 4, 5], [1, 3, 2, math.nan, 2]).n == 3
    three = rank_correlation([1, 2, 3], [1, 2, 3])
    assert three.value == 1
    assert math.isnan(three.low)


@pytest.mark.parametrize("n", [5, 20, 300])
def test_the_p_value_of_a_rank_correlation_inverts_its_interval(n):
    draw = np.random.default_rng(n)
    x = draw.standard_normal(n)
    y = x / n**0.5 + draw.standard_normal(n)
    p_value = rank_correlation(x, y).p_value
    at_p = rank_correlation(x, y, level=1 - p_value)
    assert min(abs(at_p.low), abs(at_p.high)) == pytest.approx(0, abs=1e-9)
    assert np.isnan(rank_correlation(x[:3], y[:3]).p_value)
