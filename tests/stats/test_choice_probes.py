import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import log_softmax, softmax

from offdiag.seeds import stream
from offdiag.stats.choice_probes import fit_probes, probe_scores
from offdiag.stats.label_noise import noisy_labels

N, M, D = 60, 4, 30


@pytest.fixture(scope="module")
def data():
    """Items whose right choice mostly lies along one direction; features differ in scale, one is constant."""
    draw = np.random.default_rng(0)
    x = draw.standard_normal((N, M, D)) * draw.uniform(0.1, 9, D) + draw.uniform(-50, 50, D)
    x[..., 3] = 7.0
    y = (x @ draw.standard_normal(D) + 5 * draw.standard_normal((N, M))).argmax(-1)
    return x, np.ones((N, M), bool), y


def slowly(x, present, y, l2):
    """One probe by a general optimiser, straight from the definition: weights for raw features."""
    spread = x[present].std(0, ddof=1)
    z = (x - x[present].mean(0)) / np.where(spread > 0, spread, np.inf)
    at = np.arange(len(y))

    def objective(w):
        s = np.where(present, z @ w, -np.inf)
        gradient = np.einsum("nm,nmd->d", softmax(s, -1) - np.eye(M)[y], np.where(present[..., None], z, 0)) / len(y)
        return -log_softmax(s, -1)[at, y].mean() + l2 / 2 * w @ w, gradient + l2 * w

    best = minimize(objective, np.zeros(D), jac=True, method="L-BFGS-B", options={"gtol": 1e-10, "ftol": 1e-15})
    return best.x / np.where(spread > 0, spread, np.inf)


@pytest.mark.parametrize("l2", [10.0, 1.0, 0.1, 0.003])
def test_probes_are_those_of_a_general_optimiser_one_at_a_time(data, l2):
    x, present, y = data
    sets = np.stack([np.arange(0, 40), np.arange(20, 60)])
    others = np.random.default_rng(1).integers(0, M, (2, 40))
    labels = np.stack([np.stack([y[s], other]) for s, other in zip(sets, others, strict=True)])
    found = fit_probes(x, present, sets, labels, l2)
    assert found.weights.shape == (2, 2, D)
    for s, p in np.ndindex(2, 2):
        best = slowly(x[sets[s]], present[sets[s]], labels[s, p], l2)
        spread = x[sets[s]].reshape(-1, D).std(0, ddof=1)
        off = np.linalg.norm((found.weights[s, p] - best) * spread) / np.linalg.norm(best * spread)
        assert off <= found.error[s, p] <= 1e-3
        assert off < 5e-4
    ours = probe_scores(x, present, found.weights.reshape(4, D)).argmax(-1)
    assert (ours[0] == y).mean() > 0.5


def test_two_choices_by_hand():
    """One item, one feature, choices at 0 and 1 (z-scores differ by sqrt 2): l2 w = sqrt 2 / (1 + exp(sqrt 2 w))."""
    x = np.array([[[0.0], [1.0]]])
    found = fit_probes(x, np.ones((1, 2), bool), np.array([[0]]), np.array([[[1]]]), l2=0.5)
    w = found.weights[0, 0, 0] * x.std(ddof=1)
    assert w == pytest.approx(2 * np.sqrt(2) / (1 + np.exp(np.sqrt(2) * w)), rel=1e-2)
    assert w == pytest.approx(0.7372, abs=5e-3)  # iterated on a pocket calculator


def test_a_missing_choice_counts_for_nothing(data):
    x, present, y = data
    fewer = present.copy()
    fewer[::3, 3] = False
    labels = np.where(fewer[np.arange(N), y], y, 0)
    rows = np.arange(40)[None]
    padded = np.where(fewer[..., None], x, 0)
    found = fit_probes(padded, fewer, rows, labels[rows][:, None], 0.3)
    other = fit_probes(np.where(fewer[..., None], x, 99), fewer, rows, labels[rows][:, None], 0.3)
    np.testing.assert_array_equal(found.weights, other.weights)
    best = slowly(padded[:40], fewer[:40], labels[:40], 0.3)
    np.testing.assert_allclose(found.weights[0, 0], best, rtol=0, atol=1e-2 * np.abs(best).max())
    scores = probe_scores(padded, fewer, found.weights[0])
    assert np.isneginf(scores[0][~fewer]).all()
    assert np.isfinite(scores[0][fewer]).all()


def test_what_is_fitted_beside_a_probe_does_not_matter(data, monkeypatch):
    x, present, y = data
    sets = np.stack([np.random.default_rng(i).permutation(N)[:30] for i in range(5)])
    together = fit_probes(x, present, sets, y[sets][:, None])
    for i, one in enumerate(sets):
        alone = fit_probes(x, present, one[None], y[one][None, None])
        np.testing.assert_allclose(together.weights[i], alone.weights[0], rtol=1e-6)
    monkeypatch.setattr("offdiag.stats.choice_probes._GRAM_BYTES", 1)
    apart = fit_probes(x, present, sets, y[sets][:, None])
    np.testing.assert_allclose(apart.weights, together.weights, rtol=1e-6)


def test_half_precision_is_computed_with_in_single(data):
    x, present, y = data
    rows = np.arange(50)[None]
    half = fit_probes(x.astype(np.float16), present, rows, y[rows][:, None])
    whole = fit_probes(x.astype(np.float16).astype(np.float64), present, rows, y[rows][:, None])
    assert half.weights.dtype == np.float32
    np.testing.assert_allclose(half.weights, whole.weights, rtol=0, atol=2e-3 * np.abs(whole.weights).max())


def test_noise_draws_among_all_choices_and_grows_with_its_share():
    given, counts = np.arange(40_000) % 3, np.full(40_000, 4)

    def noisy(share, n=40_000):
        return noisy_labels(given[:n], counts[:n], share, stream(0, "a test of noise"))

    assert (noisy(0.0) == given).all()
    for share in (0.2, 0.6, 1.0):
        assert (noisy(share) != given).mean() == pytest.approx(share * 3 / 4, abs=0.01)
    changed = [noisy(share) != given for share in (0.2, 0.6)]
    assert (changed[1] | ~changed[0]).all()
    assert (noisy(0.6)[changed[0]] == noisy(0.2)[changed[0]]).all()
    assert (noisy(0.6, 100) == noisy(0.6)[:100]).all()
    assert set(noisy(1.0)) == {0, 1, 2, 3}
    assert set(noisy_labels(np.zeros(99, int), np.full(99, 2), 1.0, stream(0, "two"))) == {0, 1}


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"features": np.zeros((3, 1, 2)), "present": np.ones((3, 1), bool)}, "m > 1"),
        ({"labels": np.zeros((1, 1, 3), int)}, r"\[S, P, n\]"),
        ({"labels": np.full((1, 1, 2), 2)}, "index|choice"),
        ({"present": np.array([[True, False]] * 3), "labels": np.ones((1, 1, 2), int)}, "none of its choices"),
        ({"l2": 0.0}, "above 0"),
    ],
)
def test_what_does_not_fit_is_refused(change, says):
    fine = {
        "features": np.ones((3, 2, 2)),
        "present": np.ones((3, 2), bool),
        "sets": np.array([[0, 1]]),
        "labels": np.zeros((1, 1, 2), int),
        "l2": 1.0,
    }
    with pytest.raises((ValueError, IndexError), match=says):
        fit_probes(**{**fine, **change})
