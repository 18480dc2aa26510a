import math

import numpy as np
import pytest
from scipy import stats
from scipy.stats import spearmanr

from offdiag.stats import UNKNOWN
from offdiag.stats.correlation import _permutations, correlation, rank_correlation

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
    assert 86 <= covered <= 99  # 95 %, a little less with 30 points
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
    found = correlation([1, 2, 3, 4], [1, 2, 3, 5])
    assert found.spearman.value == 1
    assert np.isnan(found.spearman.low)
    assert found.spearman.p_value == pytest.approx(2 / 24, abs=0.03)  # 2 of the 24 orders are as extreme
    assert found.note == "4 points: too few for an interval"


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


def test_rank_correlation_the_interval_of_bonett_and_wright_by_hand():
    """r = 0.8 of five points: z = 1.0986, its standard error sqrt((1 + 0.32) / 2) = 0.8124."""
    found = rank_correlation([1, 2, 3, 4, 5], [2, 1, 4, 3, 5])
    assert found.value == pytest.approx(0.8)
    assert (found.low, found.high) == pytest.approx((math.tanh(1.0986 - 1.5923), math.tanh(1.0986 + 1.5923)), abs=1e-3)


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
    for perfect in (rank_correlation([1, 2, 3], [1, 2, 3]), rank_correlation(range(9), range(9))):
        assert perfect.value == 1
        assert math.isnan(perfect.low)
