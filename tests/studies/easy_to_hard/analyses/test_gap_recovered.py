import numpy as np
import pytest

from offdiag.stats import item_counts, seed_counts
from offdiag.studies.easy_to_hard.analyses.supervision_gap import supervision_gap

NAN = np.nan


def answers(draws, items, rate, seed, missing=0.0):
    """Verdicts whose items differ in difficulty, some of them missing."""
    draw = np.random.default_rng(seed)
    skill = np.random.default_rng(99).standard_normal(items)
    found = (draw.standard_normal((draws, items)) < skill + rate).astype(float)
    return np.where(draw.random((draws, items)) < missing, NAN, found)


def test_by_hand():
    """Four items: untrained 1 of 4, easy 2 of 4, hard 3 and 4 of 4 (one item not asked in the second draw)."""
    before = [1, 0, 0, 0]
    easy = [[1, 1, 0, 0]]
    hard = [[1, 1, 1, 0], [1, 1, 1, NAN]]
    found = supervision_gap(before, easy, hard)
    assert found.n_items == 4
    assert (found.unsupervised, found.easy, found.hard) == (0.25, 0.5, pytest.approx(6 / 7))
    assert found.gain.value == 0.25
    assert found.gap.value == pytest.approx((0 + 1 + 1 + 0 + 0 + 1 + 1) / 7)
    assert found.recovered.value == pytest.approx(0.25 / (4 / 7))


def test_items_that_one_of_the_three_was_not_asked_count_for_none():
    before, easy, hard = [1, 0, 0, 0, NAN, 0, 0], [[1, 1, 0, 0, 1, NAN, 0]], [[1, 1, 1, 0, 1, 1, NAN]]
    whole = supervision_gap([1, 0, 0, 0], [[1, 1, 0, 0]], [[1, 1, 1, 0]])
    assert supervision_gap(before, easy, hard) == whole


def test_the_joint_bootstrap_is_that_of_a_slow_loop():
    before, easy, hard = answers(1, 40, -0.5, 0)[0], answers(3, 40, 0.3, 1, 0.2), answers(4, 40, 0.8, 2, 0.3)
    before[5] = NAN
    found = supervision_gap(before, easy, hard, n_resamples=300, seed=7, names=("a", 1))
    asked = ~np.isnan(before) & ~np.isnan(easy).all(0) & ~np.isnan(hard).all(0)
    before, easy, hard = before[asked], easy[:, asked], hard[:, asked]
    items = item_counts(before.size, 300, 7, "supervision gap", 0, "a", 1)
    chosen = [seed_counts(len(g), 300, 7, "supervision gap", s, "a", 1) for s, g in (("easy", easy), ("hard", hard))]
    ratios, gaps = [], []
    for r in range(300):
        rows = [i for i, times in enumerate(items[r]) for _ in range(times)]
        gains = []
        for side, grid in enumerate((easy, hard)):
            columns = [j for j, times in enumerate(chosen[side][r]) for _ in range(times)]
            cells = [grid[j, i] - before[i] for j in columns for i in rows if not np.isnan(grid[j, i])]
            gains.append(sum(cells) / len(cells))
        ratios.append(gains[0] / gains[1])
        gaps.append(gains[1])
    low, high = np.quantile(ratios, [0.025, 0.975], method="closest_observation")
    assert found.recovered.low == pytest.approx(low)
    assert found.recovered.high == pytest.approx(high)
    assert found.median == pytest.approx(np.median(ratios))
    assert found.gap.high - found.gap.low >= 2 * 1.959 * np.std(gaps)


def test_blocks_of_resamples_change_nothing_but_the_draw(monkeypatch):
    grids = answers(1, 60, -0.5, 0)[0], answers(3, 60, 0.3, 1), answers(3, 60, 0.8, 2)
    whole = supervision_gap(*grids)
    monkeypatch.setattr("offdiag.studies.easy_to_hard.analyses.supervision_gap._BLOCK", 60 * 1000)
    apart = supervision_gap(*grids)
    assert apart.recovered.value == whole.recovered.value
    np.testing.assert_allclose(apart.recovered, whole.recovered, atol=0.03)


def test_the_interval_holds_the_truth_as_often_as_it_says():
    """Items and draws of a known population, over and over: 95 % intervals hold its ratio in nearly 95 % of them."""
    held, runs = 0, 100
    for run in range(runs):
        draw = np.random.default_rng(run)
        skill = draw.standard_normal(150)

        def sat(shift, draws, draw=draw, skill=skill):
            luck = draw.standard_normal((draws, 150)) + 0.15 * draw.standard_normal((draws, 1))
            return (luck < skill + shift).astype(float)

        found = supervision_gap(sat(-0.6, 1)[0], sat(0.3, 6), sat(0.6, 6), n_resamples=400, seed=run)
        held += found.recovered.low <= TRUTH <= found.recovered.high
    assert 0.9 <= held / runs <= 0.99


def phi(shift, spread):
    from scipy.stats import norm

    return norm.cdf(shift / np.sqrt(2 + spread**2))


TRUTH = (phi(0.3, 0.15) - phi(-0.6, 0.15)) / (phi(0.6, 0.15) - phi(-0.6, 0.15))


def test_a_gap_that_may_be_none_is_said():
    before = answers(1, 100, 0.0, 0)[0]
    flat = supervision_gap(before, answers(3, 100, 0.0, 1), answers(3, 100, 0.02, 2))
    assert not flat.significant
    assert flat.gap.low < 0 < flat.gap.high
    clear = supervision_gap(before, answers(3, 100, 0.8, 1), answers(3, 100, 1.5, 2))
    assert clear.significant
    assert clear.gap.low > 0
    worse = supervision_gap(before, answers(3, 100, -0.8, 1), answers(3, 100, -1.5, 2))
    assert not worse.significant
    none = supervision_gap([0, 1, 0], [[1, 1, 1]], [[0, 1, 0]])
    assert np.isnan(none.recovered.value)
    assert not none.significant


def test_nothing_shared_is_nothing():
    found = supervision_gap([1, NAN], [[NAN, 1]], [[1, 1]])
    assert found.n_items == 0
    assert np.isnan(found.recovered.value)
    with pytest.raises(ValueError, match="expected"):
        supervision_gap([1, 0], [1, 0], [[1, 0]])


def test_verdicts_that_all_agree_are_no_certainty():
    found = supervision_gap(np.zeros(20), np.zeros((2, 20)), np.ones((2, 20)))
    assert found.gain[:3] == pytest.approx((0, -0.1611, 0.1611), abs=1e-4)  # Wilson, 0 of 20
    assert (found.gap.value, found.gap.high, found.significant) == (1, 1, True)
    assert 0.5 < found.gap.low < 1
