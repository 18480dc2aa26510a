import math

import numpy as np
import pytest

from offdiag.stats.coordinate_probe import mean_length


def test_without_any_bias_the_interval_begins_at_zero():
    """Percentiles of the length itself never reach 0, and cover a bias of 0 in no sample."""
    found = [mean_length(np.random.default_rng(run).normal(size=(30, 2))) for run in range(100)]
    assert all(0 < one.value < one.high for one in found)
    assert sum(one.low == 0 for one in found) >= 92


@pytest.mark.parametrize("true", [0.0, 0.3, 2.0])
def test_the_interval_covers_the_length_of_the_true_bias(true):
    spread, along = np.array([[1.5, 0.4], [0.0, 0.6]]), true * np.array([0.6, -0.8])
    inside = 0
    for run in range(100):
        found = mean_length(np.random.default_rng(run).normal(size=(20, 2)) @ spread + along)
        inside += found.low <= true <= found.high
    assert 90 <= inside <= 100


def test_a_long_bias_has_the_interval_of_its_own_direction():
    """Far from 0 the length is the mean along its direction: Student's t."""
    from scipy.stats import t

    vectors = np.random.default_rng(0).normal([300, 400], size=(200, 2))
    along = vectors @ [0.6, 0.8]
    half = t.ppf(0.975, 199) * along.std(ddof=1) / math.sqrt(200)
    found = mean_length(vectors)
    assert (found.high - found.low) / 2 == pytest.approx(half, rel=0.01)
    assert found.value == pytest.approx(np.hypot(*vectors.mean(axis=0)), rel=1e-12)


def test_turning_the_plane_changes_nothing():
    vectors, angle = np.random.default_rng(1).normal(size=(12, 2)) * [3, 1] + 1, 0.7
    turn = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    assert mean_length(vectors)[:3] == pytest.approx(mean_length(vectors @ turn)[:3], rel=1e-3)


def test_too_few_or_equal_vectors_have_no_interval():
    for vectors in ([[3, 4]], [[3, 4]] * 3, [[3, 4]] * 9):
        found = mean_length(vectors)
        assert found.value == 5
        assert math.isnan(found.low)
        assert math.isnan(found.high)
    assert math.isnan(mean_length(np.empty((0, 2))).value)
    line = mean_length(np.column_stack([np.arange(9.0), np.zeros(9)]))  # all on one line
    assert line.low < line.value < line.high


def test_mistakes_are_told():
    with pytest.raises(ValueError, match="expected"):
        mean_length([1, 2, 3])
