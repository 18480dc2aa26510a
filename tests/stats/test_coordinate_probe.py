import math

import numpy as np
import pytest

from offdiag.stats.coordinate_probe import PENALTIES, fit_probe, fold_of, held_out_places, probe_quality


def world(n: int, p: int, noise: float = 0.0, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Features in which places are linear."""
    rng = np.random.default_rng(seed)
    places = rng.normal(size=(n, 2)) * [100, 50] + [10, -5]
    return places @ rng.normal(size=(2, p)) + noise * rng.normal(size=(n, p)) + 3, places


@pytest.mark.parametrize("penalty", [0.0, None])
def test_a_planted_map_is_found_and_generalises(penalty):
    features, places = world(60, 16)
    found = held_out_places(features[:40], places[:40], penalty=penalty)
    quality = probe_quality(places[:40], found)
    assert quality.r2.value > 0.9999
    new = probe_quality(places[40:], fit_probe(features[:40], places[:40], penalty)(features[40:]))
    assert new.r2_x.value > 0.9999
    assert new.error.value < 0.5


def test_features_that_know_nothing_predict_nothing():
    places = world(40, 64)[1]
    for seed in range(5):
        features = np.random.default_rng(seed + 50).normal(size=(40, 64))
        assert probe_quality(places, held_out_places(features, places)).r2.value < 0.15
        assert probe_quality(places, held_out_places(features, places, penalty=0)).r2.value < 0


def test_least_squares_is_numpys():
    features, places = world(30, 5, noise=20)
    with_one = np.column_stack([features, np.ones(30)])
    expected = with_one @ np.linalg.lstsq(with_one, places, rcond=None)[0]
    np.testing.assert_allclose(fit_probe(features, places, 0)(features), expected, atol=1e-9)


def test_ridge_solves_its_normal_equations():
    features, places = world(30, 5, noise=20)
    centred = features - features.mean(0)
    unit = np.sum(centred**2) / 5
    weights = np.linalg.solve(centred.T @ centred + 0.3 * unit * np.eye(5), centred.T @ (places - places.mean(0)))
    np.testing.assert_allclose(fit_probe(features, places, 0.3).weights, weights, atol=1e-10)


def test_the_penalty_is_the_one_with_the_least_leave_one_out_error():
    features, places = world(20, 30, noise=150)

    def left_out(penalty):
        """One refit an item; its penalty's unit is that of all items, as in the closed form."""
        centred = features - features.mean(0)
        unit = np.sum(centred**2) / 20
        total = 0.0
        for i in range(20):
            rest = np.arange(20) != i
            x, y = features[rest] - features[rest].mean(0), places[rest] - places[rest].mean(0)
            weights = np.linalg.solve(x.T @ x + penalty * unit * np.eye(30), x.T @ y)
            guess = (features[i] - features[rest].mean(0)) @ weights + places[rest].mean(0)
            total += np.sum((guess - places[i]) ** 2)
        return total

    assert fit_probe(features, places).penalty == min(PENALTIES, key=left_out)


def test_folds_are_a_function_of_the_seed_and_nearly_equal():
    folds = fold_of(43, 10, seed=1)
    assert sorted(np.bincount(folds)) == [4] * 7 + [5] * 3
    assert folds.tolist() == fold_of(43, 10, seed=1).tolist() != fold_of(43, 10, seed=2).tolist()
    assert sorted(fold_of(5, 10, 0)) == [0, 1, 2, 3, 4]


def test_a_held_out_place_does_not_see_its_own_truth():
    features, places = world(30, 8, noise=10)
    before = held_out_places(features, places, n_folds=30)
    moved = places.copy()
    moved[3] += 1000
    np.testing.assert_allclose(held_out_places(features, moved, n_folds=30)[3], before[3])


def test_quality_by_hand():
    truth = np.array([[0.0, 0.0], [10.0, 0.0], [0.0, 20.0], [10.0, 20.0]])
    guess = truth + np.array([[3, 4], [0, 0], [3, 4], [0, 10]])
    quality = probe_quality(truth, guess)
    assert quality.error.value == (5 + 0 + 5 + 10) / 4
    assert quality.median.value == 5
    assert quality.r2_x.value == pytest.approx(1 - 18 / 100)
    assert quality.r2_y.value == pytest.approx(1 - 132 / 400)
    assert quality.r2.value == pytest.approx(1 - 150 / 500)
    assert (quality.bias_x.value, quality.bias_y.value) == (1.5, 4.5)
    assert quality.bias.value == pytest.approx(math.hypot(1.5, 4.5))
    for ends in quality:
        assert ends.low <= ends.value <= ends.high


def test_medians_of_resamples_are_those_of_the_drawn_values():
    from offdiag.stats.bootstrap import item_counts
    from offdiag.stats.coordinate_probe import _medians

    for n in (7, 8):
        values = np.random.default_rng(n).normal(size=n)
        counts = item_counts(n, 50, 0)
        expected = [np.median(np.repeat(values, row)) for row in counts]
        np.testing.assert_allclose(_medians(values, counts.astype(float)), expected)


def test_shapes_that_do_not_fit():
    with pytest.raises(ValueError, match="expected"):
        fit_probe(np.ones((4, 3)), np.ones((5, 2)))
    with pytest.raises(ValueError, match="expected"):
        probe_quality(np.ones((0, 2)), np.ones((0, 2)))
