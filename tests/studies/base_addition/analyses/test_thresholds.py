import math

import numpy as np
import pytest

from offdiag.errors import UserError
from offdiag.stats.isotonic import half_crossing, isotonic
from offdiag.studies.base_addition.analyses.episode_curves import (
    EpisodeCurve,
    half_bracket,
    threshold,
)
from offdiag.studies.base_addition.analyses.thresholds import Thresholds, ThresholdSlopes
from support.episode_frames import KNOWN, N, episode_frames, rises

K = np.arange(5.0)
THRESHOLDS = Thresholds(name="thresholds", n_resamples=400)
SLOPES = ThresholdSlopes(name="slopes", n_resamples=400)
PREVAILING = -math.log(0.60)


def climbs(slope, of_base=0.0, of_seed=0.0):
    """A threshold that grows by ``slope`` a nat above the share of 60 %, where it is 0."""

    def k50(base, anchoring, seed=1):
        if anchoring <= PREVAILING:
            return 0.0
        return slope * (anchoring - PREVAILING) + of_base * (base - 7) + of_seed * (seed - 1)

    return k50


def test_the_isotonic_fit_pools_what_falls():
    assert isotonic(np.array([0.1, 0.5, 0.3, 0.8, 0.6])) == pytest.approx([0.1, 0.4, 0.4, 0.7, 0.7])
    assert isotonic(np.array([0.9, 0.5, 0.1])) == pytest.approx([0.5, 0.5, 0.5])


def test_the_isotonic_fit_is_that_of_pooling_adjacent_violators():
    rows = np.random.default_rng(0).random((200, 9))
    for row, fit in zip(rows, isotonic(rows), strict=True):
        blocks = [[value] for value in row]
        while (bad := next((i for i in range(len(blocks) - 1) if np.mean(blocks[i]) > np.mean(blocks[i + 1])), None)) is not None:  # fmt: skip  # noqa: E501
            blocks[bad : bad + 2] = [blocks[bad] + blocks[bad + 1]]
        assert fit == pytest.approx(np.concatenate([[np.mean(block)] * len(block) for block in blocks]))


@pytest.mark.parametrize(
    ("accuracy", "k50"),
    [
        ([0.0, 0.2, 0.4, 0.6, 0.8], 2.5),
        ([0.0, 0.5, 0.9, 0.9, 0.9], 1.0),
        ([0.0, 0.8, 0.2, 0.9, 1.0], 1.0),  # 0.8 and 0.2 count as 0.5
        ([0.6, 0.7, 0.8, 0.9, 1.0], 0.0),
        ([0.9, 0.4, 0.6, 0.9, 1.0], 0.0),
        ([0.0, 0.1, 0.2, 0.3, 0.4], math.inf),
    ],
)
def test_where_a_curve_reaches_one_half(accuracy, k50):
    assert half_crossing(K, np.array(accuracy)) == pytest.approx(k50)


def test_thresholds_are_found_where_they_were_put():
    table = THRESHOLDS.table(episode_frames(climbs(1.5), climbs(1.0)))
    assert len(table) == 16
    for row in table.itertuples():
        assert row.anchoring == pytest.approx(-math.log(row.share))
        if row.share == 0.60:
            assert (row.k50_at_most, row.ideal_k50_at_most) == (0, 0)
            assert np.isnan([row.k50, row.k50_low, row.excess]).all()
            continue
        distance = row.anchoring - PREVAILING
        assert row.k50 == pytest.approx(1.5 * distance, abs=0.05)  # 100 sequences make steps of one hundredth
        assert row.ideal_k50 == pytest.approx(distance, abs=0.05)
        assert row.k50_low < row.k50 < row.k50_high
        assert row.excess_low < row.excess == pytest.approx(0.5 * distance, abs=0.1)
        assert np.isnan(row.k50_at_most)
    assert set(table["n_seeds"]) == {3}
    assert set(table["n_sequences"]) == {N}


def test_seeds_that_differ_widen_the_interval():
    def width(of_seed):
        table = THRESHOLDS.table(episode_frames(climbs(2.0, of_seed=of_seed), climbs(1.0)))
        row = table[(table["base"] == 8) & (table["share"] == 0.04)].iloc[0]
        return row["k50_high"] - row["k50_low"]

    assert width(1.0) > 1.5 * width(0.0)


def test_a_threshold_beyond_the_last_k_is_a_bound():
    table = THRESHOLDS.table(episode_frames(climbs(20.0), climbs(1.0)))
    rare = table[table["share"] == 0.04]
    assert rare["k50"].isna().all()
    assert (rare["k50_above"] == 13).all()
    assert rare["ideal_k50"].notna().all()


def test_slopes_are_found_whatever_the_bases_own_difficulty():
    table = SLOPES.table(episode_frames(climbs(1.5, of_base=0.4), climbs(1.0))).set_index("observer")
    for who, slope in (("model", 1.5), ("ideal", 1.0), ("model - ideal", 0.5)):
        row = table.loc[who]
        assert row["slope"] == pytest.approx(slope, abs=0.05)
        assert row["slope_low"] < slope < row["slope_high"]
        assert (row["n_thresholds"], row["n_bounds"], row["note"]) == (12, 4, "")
    assert table.loc["model", "r_squared"] > 0.99
    assert table.loc["ideal", "nats_per_demonstration"] == pytest.approx(1.0, abs=0.05)
    assert table.loc["ideal", "nats_low"] < 1.0 < table.loc["ideal", "nats_high"]


def test_one_assignment_has_one_line_for_all_bases_and_says_so():
    table = SLOPES.table(episode_frames(climbs(1.5), climbs(1.0), rotations=1, seeds=1))
    assert table["slope"].tolist() == pytest.approx([1.5, 1.0, 0.5], abs=0.05)
    assert table["note"].str.contains("vary together").all()


def test_a_slope_needs_two_thresholds():
    table = SLOPES.table(episode_frames(lambda base, x, seed: 0.0, climbs(1.0)))
    assert table["slope"].isna().tolist() == [True, False, True]
    assert table["note"].iloc[0] == "0 thresholds are known: a slope needs two shares"


def test_what_is_not_done_is_a_row_with_a_note():
    absent = {(0, 0), (1, 0), (1, 1)}
    frames = episode_frames(climbs(1.5), climbs(1.0), rotations=2, seeds=2, absent=absent)
    notes = THRESHOLDS.table(frames).groupby("note").size().to_dict()
    assert notes == {"1 of 2 seeds missing": 4, "no model is trained yet, or all have failed": 4}
    nothing = episode_frames(climbs(1.5), climbs(1.0), rotations=1, seeds=1, absent={(0, 0)})
    assert THRESHOLDS.table(nothing)["base"].tolist() == list(KNOWN.bases)
    assert SLOPES.table(nothing)["slope"].isna().all()


def test_a_lost_question_is_refused():
    frames = episode_frames(climbs(1.5), climbs(1.0), rotations=1, seeds=1)
    cut = frames.measurements["episodes"].drop(index=17)
    with pytest.raises(UserError, match="base 7 of .*expected 1 x 100 x 14"):
        THRESHOLDS.table(type(frames)(cells=frames.cells, records=frames.records, measurements={"episodes": cut}))


STEEP = np.array([0.0, 1, 2, 4, 8, 16, 32])  # far apart, as numbers of demonstrations mostly are


@pytest.mark.parametrize(("k", "at", "width"), [(np.arange(14.0), 4.3, 1.0), (STEEP, 18.0, 0.5), (STEEP, 30.0, 2.0)])
def test_brackets_cover_the_truth_whatever_the_distance_of_the_measured_k(k, at, width):
    """The bootstrap of the interpolated k50 covered 53 % where k lie far apart: the line between them is made up."""
    generator = np.random.default_rng(0)
    truth = 1 / (1 + np.exp(-(k - at) / width))
    covered = 0
    for _ in range(150):
        right = (generator.random((1, 100, len(k))) < truth).astype(float)
        low, high = half_bracket(k, right)
        covered += low <= at <= high
    assert covered / 150 >= 0.93


def test_a_bracket_ends_at_measured_k():
    at = {0: 0.0, 1: 0.1, 2: 0.45, 4: 0.55, 8: 0.95, 16: 1.0}
    answers = np.stack([(np.arange(200) < 200 * share).astype(float) for share in at.values()], axis=1)[None]
    assert half_bracket(np.array([*at], float), answers) == (1, 8)  # 45 and 55 of 100 may both be one half
    never, always = np.zeros((1, 40, 3)), np.ones((1, 40, 3))
    assert half_bracket(np.array([0.0, 2, 9]), never) == (9, math.inf)
    assert half_bracket(np.array([0.0, 2, 9]), always) == (0, 0)


def test_intervals_over_seeds_cover_a_truth_that_seeds_scatter_around():
    generator = np.random.default_rng(1)
    k, covered = np.arange(14.0), 0
    for trial in range(200):
        thresholds = 4.3 + generator.normal(0, 0.8, 4)
        right = np.stack([generator.random((60, 14)) < rises(one, k) for one in thresholds]).astype(float)
        curve = EpisodeCurve(base=8, share=0.1, n_planned=4, k=k, correct=right, expected=right[0],
                             n_resamples=200, seed=trial)  # fmt: skip
        low, high = threshold(curve, "model")[1:3]
        covered += low <= 4.3 <= high
    assert covered / 200 >= 0.88
