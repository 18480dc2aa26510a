import numpy as np
import pytest

from offdiag.stats.contrast import contrast
from offdiag.stats.replicated import accuracy

NAN = np.nan


def grid(draws, items, rate, seed, spread=0.0):
    draw = np.random.default_rng(seed)
    return (draw.random((draws, items)) < rate + spread * draw.standard_normal((draws, 1))).astype(float)


def test_by_hand():
    """3/4 - 0.5 * 1/2 - 0.5 * 2/3; a column that nobody was asked counts for nothing."""
    hard, easy, medium = [[1, 1], [1, 0]], [[1, NAN, 0], [1, NAN, 0]], [[1, 1], [0, NAN]]
    assert contrast([hard, easy, medium], [1, -0.5, -0.5]).value == pytest.approx(3 / 4 - 1 / 4 - 1 / 3)


def test_one_set_is_a_mean():
    answers = grid(4, 90, 0.6, 1, 0.1)
    found, expected = contrast([answers], [1.0]), accuracy(answers)
    assert found.value == pytest.approx(expected.value)
    np.testing.assert_allclose([found.low, found.high], [expected.low, expected.high], atol=0.02)


def test_what_draws_share_leaves_the_difference():
    """Draws that are good or bad at everything: the difference between two sets of items is as certain as without."""
    draw = np.random.default_rng(0)
    shift = np.array([-0.25, -0.1, 0.1, 0.25])[:, None]
    sets = [(draw.random((4, 400)) < rate + shift).astype(float) for rate in (0.7, 0.4)]
    found = contrast(sets, [1, -1])
    apart = [accuracy(each) for each in sets]
    assert found.high - found.low < 0.6 * min(each.high - each.low for each in apart)
    assert found.low < 0.3 < found.high


def test_the_interval_holds_the_truth_about_as_often_as_it_says():
    def holds(number):
        draw = np.random.default_rng(number)
        shift = 0.08 * draw.standard_normal((3, 1))
        sets = [(draw.random((3, 60)) < rate + shift).astype(float) for rate in (0.5, 0.7)]
        found = contrast(sets, [1, -1])
        return found.low <= -0.2 <= found.high

    assert 0.88 <= np.mean([holds(number) for number in range(150)]) <= 1


def test_shapes_that_do_not_fit_are_refused():
    for grids, weights in (([[[1, 0]], [[1], [0]]], [1, -1]), ([[[1, 0]]], [1, 1]), ([[[NAN]]], [1]), ([], [])):
        with pytest.raises(ValueError, match="expected \\[seeds, items\\]"):
            contrast(grids, weights)


def test_verdicts_that_all_agree_are_no_certainty():
    """Examples of Newcombe (1998), table II, method 10; other draws that agree add nothing."""
    right, wrong, none = np.ones((3, 10)), np.zeros((3, 20)), np.zeros((3, 10))
    assert contrast([right, wrong], [1, -1])[:3] == pytest.approx((1, 0.6791, 1.0), abs=6e-5)
    assert contrast([none, wrong], [1, -1])[:3] == pytest.approx((0, -0.1611, 0.2775), abs=6e-5)


def test_a_draw_that_lacks_a_set_says_nothing_of_draws():
    """The third draw was not asked the second set; the first two tell how draws vary."""
    draw = np.random.default_rng(0)
    first, second = (draw.random((3, 30)) < 0.6).astype(float), (draw.random((3, 20)) < 0.4).astype(float)
    second[2] = NAN
    found = contrast([first, second], [1, -1])
    assert found.value == pytest.approx(first.mean() - second[:2].mean())
    assert -1 <= found.low < found.value < found.high <= 1
    alone = contrast([first[:1], second[:1]], [1, -1])
    lacking = second[:1].repeat(2, axis=0) * [[1], [NAN]]
    assert np.isfinite(contrast([first[:2], lacking], [1, -1])[1:3]).all()
    assert np.isfinite(alone[1:3]).all()
