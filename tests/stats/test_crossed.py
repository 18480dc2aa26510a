import math

import numpy as np
import pytest
from scipy.stats import f, t, ttest_1samp

from offdiag.stats import crossed_mean


@pytest.mark.parametrize("shape", [(1, 6), (6, 1)])
def test_one_sided_tables_give_the_t_test(shape):
    values = np.array([0.1, 0.4, -0.2, 0.3, 0.5, 0.0])
    found = crossed_mean(values.reshape(shape))
    expected = ttest_1samp(values, 0)
    assert found.p_value == pytest.approx(expected.pvalue)
    assert (found.low, found.high) == pytest.approx(tuple(expected.confidence_interval()))
    assert found.freedom == pytest.approx(5)


def test_min_f_prime_by_hand():
    values = np.array([[1.0, 2.0, 3.0], [3.0, 4.0, 8.0]])
    by_row, by_column = (3.5**2 / (np.var(values.mean(axis), ddof=1) / n) for axis, n in ((1, 2), (0, 3)))
    min_f = by_row * by_column / (by_row + by_column)
    freedom = (by_row + by_column) ** 2 / (by_row**2 / 2 + by_column**2 / 1)
    found = crossed_mean(values)
    assert found.mean == 3.5
    assert found.freedom == pytest.approx(freedom)
    assert found.p_value == pytest.approx(f.sf(min_f, 1, freedom))
    assert crossed_mean(values, level=1 - found.p_value).low == pytest.approx(0, abs=1e-9)


def test_missing_values_are_left_out():
    values = np.array([[0.2, np.nan, 0.4], [0.3, np.nan, 0.7], [np.nan, np.nan, np.nan]])
    assert crossed_mean(values) == crossed_mean(values[:2][:, [0, 2]])
    assert crossed_mean(values).shape == (2, 2)


def test_nothing_varies_or_nothing_is_there():
    flat = crossed_mean(np.full((3, 4), 0.1))
    assert (flat.mean, flat.shape) == (pytest.approx(0.1), (3, 4))
    assert math.isnan(flat.low)
    assert math.isnan(flat.p_value)
    assert math.isnan(crossed_mean(np.full((2, 2), np.nan)).mean)
    assert math.isnan(crossed_mean([[0.5]]).high)
    with pytest.raises(ValueError, match="got the number 0.5"):
        crossed_mean(0.5)


def test_a_side_of_one_level_changes_nothing():
    values = np.array([[1.0, 2.0, 3.0], [3.0, 4.0, 8.0]])
    assert crossed_mean(values[None])[:5] == crossed_mean(values)[:5]
    assert crossed_mean(values.reshape(6))[:5] == crossed_mean(values.reshape(1, 6, 1))[:5]


def test_three_sides_add_up():
    values = np.random.default_rng(1).normal(size=(2, 3, 4))
    by_side = [np.var(values.mean(axes), ddof=1) / n for axes, n in (((1, 2), 2), ((0, 2), 3), ((0, 1), 4))]
    found = crossed_mean(values)
    assert (found.high - found.mean) / t.ppf(0.975, found.freedom) == pytest.approx(sum(by_side) ** 0.5)
    parts = [part**2 / free for part, free in zip(by_side, (1, 2, 3), strict=True)]
    assert found.freedom == pytest.approx(sum(by_side) ** 2 / sum(parts))


def test_a_seed_of_the_data_that_matters_is_no_replicate_of_itself():
    rng = np.random.default_rng(0)
    tables = 0.3 + rng.normal(0, 1, (800, 3, 1, 1)) + rng.normal(0, 0.3, (800, 3, 4, 5))
    held = np.mean([one.low <= 0.3 <= one.high for one in map(crossed_mean, tables)])
    flat = [crossed_mean(table.reshape(12, 5)) for table in tables]
    assert held > 0.93
    assert np.mean([one.low <= 0.3 <= one.high for one in flat]) < 0.8


def test_intervals_hold_the_truth_as_often_as_they_say():
    rng = np.random.default_rng(0)
    rows, columns = rng.normal(0, 1, (800, 4, 1)), rng.normal(0, 1, (800, 1, 5))
    tables = 0.3 + rows + columns + rng.normal(0, 0.5, (800, 4, 5))
    found = [crossed_mean(table) for table in tables]
    held = np.mean([one.low <= 0.3 <= one.high for one in found])
    assert 0.94 < held < 0.99
    rejected = np.mean([crossed_mean(table - 0.3).p_value < 0.05 for table in tables])
    assert rejected == pytest.approx(1 - held)
