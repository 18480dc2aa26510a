import math

import numpy as np
import pytest
from scipy.stats import norm

from offdiag.stats.gain_ratio import gain_ratio

NAN = np.nan


def answers(draws, items, rate, seed, missing=0.0):
    """Verdicts whose items differ in difficulty, some of them missing."""
    draw = np.random.default_rng(seed)
    skill = np.random.default_rng(99).standard_normal(items)
    found = (draw.standard_normal((draws, items)) < skill + rate).astype(float)
    return np.where(draw.random((draws, items)) < missing, NAN, found)


def test_by_hand():
    """Four items: before 1 of 4, first 2 of 4, second 3 and 4 of 4 (one item not asked in its second draw)."""
    found = gain_ratio([1, 0, 0, 0], [[1, 1, 0, 0]], [[1, 1, 1, 0], [1, 1, 1, NAN]])
    assert found.ratio.n == found.gains[0].n == 4
    assert (found.before, found.first, found.second) == (0.25, 0.5, pytest.approx(6 / 7))
    assert [gain.value for gain in found.gains] == pytest.approx([0.25, 6 / 7 - 0.25])
    assert found.ratio.value == pytest.approx(0.25 / (6 / 7 - 0.25))


def test_one_draw_each_is_fiellers_interval_of_paired_items():
    """Gains per item and their covariance, with the normal quantile of Wilson and Tango."""
    before, easy, hard = answers(1, 200, -0.6, 0)[0], answers(1, 200, 0.3, 1), answers(1, 200, 0.9, 2)
    found = gain_ratio(before, easy, hard).ratio
    gains = np.stack([easy[0] - before, hard[0] - before])
    (a, b), v = gains.mean(axis=1), np.cov(gains) / 200 * norm.ppf(0.975) ** 2
    roots = np.roots([b**2 - v[1, 1], -2 * (a * b - v[0, 1]), a**2 - v[0, 0]])
    assert sorted(roots) == pytest.approx([found.low, found.high], rel=1e-9)


def test_few_draws_that_differ_make_it_longer():
    before = answers(1, 200, -0.6, 0)[0]
    alike = gain_ratio(before, answers(3, 200, 0.3, 1), answers(3, 200, 0.9, 2)).ratio
    scattered = np.vstack([answers(1, 200, shift, i) for i, shift in enumerate((-0.5, 0.3, 1.1))])
    apart = gain_ratio(before, scattered, answers(3, 200, 0.9, 2))
    assert apart.ratio.high - apart.ratio.low > 2 * (alike.high - alike.low)


def test_items_that_one_of_the_three_was_not_asked_count_for_none():
    before, easy, hard = [1, 0, 0, 0, NAN, 0, 0], [[1, 1, 0, 0, 1, NAN, 0]], [[1, 1, 1, 0, 1, 1, NAN]]
    assert gain_ratio(before, easy, hard) == gain_ratio([1, 0, 0, 0], [[1, 1, 0, 0]], [[1, 1, 1, 0]])


def phi(shift, spread):
    return norm.cdf(shift / np.sqrt(2 + spread**2))


@pytest.mark.parametrize("hard", [0.6, -0.25])
def test_the_interval_holds_the_truth_in_every_sample_and_not_only_in_significant_ones(hard):
    """A clear gap, and one that is significant in some samples only: 87 % were covered where it was."""
    spread, easy = 0.15, -0.4
    truth = (phi(easy, spread) - phi(-0.6, 0)) / (phi(hard, spread) - phi(-0.6, 0))
    held, runs, bounded = 0, 150, 0
    for run in range(runs):
        draw = np.random.default_rng(run)
        skill = draw.standard_normal(150)

        def sat(shift, draws, spread, draw=draw, skill=skill):
            luck = draw.standard_normal((draws, 150)) + spread * draw.standard_normal((draws, 1))
            return (luck < skill + shift).astype(float)

        found = gain_ratio(sat(-0.6, 1, 0)[0], sat(easy, 4, spread), sat(hard, 4, spread)).ratio
        held += found.low <= truth <= found.high
        bounded += math.isfinite(found.low)
    assert 0.91 <= held / runs <= 1
    assert bounded == runs or hard < 0


def test_a_gap_that_may_be_none_has_no_end():
    before = answers(1, 100, 0.0, 0)[0]
    flat = gain_ratio(before, answers(3, 100, 0.0, 1), answers(3, 100, 0.02, 2))
    assert (flat.ratio.low, flat.ratio.high) == (-math.inf, math.inf)
    assert flat.gains[1].low < 0 < flat.gains[1].high
    none = gain_ratio([0, 1, 0], [[1, 1, 1]], [[0, 1, 0]])
    assert math.isnan(none.ratio.value)
    assert none.ratio.high == math.inf


def test_nothing_shared_is_nothing():
    found = gain_ratio([1, NAN], [[NAN, 1]], [[1, 1]])
    assert found.gains[0].n == 0
    assert math.isnan(found.ratio.value)
    with pytest.raises(ValueError, match="expected"):
        gain_ratio([1, 0], [1, 0], [[1, 0]])


def test_verdicts_that_all_agree_are_no_certainty():
    found = gain_ratio(np.zeros(20), np.zeros((2, 20)), np.ones((2, 20)))
    assert found.gains[0][:3] == pytest.approx((0, -0.1611, 0.1611), abs=1e-4)  # Wilson, 0 of 20
    assert found.ratio.low < found.ratio.value == 0 < found.ratio.high
