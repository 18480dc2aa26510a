import numpy as np
import pytest

from offdiag.stats import item_counts, paired_difference, seed_counts
from offdiag.stats.learner_difference import learner_difference

NAN = np.nan


def verdicts(draws, items, rate, seed, spread=0.0):
    """Answers to items of one difficulty each, by draws that differ in how good they are."""
    draw = np.random.default_rng(seed)
    skill = np.random.default_rng(99).standard_normal(items)
    own = spread * draw.standard_normal((draws, 1))
    return (draw.standard_normal((draws, items)) < skill + rate + own).astype(float)


def test_by_hand():
    """Two draws against one, on three shared items: 5/6 - 1/3; the fourth item was asked of one of the two only."""
    found = learner_difference([[1, 1, 0, 1], [1, 1, 1, NAN]], [[1, 0, 0, NAN]])
    assert found.n_items == 3
    assert (found.first, found.second) == (pytest.approx(5 / 6), pytest.approx(1 / 3))
    assert found.difference == pytest.approx(1 / 2)
    assert found.low < 0.5 < found.high


def test_two_single_draws_are_compared_item_by_item():
    one, other = verdicts(1, 60, 0.5, 1), verdicts(1, 60, 0.0, 2)
    found, paired = learner_difference(one, other), paired_difference(one[0], other[0])
    assert (found.difference, found.low, found.high, found.p_value, found.n_items) == (
        paired.difference, paired.low, paired.high, paired.p_value, 60,
    )  # fmt: skip


def test_the_joint_bootstrap_is_that_of_a_slow_loop():
    one, other = verdicts(4, 30, 0.6, 1, 0.5), verdicts(3, 30, 0.0, 2, 0.5)
    found = learner_difference(one, other, n_resamples=400, seed=3, names=("x",))
    items = item_counts(30, 400, 3, "learner difference", "x")
    draws = [seed_counts(len(g), 400, 3, "learner difference", "draws", s, "x") for s, g in enumerate((one, other))]
    differences = []
    for r in range(400):
        means = []
        for grid, counts in ((one, draws[0][r]), (other, draws[1][r])):
            means.append(sum(c * i * v for c, row in zip(counts, grid, strict=True)
                             for i, v in zip(items[r], row, strict=True)) / (counts.sum() * 30))  # fmt: skip
        differences.append(means[0] - means[1])
    of_draws = sum(np.var(g.mean(axis=1), ddof=1) / len(g) for g in (one, other))
    error = np.sqrt(max(np.var(differences), of_draws))
    half = (found.high - found.low) / 2
    assert found.difference == pytest.approx((found.high + found.low) / 2)
    assert 1.9 * error < half < 3.2 * error  # between the normal's 1.96 and t with three degrees of freedom


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
        return learner_difference(*grids, n_resamples=300, seed=number)

    found = [trial(number) for number in range(120)]
    rejected = np.mean([one.p_value < 0.05 for one in found])
    assert least <= rejected <= most
    assert [one.p_value < 0.05 for one in found] == [not one.low <= 0 <= one.high for one in found]


def test_nothing_shared_and_nothing_different():
    nothing = learner_difference([[1, NAN]], [[NAN, 1]])
    assert nothing.n_items == 0
    assert np.isnan(nothing.difference)
    same = np.ones((3, 5))
    alike = learner_difference(same, same)
    assert (alike.difference, alike.p_value) == (0, 1)
    assert (alike.low, alike.high) == pytest.approx((-0.4345, 0.4345), abs=1e-4)  # Wilson, 0 of 5
    apart = learner_difference(same, np.zeros((2, 5)))
    one_draw = learner_difference(same[:1], np.zeros((1, 5)))
    assert apart[2:] == one_draw[2:]
    assert 0 < apart.low < apart.high == 1
    with pytest.raises(ValueError, match="of the same items"):
        learner_difference([[1, 0]], [[1, 0, 1]])
