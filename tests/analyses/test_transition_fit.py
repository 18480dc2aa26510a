import math

import numpy as np
import pytest

from offdiag.analyses import fit_transition
from offdiag.analyses.logistic import logistic
from offdiag.errors import UserError

K = [1, 2, 3, 4, 5, 6, 8, 10, 12, 16]


def curve(plateau, slope, midpoint, k=K, floor=0.0):
    return logistic(np.array(k, float), np.array([floor, plateau - floor, slope, midpoint]))


@pytest.mark.parametrize(("truth", "width"), [((0.924, 1.5, 1.83), 2.9296), ((0.897, 1, 2.91), 4.3944)])
def test_exact_recovery(truth, width):
    fit = fit_transition(K, curve(*truth), 250)
    assert (fit.plateau, fit.slope, fit.midpoint) == pytest.approx(truth, abs=1e-6)
    assert fit.width_10_90 == pytest.approx(width, abs=1e-4)
    assert fit.r_squared == pytest.approx(1)
    assert (fit.saturated, fit.note, fit.identified) == (False, "", True)
    assert fit.curve(K) == pytest.approx(curve(*truth), abs=1e-8)


def test_the_10_and_90_percent_points_are_the_width_apart():
    fit = fit_transition(K, curve(0.897, 1, 2.91))
    ends = fit.midpoint + np.array([-1, 1]) * fit.width_10_90 / 2
    assert fit.curve(ends) == pytest.approx([0.1 * 0.897, 0.9 * 0.897])


def test_fwhm_is_where_the_derivative_has_fallen_to_half():
    fit = fit_transition(K, curve(0.897, 1, 2.91))

    def slope_at(k):
        return (fit.curve([k + 1e-5]) - fit.curve([k - 1e-5]))[0] / 2e-5

    assert fit.fwhm == pytest.approx(3.5255, abs=1e-4)
    assert slope_at(fit.midpoint + fit.fwhm / 2) == pytest.approx(slope_at(fit.midpoint) / 2, rel=1e-5)


def test_the_width_that_some_call_fwhm_is_at_two_thirds():
    fit = fit_transition(K, curve(0.897, 1, 2.91))
    assert fit.fw2_3m == pytest.approx(2.6339, abs=1e-4)
    ends = fit.curve(fit.midpoint + np.array([0, 0.5 * fit.fw2_3m]) + np.array([[-1e-5], [1e-5]]))
    middle, side = (ends[1] - ends[0]) / 2e-5
    assert side == pytest.approx(2 * middle / 3, rel=1e-5)


def test_k50_is_where_the_curve_crosses_one_half():
    fit = fit_transition(K, curve(0.897, 1, 2.91))
    assert fit.curve([fit.k50])[0] == pytest.approx(0.5)
    assert math.isnan(fit_transition(K, curve(0.45, 1, 2.91)).k50)


def test_saturated_curve_bounds_its_midpoint_only_from_above():
    fit = fit_transition(K, curve(0.948, 4, 0.28))
    assert fit.saturated
    assert fit.midpoint_upper == 1
    assert fit.plateau == pytest.approx(0.948, abs=1e-4)
    assert all(math.isnan(value) for value in (fit.midpoint, fit.slope, fit.width_10_90, fit.fwhm, fit.k50))
    assert "saturated" in fit.note
    assert not fit.identified


def test_a_measured_zero_shot_point_identifies_it_again():
    k = [0, *K]
    fit = fit_transition(k, curve(0.948, 4, 0.28, k))
    assert fit.midpoint == pytest.approx(0.28, abs=1e-6)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("level", [0.0, 1.0, 0.02])
def test_constant_curve_has_no_transition_and_no_r_squared(level):
    fit = fit_transition(K, [level] * 10, 250)
    assert not fit.identified
    assert math.isnan(fit.r_squared)
    assert math.isnan(fit.midpoint)
    assert fit.note.startswith(f"flat at {level:g}")
    assert fit.saturated == (level > 0)
    assert math.isnan(fit.plateau) if level == 0 else fit.plateau == pytest.approx(level)
    assert np.isnan(fit.curve(K)).all()


def test_a_few_lucky_answers_are_no_transition():
    accuracy = [0, 0, 0.004, 0, 0, 0, 0, 0.008, 0, 0.004]
    assert fit_transition(K, accuracy, 250).note.startswith("flat at 0.0016")
    assert fit_transition(K, [0.0] * 5 + [0.3] * 5, 250).identified


def test_a_falling_curve_has_no_transition():
    fit = fit_transition(K, np.linspace(0.9, 0.0, 10), 250)
    assert fit.note == "accuracy does not rise with k"
    assert math.isnan(fit.k50)
    assert math.isnan(fit.k50_from)
    assert math.isnan(fit.midpoint)


def test_a_curve_that_rises_and_falls_is_flagged():
    fit = fit_transition(K, [0.1, 0.3, 0.5, 0.7, 0.9, 0.9, 0.6, 0.4, 0.2, 0.0], 250)
    assert fit.r_squared < 0.5
    assert "describes little" in fit.note
    assert "not monotone: accuracy falls from 0.9 at k = 5 to 0 at k = 16" in fit.note
    assert fit_transition(K, [0.1, 0.3, 0.5, 0.7, 0.9, 0.9, 0.6, 0.4, 0.2, 0.0]).note.endswith("to 0 at k = 16")
    dip = [0.1, 0.3, 0.5, 0.7, 0.88, 0.9, 0.86, 0.9, 0.9, 0.9]  # no more than chance among 250
    assert "monotone" not in fit_transition(K, dip, 250).note


def test_a_step_is_flagged():
    fit = fit_transition(K, [0.0] * 5 + [0.9] * 5, 250)
    assert fit.midpoint_from == 5 < fit.midpoint < 6 == fit.midpoint_to
    assert fit.k50_from == 5 < fit.k50 < 6 == fit.k50_to
    assert fit.bracketed
    assert "between k = 5 and 6" in fit.note


@pytest.mark.parametrize(
    ("accuracy", "gap"),
    [([0.1] + [0.93] * 11, (0, 1)), ([0, 0.02] + [1] * 10, (1, 2)), ([0] * 11 + [1], (16, 32))],
)
def test_a_curve_that_fits_perfectly_has_a_fit(accuracy, gap):
    fit = fit_transition([0, *K, 32], accuracy, 250)
    assert fit.identified
    assert (fit.midpoint_from, fit.midpoint_to) == gap == (fit.k50_from, fit.k50_to)
    assert "converge" not in fit.note


@pytest.mark.parametrize(
    ("accuracy", "k50", "by", "ends"),
    [
        ([0.49, 0.55, 0.6, 0.65, 0.68, 0.7, 0.7, 0.7, 0.7, 0.7], 1 + 1 / 6, "isotonic", (1, 2)),
        ([0.72, 0.85, 0.9, 0.92, 0.93, 0.93, 0.94, 0.93, 0.94, 0.94], math.nan, "", (0, 1)),
        ([0.02] * 10, math.nan, "", (16, math.inf)),
        ([1.0] * 10, math.nan, "", (0, 1)),
    ],
)
def test_k50_comes_from_the_isotonic_curve_where_no_logistic_describes_it(accuracy, k50, by, ends):
    fit = fit_transition(K, accuracy, 250)
    assert fit.k50 == pytest.approx(k50, nan_ok=True)
    assert (fit.k50_by, fit.k50_from, fit.k50_to) == (by, *ends)


def test_a_rise_around_a_measured_k_is_not_said_to_lie_on_one_side_of_it():
    """0.45 of a plateau of 0.9 at k = 2: the midpoint is there, half of the rise before it and half after."""
    fit = fit_transition([0, 1, 2, 4, 8], [0, 0, 0.45, 0.9, 0.9], 1000)
    assert fit.midpoint == pytest.approx(2, abs=0.01)
    assert not fit.bracketed
    assert 2 < fit.k50 < 4
    assert math.isnan(fit.k50_from)
    assert "the rise falls" not in fit.note


@pytest.mark.parametrize(("level", "ends"), [(0.45, None), (0.55, None), (0.3, (16, math.inf)), (0.7, (0, 1))])
def test_a_flat_level_bounds_k50_only_where_it_is_apart_from_one_half(level, ends):
    """The 95 % interval of 45 of 100 is 0.36 to 0.55."""
    fit = fit_transition(K, [level] * 10, 100)
    assert (fit.k50_from, fit.k50_to) == pytest.approx(ends or (math.nan, math.nan), nan_ok=True)


def test_an_unfinished_rise_is_flagged():
    fit = fit_transition(K, curve(3, 0.2, 16) / 2.0, 250)
    assert "levelled off" in fit.note or "beyond the largest k" in fit.note


def test_a_floor_is_seen_by_the_akaike_criterion():
    fit = fit_transition([0, *K], np.round(curve(0.9, 1, 4, [0, *K], floor=0.2), 2), 250)
    assert fit.aic4 < fit.aic3
    assert fit.floor_4p == pytest.approx(0.2, abs=0.02)
    assert fit.plateau_4p == pytest.approx(0.9, abs=0.02)
    assert fit.midpoint_4p == pytest.approx(4, abs=0.1)
    assert fit.width_10_90_4p == pytest.approx(math.log(81), abs=0.3)
    without = fit_transition([0, *K], np.round(curve(0.9, 1, 4, [0, *K]), 2), 250)
    assert without.aic3 < without.aic4


def test_a_curve_that_starts_high_is_saturated_without_a_floor_and_known_with_one():
    """GPT-4's accuracies in base 8 rise like this from 0.6 (Wu et al. 2024)."""
    fit = fit_transition([0, *K], curve(0.99, 2, 2.5, [0, *K], floor=0.6), 1000)
    assert fit.saturated
    assert math.isnan(fit.midpoint)
    assert not fit.saturated_4p
    expected = (0.6, 0.99, 2, 2.5, math.log(81) / 2)
    found = (fit.floor_4p, fit.plateau_4p, fit.slope_4p, fit.midpoint_4p, fit.width_10_90_4p)
    assert found == pytest.approx(expected, abs=1e-3)
    assert fit.r_squared_4p == pytest.approx(1)
    assert math.isnan(fit.k50_4p)  # never below one half
    assert "a curve that rises from 0.6 describes it better" in fit.note


def test_four_points_are_too_few_for_a_floor():
    """Four parameters go through any four points."""
    fit = fit_transition([0, 1, 2, 4], [0.386, 0.481, 0.670, 0.797], 1000)
    assert fit.identified
    assert all(math.isnan(value) for value in (fit.aic4, fit.floor_4p, fit.midpoint_4p))


def test_a_midpoint_at_its_bound_is_none():
    """GPT-4 in base 16: the first demonstration hurts (Wu et al. 2024)."""
    fit = fit_transition([0, 1, 2, 4], [0.740, 0.491, 0.578, 0.706], 1000)
    assert not fit.identified
    assert not fit.saturated
    assert math.isnan(fit.midpoint)
    assert math.isnan(fit.plateau)
    assert fit.note.startswith("a curve that rises from 0 does not describe it")


def test_k50_with_a_floor():
    fit = fit_transition([0, *K], curve(0.9, 1, 4, [0, *K], floor=0.2), 250)
    assert logistic(np.array([fit.k50_4p]), np.array([0.2, 0.7, 1, 4]))[0] == pytest.approx(0.5, abs=1e-3)


def test_a_floor_that_was_never_seen_is_not_told():
    fit = fit_transition(K, [0.7, 0.85, 0.9, 0.92, 0.93, 0.93, 0.94, 0.93, 0.94, 0.94], 250)
    assert fit.saturated
    assert fit.saturated_4p or fit.floor_4p > 0.3
    assert math.isnan(fit.floor_4p) == fit.saturated_4p


def test_the_order_of_k_does_not_matter():
    assert fit_transition(K[::-1], curve(0.9, 1, 3)[::-1]) == fit_transition(K, curve(0.9, 1, 3))


def test_three_points_are_too_few():
    assert fit_transition([1, 2, 4], [0.1, 0.5, 0.9]).note == "3 values of k measured: a fit needs 4"


@pytest.mark.parametrize(
    ("k", "accuracy", "message"),
    [
        ([1, 2], [0.5], "one accuracy for each k"),
        ([1, 1, 2, 3], [0.1] * 4, "each number of demonstrations once"),
        ([-1, 1, 2, 3], [0.1] * 4, "none negative"),
        ([1, 2, 3, 4], [0.1, 0.2, 0.3, math.nan], "from 0 to 1"),
        ([1, 2, 3, 4], [10, 20, 30, 40], "from 0 to 1"),
    ],
)
def test_bad_input_is_named(k, accuracy, message):
    with pytest.raises(UserError, match=message):
        fit_transition(k, accuracy)
