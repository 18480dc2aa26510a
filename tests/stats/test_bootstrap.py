import math

import numpy as np
import pytest

from offdiag.stats import item_counts, percentile_ends, replicate_ends, seed_counts
from offdiag.stats.bootstrap import replicate_spread, seeds_and_items_ends, seeds_and_items_mean
from offdiag.stats.replicated import mean_of_replicates


def test_item_counts_draw_as_many_items_as_there_are():
    counts = item_counts(50, 400, 7, "a")
    assert counts.shape == (400, 50)
    assert (counts.sum(axis=1) == 50).all()
    assert counts.mean() == 1
    assert counts.var() == pytest.approx(1, abs=0.1)


def test_item_counts_are_named_streams():
    assert np.array_equal(item_counts(9, 5, 1, "a"), item_counts(9, 5, 1, "a"))
    assert not np.array_equal(item_counts(9, 5, 1, "a"), item_counts(9, 5, 1, "b"))
    assert not np.array_equal(item_counts(9, 5, 1, "a"), item_counts(9, 5, 2, "a"))


def test_percentiles_survive_infinite_replicates():
    values = np.r_[np.arange(90.0), np.full(10, np.inf)]
    low, high = percentile_ends(values)
    assert low in (1, 2)
    assert high == math.inf


def test_a_mean_over_seeds_has_the_interval_of_the_closed_form():
    """Where the statistic of each seed is its mean, resamples of the items say what mean squares say."""
    draw = np.random.default_rng(0)
    grid = 0.2 * draw.standard_normal((4, 1)) + draw.standard_normal((1, 200)) + draw.standard_normal((4, 200))
    counts = item_counts(200, 4000, 1, "x")
    found = seeds_and_items_ends(grid.mean(axis=1), list((counts @ grid.T / 200).T))
    assert found == pytest.approx(mean_of_replicates(grid)[1:3], abs=0.03)


def test_seeds_that_agree_by_chance_do_not_make_answers_certain():
    """Two seeds with one result and unrelated answers: the mean is no better known than that of 2 x 60 answers."""
    draw = np.random.default_rng(3)
    grid = draw.standard_normal((2, 60))
    grid -= grid.mean(axis=1, keepdims=True)
    counts = item_counts(60, 4000, 1, "x")
    low, high = seeds_and_items_ends([0.1, 0.1], list(0.1 + (counts @ grid.T / 60).T))
    assert (high - low) / 2 >= 0.95 * 1.96 * math.sqrt(grid.var() / 120)


def test_seeds_and_items_of_one_seed_and_of_none():
    replicates = np.linspace(0.4, 0.6, 1001)
    assert seeds_and_items_ends([0.5], [replicates]) == pytest.approx((0.405, 0.595), abs=1e-3)
    assert np.isnan(seeds_and_items_ends([], [])).all()


def test_one_seed_fewer_is_drawn_than_there_are():
    assert set(seed_counts(4, 50, 0, "x").sum(axis=1)) == {3}
    assert set(seed_counts(1, 50, 0, "x").ravel()) == {1}


def test_intervals_of_seeds_alone_have_one_degree_of_freedom_less_than_seeds():
    """Student's t with 2 degrees of freedom and the unbiased variance, by hand: ±4.302653 * sqrt((7 / 3) / 3)."""
    values, constant = np.array([1.0, 2.0, 4.0]), np.ones(100)
    half = 4.302652729911275 * math.sqrt(7 / 9)
    assert seeds_and_items_ends(values, [value * constant for value in values]) == pytest.approx(
        (7 / 3 - half, 7 / 3 + half)
    )
    assert replicate_spread(constant, [values]) == pytest.approx((math.sqrt(7 / 9), 2))
    assert replicate_ends(7 / 3, constant, values) == pytest.approx((7 / 3 - half, 7 / 3 + half))


def test_replicates_of_one_seed_give_percentiles_and_of_several_a_wider_interval():
    replicates = np.linspace(0.4, 0.6, 1001)
    assert replicate_ends(0.5, replicates, np.array([0.5])) == pytest.approx((0.405, 0.595), abs=1e-3)
    low, high = replicate_ends(0.5, replicates, np.array([0.4, 0.5, 0.6]))
    assert low + high == pytest.approx(1.0)
    # standard error 0.1 / sqrt 3, t with 2 degrees of freedom
    assert high - 0.5 == pytest.approx(4.303 * 0.1 / np.sqrt(3), rel=2e-2)


@pytest.mark.parametrize("n_seeds", [1, 4])
def test_the_p_value_of_a_mean_over_seeds_inverts_its_interval(n_seeds):
    draw = np.random.default_rng(n_seeds)
    by_seed = 0.1 + 0.02 * draw.standard_normal(n_seeds)
    replicates = [value + 0.06 * draw.standard_normal(4000) for value in by_seed]
    p_value = seeds_and_items_mean(by_seed, replicates).p_value
    at_p = seeds_and_items_mean(by_seed, replicates, level=1 - p_value)
    assert min(abs(at_p.low), abs(at_p.high)) < 0.002
    far = seeds_and_items_mean(by_seed + 1, [one + 1 for one in replicates])
    assert 0 < far.p_value < 1e-3
