"""Equivalence, Bayesian intervals, calibration and simultaneous bands."""

import math

import numpy as np
import pytest
from scipy.stats import beta, norm

from offdiag.stats import Estimate
from offdiag.stats.bayes import beta_posterior, chance_of_better
from offdiag.stats.bootstrap import simultaneous_band, simultaneous_level
from offdiag.stats.calibration import calibration, confidence
from offdiag.stats.learner_difference import learner_difference
from offdiag.stats.paired import equivalent, smallest_margin
from offdiag.stats.replicated import accuracy, intervals_by


def test_equivalence_is_that_of_two_one_sided_tests():
    found = Estimate(-0.01, -0.04, 0.02)
    assert smallest_margin(found) == 0.04
    assert equivalent(found, 0.05)
    assert not equivalent(found, 0.03)
    assert math.isnan(smallest_margin(Estimate(0.5)))
    with pytest.raises(ValueError, match="above 0"):
        equivalent(found, 0)


def test_what_differs_by_the_margin_is_called_equivalent_in_five_of_a_hundred():
    wrong = 0
    for run in range(300):
        draw = np.random.default_rng(run)
        before = draw.random(400) < 0.8
        after = np.where(draw.random(400) < 0.1, False, before)  # forgets a tenth of what it knew: 8 points
        at_90 = learner_difference([after], [before], untrained=(True, True), level=0.9).difference
        wrong += equivalent(at_90, 0.08)
    assert wrong / 300 <= 0.085


def test_one_seed_has_the_textbooks_posterior():
    found, (a, b) = beta_posterior([[1] * 7 + [0] * 13])
    assert (a, b) == (7.5, 13.5)
    assert found.value == pytest.approx(7.5 / 21)
    assert (found.low, found.high) == pytest.approx((beta.ppf(0.025, 7.5, 13.5), beta.ppf(0.975, 7.5, 13.5)))
    flat, parameters = beta_posterior([[1] * 7 + [0] * 13], prior=(1, 1))
    assert parameters == (8, 14)
    assert flat.value == pytest.approx(8 / 22)


def test_seeds_that_differ_and_items_that_repeat_are_worth_less():
    draw = np.random.default_rng(0)
    alike = (draw.random((3, 200)) < 0.5).astype(float)
    apart = (draw.random((3, 200)) < np.array([[0.2], [0.5], [0.8]])).astype(float)

    def length(found):
        return found.high - found.low

    assert length(beta_posterior(apart)[0]) > 2 * length(beta_posterior(alike)[0])
    twice = np.repeat(alike[:1, :100], 2, axis=1)
    labels = list(np.repeat(np.arange(100), 2))
    assert length(beta_posterior(twice, clusters=labels)[0]) == pytest.approx(
        length(beta_posterior(alike[:1, :100])[0]), rel=0.05
    )


def test_an_accuracy_has_the_ends_of_the_posterior_where_that_is_asked_for():
    draw = np.random.default_rng(1)
    grids = [draw.random((1, 40)) < 0.7, draw.random((3, 40)) < np.array([[0.5], [0.7], [0.9]]), draw.random((2, 40))]
    for grid in (np.asarray(grid, float) for grid in grids):
        posterior, _ = beta_posterior(grid)
        with intervals_by("bayes"):
            found = accuracy(grid)
        assert found[1:] == posterior[1:]
        assert found.value == accuracy(grid).value  # the share that was seen, not the posterior's mean
        assert found[1:3] != accuracy(grid)[1:3]
    with intervals_by("bayes"):
        assert accuracy([[0.0] * 3])[:3] == (0, 0, pytest.approx(beta.ppf(0.975, 0.5, 3.5)))
        assert accuracy([[1.0] * 3])[:3] == (1, pytest.approx(beta.ppf(0.025, 3.5, 0.5)), 1)


def test_the_chance_of_being_better():
    assert chance_of_better((5, 5), (5, 5)) == pytest.approx(0.5, abs=1e-3)
    draw = np.random.default_rng(0)
    sampled = np.mean(draw.beta(12, 5, 200_000) > draw.beta(8, 9, 200_000))
    assert chance_of_better((12, 5), (8, 9)) == pytest.approx(sampled, abs=0.005)


def test_calibration_by_hand():
    chances, correct = np.array([0.25] * 20 + [0.75] * 20), np.array([0] * 15 + [1] * 5 + [1] * 10 + [0] * 10)
    found = calibration(np.tile(chances, 2), np.tile(correct, 2), n_bins=2)
    assert found.n_bins == 2
    assert found.ece.value == pytest.approx((0 + 0.25) / 2)  # the second half says .75 and has .5
    assert found.brier.value == pytest.approx(np.mean((chances - correct) ** 2))
    assert (found.confidence, found.accuracy) == (0.5, 0.375)


@pytest.mark.parametrize("off", [0.0, 0.12])
def test_the_interval_of_the_calibration_error_covers(off):
    inside = 0
    for run in range(40):
        draw = np.random.default_rng(run)
        chances = draw.uniform(0.4, 1, 200)
        found = calibration(chances, draw.random(200) < chances - off, n_resamples=200)
        inside += found.ece.low <= off <= found.ece.high
        assert found.ece.value > 0
    assert inside >= 34


def test_calibration_of_nothing_and_of_few():
    assert math.isnan(calibration([], []).brier.value)
    assert calibration([0.5, 0.9, np.nan], [1, 0, 1]).n_bins == 1
    assert confidence([-1.0, -2.0]) == pytest.approx(1 / (1 + math.exp(-1)))
    assert confidence([-1e9, -3.0]) == 1


@pytest.mark.parametrize("shared", [0.0, 0.95])
def test_a_band_holds_whole_curves(shared):
    """Eight accuracies on the same items, unrelated or nearly alike; single intervals would hold far fewer curves."""
    truth, whole = np.linspace(0.1, 0.9, 8), 0
    for run in range(40):
        draw = np.random.default_rng(run)
        z = math.sqrt(shared) * draw.standard_normal((1, 150, 1)) + math.sqrt(1 - shared) * draw.standard_normal(
            (1, 150, 8)
        )
        answers = (z < norm.ppf(truth)).astype(float)
        whole += all(e.low <= t <= e.high for e, t in zip(simultaneous_band(answers), truth, strict=True))
    assert whole >= 34


def test_a_band_is_longer_the_less_its_points_are_alike():
    draw = np.random.default_rng(0)
    one = (draw.random((1, 300, 1)) < 0.5).astype(float)
    assert simultaneous_level(np.repeat(one, 6, axis=2)) == pytest.approx(0.95, abs=0.005)
    assert simultaneous_level((draw.random((1, 300, 6)) < 0.5).astype(float)) == pytest.approx(
        0.95 ** (1 / 6), abs=0.002
    )
    assert simultaneous_level(np.ones((1, 20, 4))) == 0.95  # nothing varies


def test_calibration_that_does_not_vary_has_no_interval():
    for chances, correct in (([0.8] * 90, [1] * 90), ([1.0] * 90, [1] * 90), ([1.0] * 90, [0] * 90)):
        found = calibration(chances, correct)
        for number in (found.brier, found.ece):
            assert math.isnan(number.low) == math.isnan(number.high)
            assert number.high - number.low != 0
    varied = calibration([0.8] * 90, [1, 0, 1] * 30)
    assert varied.brier.low < varied.brier.value < varied.brier.high
