import math

import numpy as np
import pytest
from scipy.stats import spearmanr

from offdiag.stats.rank_correlation import rank_correlation


def test_the_coefficient_is_that_of_scipy_with_ties():
    draw = np.random.default_rng(0)
    x = draw.integers(0, 5, 200).astype(float)
    y = x + draw.normal(0, 3, 200).round()
    assert rank_correlation(x, y).value == pytest.approx(spearmanr(x, y).statistic, abs=1e-12)


def test_the_interval_of_bonett_and_wright_by_hand():
    """r = 0.8 of five points: z = 1.0986, its standard error sqrt((1 + 0.32) / 2) = 0.8124."""
    found = rank_correlation([1, 2, 3, 4, 5], [2, 1, 4, 3, 5])
    assert found.value == pytest.approx(0.8)
    assert (found.low, found.high) == pytest.approx((math.tanh(1.0986 - 1.5923), math.tanh(1.0986 + 1.5923)), abs=1e-3)


def test_the_interval_holds_the_truth_as_often_as_it_says():
    draw = np.random.default_rng(1)
    rho = 0.5
    truth = 6 / math.pi * math.asin(rho / 2)  # of Spearman's, for two normals (Pearson 1907)
    inside = 0
    for _ in range(400):
        x = draw.normal(size=120)
        found = rank_correlation(x, rho * x + math.sqrt(1 - rho**2) * draw.normal(size=120))
        inside += found.low < truth < found.high
    assert 0.92 < inside / 400 < 0.98


def test_what_has_no_correlation_or_no_interval():
    assert math.isnan(rank_correlation([1, 1, 1, 1], [1, 2, 3, 4]).value)
    assert rank_correlation([1, 2, math.nan, 4, 5], [1, 3, 2, math.nan, 2]).n == 3
    for perfect in (rank_correlation([1, 2, 3], [1, 2, 3]), rank_correlation(range(9), range(9))):
        assert perfect.value == 1
        assert math.isnan(perfect.low)
