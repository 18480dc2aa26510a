import numpy as np
import pytest

from offdiag.stats import paired_difference, wilson
from offdiag.stats.components import NEEDED, SeedVariance, components, pooled_seed_variance
from offdiag.stats.learner_difference import (
    NEEDED_TO_LEND,
    difference_of_replicates,
    difference_variance,
    is_lent,
    learner_difference,
)

NAN = np.nan


def verdicts(draws, items, rate, seed, spread=0.0):
    """Answers to items of one difficulty each, by draws that differ in how good they are."""
    draw = np.random.default_rng(seed)
    skill = np.random.default_rng(99).standard_normal(items)
    own = spread * draw.standard_normal((draws, 1))
    return (draw.standard_normal((draws, items)) < skill + rate + own).astype(float)


def test_by_hand():
    """Two draws against one, on three shared items: 5/6 - 1/3; the fourth item was asked of one of the two only."""
    first, second, found = learner_difference([[1, 1, 0, 1], [1, 1, 1, NAN]], [[1, 0, 0, NAN]])
    assert found.n == 3
    assert (first, second) == (pytest.approx(5 / 6), pytest.approx(1 / 3))
    assert found.value == pytest.approx(1 / 2)
    assert found.low < 0.5 < found.high


def test_two_single_draws_are_compared_item_by_item():
    one, other = verdicts(1, 60, 0.5, 1), verdicts(1, 60, 0.0, 2)
    found, paired = learner_difference(one, other).difference, paired_difference(one[0], other[0])
    assert found == pytest.approx((paired.difference, paired.low, paired.high, 60, paired.p_value), abs=1e-9)


def test_draws_that_are_alike_add_nothing():
    one, other = verdicts(1, 60, 0.5, 1), verdicts(1, 60, 0.0, 2)
    single = learner_difference(one, other).difference
    found = learner_difference(np.repeat(one, 3, axis=0), np.repeat(other, 2, axis=0)).difference
    assert found[:4] == pytest.approx(single[:4], abs=1e-9)


def test_the_order_of_the_learners_mirrors_everything():
    one, other = verdicts(3, 60, 0.5, 1, 0.3), verdicts(2, 60, 0.0, 2, 0.3)
    found, mirrored = learner_difference(one, other).difference, learner_difference(other, one).difference
    assert (found.low, found.high, found.p_value) == pytest.approx((-mirrored.high, -mirrored.low, mirrored.p_value))


def test_seeds_widen_the_interval_and_an_untrained_learner_has_none():
    one, other = verdicts(3, 60, 0.5, 1, 0.6), verdicts(1, 60, 0.0, 2)
    of_one_seed = learner_difference(one, other).difference
    untrained = learner_difference(one, other, untrained=(False, True)).difference
    known = learner_difference(one, other, untrained=(True, True)).difference
    lengths = [each.high - each.low for each in (of_one_seed, untrained, known)]
    assert lengths[0] > 1.2 * lengths[1] > 1.2 * lengths[2]


def test_a_lent_variance_is_that_of_log_odds_where_that_is_larger():
    """Three seeds near .9 lend their variance to one at .5: times the ratio of p (1 - p), squared."""
    lender = (np.arange(100) < np.array([[86], [90], [94]])).astype(float)
    borrower = (np.arange(100) % 2 == 0).astype(float)[None]
    between = np.var([0.86, 0.9, 0.94], ddof=1)
    residual = components(lender).of_residual
    own, lent = 0.9 * 0.1, 0.5 * 0.5
    kept, borrowed = 2 / (2 + NEEDED), 2 / (2 + NEEDED_TO_LEND)  # shares of the residual that are taken off
    squares = 100 * between  # MS(seeds)
    seeds = (squares - kept * residual) / 300 + (lent / own) ** 2 * (squares - borrowed * residual) / 100
    assert difference_variance(lender, borrower).parts[1] == pytest.approx((seeds, 2))
    # The other way round the smaller of both would be the square: the variance is in proportion to p (1 - p).
    own, lent = lent, own
    lender = (np.arange(100) % 2 == 0).astype(float) + np.zeros((3, 1))
    lender[:, :3] = np.eye(3)
    borrower = (np.arange(100) < 90).astype(float)[None]
    part = components(lender)
    squares, residual, own = part.of_seeds, part.of_residual, part.bernoulli
    seeds = max(0, squares - kept * residual) / 300 + lent / own * max(0, squares - borrowed * residual) / 100
    assert difference_variance(lender, borrower).parts[1] == pytest.approx((seeds, 2))


def test_the_interval_stands_around_the_difference_that_is_shown_where_answers_are_missing():
    first, second = verdicts(3, 10, 0.2, 1), verdicts(3, 10, 0.6, 2)
    second[1:, 4:7], first[2, :3] = NAN, NAN
    ours, theirs, found = learner_difference(first, second, clusters=[0, 1, 1, 2, 2, 2, 0, 0, 0, 0])
    assert found.value == pytest.approx(ours - theirs)
    full = learner_difference(first, np.full((1, 10), np.nanmean(first)), untrained=(False, True)).difference
    assert full.value == pytest.approx(0, abs=1e-12)
    assert full.low == pytest.approx(-full.high)
    # Scores of 4 clusters that hardly differ: the interval was [-12.6, -10.7] around -10.0.
    first = (
        np.array([[0, 0, 0, 0, 0, 3, 1, 2, 0, 0], [0, 1, 0, 0, 1, 1, 2, 0, 3, 0], [0, 2, 0, 2, 0, 0, 1, 0, 2, 2]]) / 4
    )
    second = np.array([[0, 0, 4, 1, 0, NAN, 1, 1, NAN, 0], [1, 0, 1, 1, NAN, 4, NAN, 3, 1, NAN],
                       [1, 2, NAN, 0, 2, 0, 1, 0, 3, 1]]) / 4  # fmt: skip
    found = learner_difference(first, second, clusters=[2, 3, 3, 0, 1, 2, 0, 0, 0, 0]).difference
    assert found.low < found.value < found.high


def test_what_other_arms_say_of_seeds_counts():
    """With one seed each there is nothing to tell the variance between seeds by, but in other arms there may be."""
    one, other = verdicts(1, 60, 0.5, 1), verdicts(1, 60, 0.0, 2)
    pooled = pooled_seed_variance([components(verdicts(4, 60, 0.2, seed, 0.5)) for seed in (5, 6, 7)])
    alone, found = (learner_difference(one, other, pooled=each).difference for each in (None, pooled))
    assert found.high - found.low > alone.high - alone.low
    assert found.p_value > alone.p_value


def test_items_of_a_cluster_are_no_more_than_one():
    one, other = verdicts(1, 60, 0.5, 1), verdicts(1, 60, 0.0, 2)
    twice = [np.repeat(each, 2, axis=1) for each in (one, other)]
    clustered = learner_difference(*twice, clusters=np.repeat(np.arange(60), 2).tolist()).difference
    naive, single = learner_difference(*twice).difference, learner_difference(one, other).difference
    assert clustered.high - clustered.low == pytest.approx(single.high - single.low, rel=0.06)
    assert naive.high - naive.low < 0.8 * (single.high - single.low)


@pytest.mark.parametrize(("effect", "least", "most"), [(0.0, 0.0, 0.12), (1.2, 0.8, 1.0)])
def test_the_test_rejects_as_often_as_it_says(effect, least, most):
    """Under no difference about one in twenty; 0.12 of 120 is exceeded by less than one in 500 such tests."""

    def trial(number):
        """The two learners are asked the same items; no item makes a difference between them."""
        draw = np.random.default_rng(number)
        skill = draw.standard_normal(80)
        grids = [
            (draw.standard_normal((n, 80)) < skill + shift + 0.3 * draw.standard_normal((n, 1))).astype(float)
            for n, shift in ((3, effect), (4, 0.0))
        ]
        return learner_difference(*grids).difference

    found = [trial(number) for number in range(120)]
    rejected = np.mean([one.p_value < 0.05 for one in found])
    assert least <= rejected <= most
    assert [one.p_value < 0.05 for one in found] == [not one.low <= 0 <= one.high for one in found]


def test_nothing_shared_and_nothing_different():
    nothing = learner_difference([[1, NAN]], [[NAN, 1]]).difference
    assert nothing.n == 0
    assert np.isnan(nothing.value)
    same = np.ones((3, 5))
    alike = learner_difference(same, same).difference
    assert (alike.value, alike.p_value) == (0, 1)
    assert (alike.low, alike.high) == pytest.approx((-0.4345, 0.4345), abs=1e-4)  # Wilson, 0 of 5
    apart = learner_difference(same, np.zeros((2, 5))).difference
    one_draw = learner_difference(same[:1], np.zeros((1, 5))).difference
    assert apart[:4] == one_draw[:4]
    assert 0 < apart.low < apart.high == 1
    with pytest.raises(ValueError, match="of the same items"):
        learner_difference([[1, 0]], [[1, 0, 1]])


def test_clusters_that_agree_count_once_each():
    """24 items in 2 clusters are two observations, in one cluster a single one, whatever the items say."""
    right, wrong = np.ones((1, 24)), np.zeros((1, 24))
    for clusters in (["a"] * 12 + ["b"] * 12, ["a"] * 24):
        alone = paired_difference(np.ones(len(set(clusters))), np.zeros(len(set(clusters))))
        apart = learner_difference(right, wrong, clusters=clusters).difference
        assert apart[:4] == pytest.approx((1, alone.low, 1, 24))
        assert apart.p_value == alone.p_value
        repeated = difference_of_replicates(np.ones((3, 24)), clusters=clusters)
        assert (repeated.low, repeated.p_value) == pytest.approx((alone.low, alone.p_value))
        same = learner_difference(right, right, clusters=clusters).difference
        assert same.high == pytest.approx(float(wilson(0, len(set(clusters))).high))
    halves = np.tile([1.0, 0.0], 12)[None]
    assert learner_difference(halves, right, clusters=["a"] * 24).difference.p_value > 0.5


@pytest.mark.parametrize(
    ("seeds", "untrained", "told"),
    [((2, 1), (False, False), True), ((1, 2), (False, False), True), ((2, 1), (False, True), False),
     ((2, 2), (False, False), False), ((3, 1), (False, False), False), ((1, 1), (False, False), False)],
)  # fmt: skip
def test_a_variance_that_two_seeds_lend_is_told(seeds, untrained, told):
    grids = [np.zeros((n, 4)) for n in seeds]
    assert is_lent(*grids, untrained) is told
    assert not is_lent(*grids, untrained, SeedVariance(0.1, 0.5, 4.0, 3, 0.5))


@pytest.mark.parametrize("n_seeds", [2, 3])
def test_learners_whose_seeds_agree_by_chance_are_no_better_known_than_independent_scores(n_seeds):
    """Scores without any part of a seed or an item, whose seeds all have the same mean."""
    draw = np.random.default_rng(5)
    first, second = 0.5 + 0.1 * draw.standard_normal((2, n_seeds, 60))
    first, second = (grid - grid.mean(axis=1, keepdims=True) + 0.5 for grid in (first, second))
    found = learner_difference(first, second).difference
    assert found.high - found.low >= 2 * 0.95 * 1.96 * np.sqrt((first.var() + second.var()) / (60 * n_seeds))
