import math

import numpy as np
import pytest
from scipy.stats import ortho_group

from offdiag.seeds import stream
from offdiag.stats.alignment import alignment, debiased_cka, linear_cka


def features(n: int, p: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(n, p))


def by_kernels(x, y, centre):
    """From the definition by n x n kernels."""
    k, m = (a @ a.T for a in (x, y))
    n = len(x)
    if centre == "biased":
        h = np.eye(n) - 1 / n
        k, m = h @ k @ h, h @ m @ h
        return np.sum(k * m) / np.linalg.norm(k) / np.linalg.norm(m)

    def hsic(a, b):
        a, b, one = a - np.diag(np.diag(a)), b - np.diag(np.diag(b)), np.ones(n)
        both = one @ a @ one * (one @ b @ one) / ((n - 1) * (n - 2)) - 2 / (n - 2) * (one @ a @ b @ one)
        return (np.trace(a @ b) + both) / (n * (n - 3))

    return hsic(k, m) / math.sqrt(hsic(k, k) * hsic(m, m))


def related(n: int = 30) -> tuple[np.ndarray, np.ndarray]:
    x = features(n, 6) + 3
    return x, np.hstack([x[:, :2] * 4, features(n, 5, 1)]) - 1


def test_the_form_by_features_is_that_by_kernels():
    x, y = related()
    assert linear_cka(x, y) == pytest.approx(by_kernels(x, y, "biased"), abs=1e-12)
    assert debiased_cka(x, y) == pytest.approx(by_kernels(x, y, "unbiased"), abs=1e-12)


def test_a_known_value():
    x = np.array([[1.0], [-1.0], [0.0], [0.0]])
    y = np.array([[1.0], [-1.0], [1.0], [-1.0]])
    # x'y = 2, x'x = 2, y'y = 4
    assert linear_cka(x, y) == pytest.approx(4 / (2 * 4))
    assert linear_cka(x, np.array([[0.0], [0.0], [1.0], [-1.0]])) == pytest.approx(0)


@pytest.mark.parametrize("cka", [linear_cka, debiased_cka])
def test_rotation_scale_and_shift_change_nothing(cka):
    x, y = related()
    turned = 7 * x @ ortho_group.rvs(6, random_state=3) + 5
    assert cka(turned, y) == pytest.approx(cka(x, y), abs=1e-10)
    assert cka(x, turned) == pytest.approx(1, abs=1e-10)
    assert cka(y, x) == pytest.approx(cka(x, y), abs=1e-12)
    assert cka(x * [9, 1, 1, 1, 1, 1], y) != pytest.approx(cka(x, y), abs=0.05)  # not every linear map


def test_more_features_than_items_look_alike_unless_debiased():
    pairs = [(features(40, 128, s), features(40, 128, s + 100)) for s in range(20)]
    assert np.mean([linear_cka(*pair) for pair in pairs]) == pytest.approx(128 / (128 + 40), abs=0.02)
    assert abs(np.mean([debiased_cka(*pair) for pair in pairs])) < 0.02


def test_undefined_is_nan():
    flat = np.ones((6, 2))
    assert math.isnan(linear_cka(flat, features(6, 2)))
    assert math.isnan(debiased_cka(features(3, 2), features(3, 2)))
    with pytest.raises(ValueError, match="expected"):
        linear_cka(features(5, 2), features(4, 2))


def test_the_intervals_cover_what_new_items_would_give():
    truth_x, truth_y = related(20_000)
    truth = debiased_cka(truth_x, truth_y)
    rng = np.random.default_rng(5)
    inside = 0
    for _ in range(200):
        rows = rng.choice(20_000, 60, replace=False)
        found = alignment(truth_x[rows], truth_y[rows])
        inside += found.debiased.low <= truth <= found.debiased.high
    assert 0.88 <= inside / 200 <= 0.99
    assert found.n == 60


def test_the_jackknife_leaves_out_each_group_in_turn():
    from scipy.stats import t

    x, y = related(23)
    found = alignment(x, y, n_groups=5, seed=3)
    groups = stream(3, "alignment", 23).permutation(23) % 5
    left = [debiased_cka(x[groups != group], y[groups != group]) for group in range(5)]
    half = t.ppf(0.975, 4) * math.sqrt(4 / 5 * np.sum((left - np.mean(left)) ** 2))
    assert found.debiased.high - found.debiased.value == pytest.approx(half, rel=1e-9)
    assert found.debiased.value == pytest.approx(debiased_cka(x, y), abs=1e-14)
    assert found.cka == pytest.approx(linear_cka(x, y), abs=1e-14)


def test_the_same_items_give_the_same_interval():
    x, y = related()
    assert alignment(x, y) == alignment(x, y)
    assert alignment(x, y, seed=1).cka == alignment(x, y).cka


def test_a_model_is_like_itself_without_an_interval():
    x = stream(0, "alike").standard_normal((40, 6))
    for other in (x, 3 * x, -x):
        found = alignment(x, other)
        assert found.debiased.value == pytest.approx(1)
        assert math.isnan(found.debiased.low)
        assert math.isnan(found.debiased.high)
    noisy = alignment(x, x + 0.01 * stream(1, "alike").standard_normal(x.shape))
    assert 0 < noisy.debiased.high - noisy.debiased.low < 0.01
