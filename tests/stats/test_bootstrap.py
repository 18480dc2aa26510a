import math

import numpy as np
import pytest

from offdiag.seeds import stream
from offdiag.stats import hierarchical_bootstrap, item_counts, percentile_ends, replicate_ends, seed_counts


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


def test_one_seed_is_the_plain_item_bootstrap():
    verdicts = np.arange(400) < 100
    found = hierarchical_bootstrap(verdicts[None], n_resamples=4000)
    assert (found.mean, found.n_seeds, found.n_items, found.method) == (0.25, 1, 400, "items")
    half = 1.96 * math.sqrt(0.25 * 0.75 / 400)
    assert (found.low, found.high) == pytest.approx((0.25 - half, 0.25 + half), abs=0.005)


def test_seeds_widen_the_interval():
    items = stream(0, "items").random((1, 300)) < 0.5
    same = np.repeat(items, 4, axis=0).astype(float)
    spread = same.copy()
    spread[0], spread[1] = 0, 1
    narrow, wide = hierarchical_bootstrap(same), hierarchical_bootstrap(spread)
    assert wide.method == narrow.method == "seeds and items"
    assert wide.high - wide.low > 3 * (narrow.high - narrow.low)


def test_identical_seeds_add_nothing_to_the_items():
    items = (np.arange(200) < 60)[None].astype(float)
    one, three = hierarchical_bootstrap(items), hierarchical_bootstrap(np.repeat(items, 3, axis=0))
    assert three.high - three.low == pytest.approx(one.high - one.low, rel=0.1)


def test_missing_values_are_left_out():
    grid = np.array([[1.0, 0, 1, np.nan], [1, np.nan, 0, np.nan], [np.nan] * 4])
    found = hierarchical_bootstrap(grid)
    assert (found.mean, found.n_seeds, found.n_items) == (0.6, 2, 3)
    assert math.isfinite(found.low)


def test_nothing_is_nan():
    for empty in (np.empty((0, 0)), np.full((2, 3), np.nan)):
        found = hierarchical_bootstrap(empty)
        assert all(map(math.isnan, found[:3]))


def test_one_dimension_is_refused():
    with pytest.raises(ValueError, match="seeds, items"):
        hierarchical_bootstrap([1, 0, 1])


def test_percentiles_survive_infinite_replicates():
    values = np.r_[np.arange(90.0), np.full(10, np.inf)]
    low, high = percentile_ends(values)
    assert low in (1, 2)
    assert high == math.inf


@pytest.mark.parametrize("n_seeds", [1, 3, 6])
def test_interval_covers_the_truth(n_seeds):
    """Seeds and items both matter: the population mean is 0.5."""
    generator = stream(3, "coverage", n_seeds)
    spread = 0.0 if n_seeds == 1 else 0.06
    hits = 0
    for trial in range(300):
        level = 0.5 + generator.normal(0, spread, (n_seeds, 1)) + generator.uniform(-0.3, 0.3, (1, 120))
        found = hierarchical_bootstrap(generator.random((n_seeds, 120)) < level, n_resamples=300, seed=trial)
        hits += found.low <= 0.5 <= found.high
    assert 0.91 <= hits / 300 <= 0.995


def test_one_seed_fewer_is_drawn_than_there_are():
    assert set(seed_counts(4, 50, 0, "x").sum(axis=1)) == {3}
    assert set(seed_counts(1, 50, 0, "x").ravel()) == {1}


def test_replicates_of_one_seed_give_percentiles_and_of_several_a_wider_interval():
    replicates = np.linspace(0.4, 0.6, 1001)
    assert replicate_ends(0.5, replicates, np.array([0.5])) == pytest.approx((0.405, 0.595), abs=1e-3)
    low, high = replicate_ends(0.5, replicates, np.array([0.4, 0.5, 0.6]))
    assert low + high == pytest.approx(1.0)
    # standard error 0.1 / sqrt 3, t with 2 degrees of freedom
    assert high - 0.5 == pytest.approx(4.303 * 0.1 / np.sqrt(3), rel=2e-2)
