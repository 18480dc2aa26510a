import math

import numpy as np
import pytest
from scipy.stats import norm

from offdiag.stats import minimum_detectable_difference
from offdiag.stats.learner_difference import learner_difference
from offdiag.stats.power import (
    GapVariance,
    gap_variance,
    items_needed,
    minimum_detectable_gap,
    power_of,
    seeds_needed,
)


def test_without_seeds_the_power_is_that_of_a_z_test():
    variance = gap_variance(0.6, 0.1)
    error = math.sqrt((0.6 * 0.3 + 0.7 * 0.4 - 0.01) / 200)
    expected = norm.cdf(0.1 / error - 1.959964) + norm.cdf(-0.1 / error - 1.959964)
    assert power_of(0.1, variance, 200, 1) == pytest.approx(expected, rel=1e-6)
    assert power_of(0.0, variance, 200, 1) == pytest.approx(0.05, abs=1e-6)


def test_the_detectable_gap_is_near_that_of_connor():
    """Connor's (1987) formula for McNemar's test, which takes the variance without a gap under the hypothesis."""
    variance = GapVariance(0.3)
    assert minimum_detectable_gap(variance, 500, 1) == pytest.approx(minimum_detectable_difference(500, 0.3), rel=0.02)


@pytest.mark.parametrize("n_seeds", [2, 3])
def test_the_power_is_what_the_test_finds_in_simulated_studies(n_seeds):
    draw, rejected, runs = np.random.default_rng(0), 0, 250
    for _ in range(runs):
        grids = []
        for accuracy in (0.45, 0.65):
            chances = np.clip(accuracy + 0.06 * draw.standard_normal((n_seeds, 1)), 0, 1)
            grids.append((draw.random((n_seeds, 200)) < chances).astype(float))
        rejected += learner_difference(grids[1], grids[0]).difference.p_value < 0.05
    by_chance = 0.45 * 0.55 + 0.65 * 0.35
    expected = power_of(0.2, GapVariance(by_chance, 0.06**2, residual=by_chance), 200, n_seeds)
    assert rejected / runs == pytest.approx(expected, abs=0.09)


def test_what_is_needed_is_just_enough():
    variance = gap_variance(0.5, 0.08, seed_sd=0.02)
    n = items_needed(0.08, variance, n_seeds=4)
    assert power_of(0.08, variance, n, 4) >= 0.8 > power_of(0.08, variance, n - 1, 4)
    seeds = seeds_needed(0.08, variance, n_items=300)
    assert power_of(0.08, variance, 300, seeds) >= 0.8 > power_of(0.08, variance, 300, seeds - 1)
    gap = minimum_detectable_gap(variance, 300, seeds)
    assert power_of(gap, variance, 300, seeds) == pytest.approx(0.8, abs=1e-3)


def test_no_number_of_items_makes_up_for_few_seeds():
    variance = gap_variance(0.5, 0.05, seed_sd=0.1)
    assert items_needed(0.05, variance, n_seeds=2) == math.inf
    assert math.isnan(power_of(0.05, variance, 1000, 1))  # one seed tells nothing of others
    assert seeds_needed(0.01, gap_variance(0.5, 0.01, disagreement=0.4), n_items=50) == math.inf


@pytest.mark.parametrize("wrong", [{"accuracy": 0.99, "gap": 0.05}, {"accuracy": 0.5, "gap": 0.2, "disagreement": 0.1}])
def test_mistakes(wrong):
    with pytest.raises(ValueError, match="expected"):
        gap_variance(**wrong)


def test_answers_that_all_agree_do_not_make_every_gap_detectable():
    """A gap of g needs a share g of items on which the two differ, even if none of 40 did."""
    detectable = minimum_detectable_gap(GapVariance(0.0), 40, 1)
    error = math.sqrt((detectable - detectable**2) / 40)
    assert detectable == pytest.approx((norm.ppf(0.975) + norm.ppf(0.8)) * error, abs=1e-4)
    assert items_needed(0.05, GapVariance(0.0), 1) == pytest.approx((1 - 0.05) / 0.05 * 7.849, abs=1)


def test_arms_of_a_kind_tell_the_variance_between_seeds():
    alone, pooled = GapVariance(0.3, 0.001, learners=1), GapVariance(0.3, 0.001, learners=1, arms=4)
    assert power_of(0.1, pooled, 250, 2) > power_of(0.1, alone, 250, 2)
