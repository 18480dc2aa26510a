import math
from itertools import combinations

import numpy as np
import pytest
from scipy import stats
from scipy.stats import t, ttest_1samp

from offdiag.stats import crossed_mean
from offdiag.stats.means import mean_interval, pair_mean
from offdiag.stats.replicated import mean_of_replicates


def test_the_interval_is_students():
    x = np.random.default_rng(0).normal(3, 2, (2, 12))
    found = mean_interval(x)
    for i, row in enumerate(x):
        low, high = stats.t.interval(0.95, 11, loc=row.mean(), scale=stats.sem(row))
        assert [found.mean[i], found.low[i], found.high[i]] == pytest.approx([row.mean(), low, high])
    assert found.sd == pytest.approx(x.std(1, ddof=1))


def test_what_is_not_there_does_not_count():
    found = mean_interval([[1.0, 3.0, np.nan], [np.nan] * 3, [5.0, np.nan, np.nan]])
    assert found.n.tolist() == [2, 0, 1]
    np.testing.assert_equal(found.mean, [2, np.nan, 5])
    assert np.isfinite(found.low).tolist() == [True, False, False]


def test_pair_mean_by_hand():
    # leaving out a, b, c keeps the pair b-c (6), a-c (2), a-b (1)
    found = pair_mean([1, 2, 6], ["a", "a", "b"], ["b", "c", "c"])
    left = np.array([6, 2, 1])
    half = 4.302653 * math.sqrt(2 / 3 * np.sum((left - left.mean()) ** 2))
    assert found.value == 3
    assert found.high - found.value == pytest.approx(half, rel=1e-5)
    assert found.value - found.low == pytest.approx(half, rel=1e-5)


def test_pair_mean_a_pair_alone_has_no_interval():
    assert math.isnan(pair_mean([1.0], ["a"], ["b"]).low)
    assert math.isnan(pair_mean([1.0, 3.0], ["a", "a"], ["b", "c"]).high)


def test_pair_mean_covers_where_pairs_share_what_varies():
    """Each thing adds its own effect to all of its pairs, so pairs taken as independent would be far too sure."""
    rng = np.random.default_rng(0)
    names = list(combinations(range(8), 2))
    inside = naive = 0
    for _ in range(400):
        effect = rng.normal(size=8)
        values = np.array([effect[i] + effect[j] for i, j in names]) + 0.3 * rng.normal(size=len(names))
        found = pair_mean(values, *zip(*names, strict=True))
        inside += found.low <= 0 <= found.high
        naive += abs(values.mean()) < 2 * values.std(ddof=1) / math.sqrt(len(values))
    assert inside / 400 > 0.92
    assert naive / 400 < 0.75


def test_pair_mean_nothing_to_average():
    with pytest.raises(ValueError, match="expected"):
        pair_mean([], [], [])


@pytest.mark.parametrize("shape", [(1, 6), (6, 1)])
def test_crossed_mean_one_sided_tables_give_the_t_test(shape):
    values = np.array([0.1, 0.4, -0.2, 0.3, 0.5, 0.0])
    found = crossed_mean(values.reshape(shape))
    expected = ttest_1samp(values, 0)
    assert found.p_value == pytest.approx(expected.pvalue)
    assert (found.low, found.high) == pytest.approx(tuple(expected.confidence_interval()))


def test_crossed_mean_of_two_sides_is_that_of_seeds_and_items():
    values = np.array([[1.0, 2.0, 3.0], [3.0, 4.0, 8.0]])
    found = crossed_mean(values)
    assert (found.value, found.low, found.high) == pytest.approx(mean_of_replicates(values)[:3])
    assert found == pytest.approx(crossed_mean(values.T), nan_ok=True)
    assert crossed_mean(values, level=1 - found.p_value).low == pytest.approx(0, abs=1e-6)


def test_crossed_mean_missing_values_are_left_out():
    values = np.array([[0.2, np.nan, 0.4], [0.3, np.nan, 0.7], [np.nan, np.nan, np.nan]])
    assert crossed_mean(values) == pytest.approx(crossed_mean(values[:2][:, [0, 2]]))


def test_crossed_mean_nothing_varies_or_nothing_is_there():
    flat = crossed_mean(np.full((3, 4), 0.1))
    assert flat.value == pytest.approx(0.1)
    assert math.isnan(flat.low)
    assert math.isnan(flat.p_value)
    assert math.isnan(crossed_mean(np.full((2, 2), np.nan)).value)
    assert math.isnan(crossed_mean([[0.5]]).high)
    with pytest.raises(ValueError, match="got the number 0.5"):
        crossed_mean(0.5)


def test_crossed_mean_a_side_of_one_level_changes_nothing():
    values = np.array([[1.0, 2.0, 3.0], [3.0, 4.0, 8.0]])
    assert crossed_mean(values[None]) == crossed_mean(values)
    assert crossed_mean(values.reshape(6)) == crossed_mean(values.reshape(1, 6, 1))


def test_crossed_mean_three_sides_add_up():
    values = np.random.default_rng(1).normal(size=(2, 3, 4))
    by_side = [np.var(values.mean(axes), ddof=1) / n for axes, n in (((1, 2), 2), ((0, 2), 3), ((0, 1), 4))]
    found = crossed_mean(values)
    squares = [part * t.ppf(0.975, free) ** 2 for part, free in zip(by_side, (1, 2, 3), strict=True)]
    assert found.high - found.value == pytest.approx(sum(squares) ** 0.5)


def test_crossed_mean_a_seed_of_the_data_that_matters_is_no_replicate_of_itself():
    rng = np.random.default_rng(0)
    tables = 0.3 + rng.normal(0, 1, (800, 3, 1, 1)) + rng.normal(0, 0.3, (800, 3, 4, 5))
    held = np.mean([one.low <= 0.3 <= one.high for one in map(crossed_mean, tables)])
    flat = [crossed_mean(table.reshape(12, 5)) for table in tables]
    assert held > 0.93
    assert np.mean([one.low <= 0.3 <= one.high for one in flat]) < 0.8


def test_crossed_mean_intervals_hold_the_truth_as_often_as_they_say():
    rng = np.random.default_rng(0)
    rows, columns = rng.normal(0, 1, (800, 4, 1)), rng.normal(0, 1, (800, 1, 5))
    tables = 0.3 + rows + columns + rng.normal(0, 0.5, (800, 4, 5))
    found = [crossed_mean(table) for table in tables]
    held = np.mean([one.low <= 0.3 <= one.high for one in found])
    assert 0.94 < held < 0.99
    rejected = np.mean([crossed_mean(table - 0.3).p_value < 0.05 for table in tables])
    assert rejected == pytest.approx(1 - held)
