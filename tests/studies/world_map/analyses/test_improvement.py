import numpy as np
import pytest

from offdiag.errors import UserError
from offdiag.studies.world_map.analyses.improvement import normalised_improvement


def error(value, before, reference, **settings):
    return normalised_improvement(value, before, reference, measure="error", **settings)


def accuracy(value, before, reference):
    return normalised_improvement(value, before, reference, measure="accuracy")


def test_errors_are_placed_by_their_ratios():
    assert error(316.2277660168, 1000, 100).unclipped == pytest.approx(0.5)
    assert error(1000, 1000, 100).unclipped == pytest.approx(0)
    assert error(100, 1000, 100).unclipped == pytest.approx(1)


def test_accuracies_are_placed_linearly():
    assert accuracy(0.6, 0.3, 0.9).unclipped == pytest.approx(0.5)
    assert accuracy(0.3, 0.3, 0.9).unclipped == 0


def test_the_clipped_value_hides_harm_and_the_unclipped_one_does_not():
    worse = error([10_000, 1], 1000, 100)
    assert worse.unclipped == pytest.approx([-1, 3])
    assert worse.clipped == pytest.approx([0, 1.5])
    assert worse.defined.all()


def test_a_reference_that_is_no_better_gives_no_scale():
    found = accuracy([0.2, 0.9], 0.5, 0.5)
    assert found.unclipped.tolist() == [0, 0]
    assert not found.defined.any()
    found = error([20, 5], 10, 10)
    assert found.unclipped.tolist() == [0, 1]
    assert not found.defined.any()


def test_perfect_errors_fall_back_or_take_a_floor():
    assert error(0, 1000, 100).unclipped == 1
    assert error(50, 100, 0).unclipped == 0.5  # linear, as ln(a / 0) is infinite
    assert error(0, 1000, 0, floor=0.5).unclipped == pytest.approx(1)
    assert error(0, 1000, 10, floor=0.5).unclipped == pytest.approx(np.log(2000) / np.log(100))


def test_the_best_specialist_is_best_before_and_after_normalising():
    errors = np.array([30.0, 700, 5, 120])
    scores = error(errors, 1000, 20).unclipped
    assert (np.argsort(-scores) == np.argsort(errors)).all()


def test_what_is_missing_stays_missing():
    assert np.isnan(error([np.nan, 1], [1, np.nan], 0.5).unclipped).all()
    assert np.isnan(accuracy(np.nan, 0.1, 0.2).clipped)


def test_negative_numbers_are_refused():
    with pytest.raises(UserError, match="negative error"):
        error(-1, 10, 1)
    with pytest.raises(UserError, match="negative accuracy"):
        accuracy(0.1, -0.1, 1)
