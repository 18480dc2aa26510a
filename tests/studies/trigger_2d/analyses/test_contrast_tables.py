import numpy as np
import pandas as pd
import pytest

from offdiag.analyses import Frames
from offdiag.errors import UserError
from offdiag.seeds import stream
from offdiag.stats import crossed_mean, wilson
from offdiag.stats.replicated import accuracy, mean_of_replicates
from offdiag.studies.trigger_2d.analyses.ablation import TriggerAblationRates
from offdiag.studies.trigger_2d.analyses.patching import PatchingRecovery
from support.contrast_frames import ABLATIONS, POSITIONS, ablation_frames, patching_frames, without


def by_trigger(proxy: str, seed: int, ablation: str, i: int) -> str:
    """Without a trigger the points of the first trigger are answered by the other rule, half of those of the second."""
    return "own" if ablation == "intact" or (ablation == "empty" and i % 4 == 1) else "other"


def rates(frames, **settings) -> pd.DataFrame:
    return TriggerAblationRates(name="rates", **settings).table(frames)


def recovery(frames, **settings) -> pd.DataFrame:
    return PatchingRecovery(name="recovery", **settings).table(frames)


def test_rates_of_each_ablation():
    table = rates(ablation_frames(by_trigger))
    assert table["ablation"].tolist() == list(ABLATIONS)
    assert table["own"].tolist() == [1.0, 0.0, 0.25, 0.0]
    assert table["other"].tolist() == [0.0, 1.0, 0.75, 1.0]
    assert table["changed"].tolist() == [0.0, 1.0, 0.75, 1.0]
    assert table["margin"].tolist() == [2.0, -2.0, -1.0, -2.0]
    assert (table["n_items"].unique().tolist(), table["n_triggers"].unique().tolist()) == ([8], [2])


def test_the_interval_of_a_rate_counts_triggers():
    table = rates(ablation_frames(by_trigger)).set_index("ablation")
    low, high = map(float, wilson(2, 2))
    assert table.loc["intact", ["own_low", "own_high"]].tolist() == pytest.approx([low, high])
    by_points = accuracy([[0, 0, 0, 0, 0, 1, 0, 1]], clusters=[0, 0, 0, 0, 1, 1, 1, 1])  # a seed, two triggers
    assert table.loc["empty", ["own_low", "own_high"]].tolist() == pytest.approx([by_points.low, by_points.high])
    margin = crossed_mean([[-2.0, 0.0]])
    assert table.loc["empty", ["margin_low", "margin_high"]].tolist() == pytest.approx([margin.low, margin.high])


def test_seeds_are_crossed_with_triggers():
    def by_seed(proxy, seed, ablation, i):
        return "own" if ablation == "intact" or (seed == 1 and i % 2 == 0) else "neither"

    table = rates(ablation_frames(by_seed, seeds=(0, 1, 2))).set_index("ablation")
    grid = accuracy([[0] * 8, [1] * 4 + [0] * 4, [0] * 8], clusters=[0, 0, 0, 0, 1, 1, 1, 1])
    found = table.loc["swapped"]
    assert found["own"] == pytest.approx(1 / 6)
    assert (found["own_low"], found["own_high"]) == pytest.approx((grid.low, grid.high))
    assert (found["n_seeds"], found["n_planned_seeds"]) == (3, 3)
    assert found[["own", "other", "neither"]].sum() == pytest.approx(1)


def test_what_is_not_done_is_a_row():
    frames = ablation_frames(by_trigger, proxies=("none", "foods"), seeds=(0, 1))
    table = rates(without(frames, "trigger_ablation", "foods", "failed"))
    assert table["state"].tolist() == ["done"] * 4 + ["failed"]
    assert pd.isna(table["ablation"].iloc[-1])
    assert table["n_planned_seeds"].tolist() == [2] * 5


def random_recovered(seed: int, i: int) -> np.ndarray:
    return stream(seed, "recovered", i).normal([[0.0, 1.0, 0.2, 0.0], [0.0, 0.5, 0.3, 0.5]], 0.3)


def test_recovered_means_and_their_intervals():
    table = recovery(patching_frames(random_recovered))
    assert table[["position", "layer"]].values.tolist() == [[p, layer] for layer in (0, 1) for p in POSITIONS]
    values = np.array([random_recovered(0, i) for i in range(20)])
    assert table["recovered"].tolist() == pytest.approx(values.mean(0).ravel().tolist())
    for row, column in zip(table.to_dict("records"), values.reshape(20, -1).T, strict=True):
        expected = mean_of_replicates(column[None])
        assert (row["low"], row["high"]) == pytest.approx((expected.low, expected.high))
    assert set(table["n_pairs"]) == {20}


def test_seeds_that_left_out_other_pairs_are_averaged_over_what_there_is():
    frames = patching_frames(random_recovered, seeds=(0, 1, 2))
    frame = frames.measured("patching")
    kept = frame[~((frame["seed"] == 1) & frame["example"].isin(["e0", "e1", "e2"]))]
    table = recovery(Frames(cells=frames.cells, records=frames.records, measurements={"patching": kept}))
    values = np.array([[random_recovered(seed, i) for i in range(20)] for seed in range(3)]).reshape(3, 20, -1)
    values[1, :3] = np.nan
    for row, column in zip(table.to_dict("records"), np.moveaxis(values, 2, 0), strict=True):
        expected = mean_of_replicates(column)
        assert (row["recovered"], row["low"], row["high"]) == pytest.approx(expected[:3])
    assert set(table["n_pairs"]) == {57}


def test_pairs_that_were_left_out_are_counted_with_their_reasons():
    reasons = ["not told apart"] * 3 + ["same label"]
    table = recovery(patching_frames(random_recovered, left_out=reasons))
    assert len(table) == 8
    assert set(table["left_out"]) == {"3 not told apart, 1 same label"}
    assert set(table["n_left_out"]) == {4}
    none = recovery(patching_frames(random_recovered, n=0, left_out=reasons))
    assert none[["state", "n_pairs", "n_left_out"]].values.tolist() == [["no pair", 0, 4]]
    assert none["left_out"].tolist() == ["3 not told apart, 1 same label"]


def test_patching_that_is_not_done_is_a_row():
    frames = patching_frames(random_recovered, proxies=("none", "foods"))
    table = recovery(without(frames, "patching", "foods", "missing"))
    assert table["state"].tolist() == ["done"] * 8 + ["missing"]
    assert table["left_out"].tolist() == [""] * 9
    assert recovery(without(patching_frames(random_recovered), "patching", "none", "missing"))["n_pairs"].tolist() == [
        0
    ]


TWO = ("none", "foods")


@pytest.mark.parametrize(
    ("table", "frames"),
    [(rates, ablation_frames(by_trigger, proxies=TWO)), (recovery, patching_frames(random_recovered, proxies=TWO))],
)
def test_arms_are_told_apart(table, frames):
    with pytest.raises(UserError, match="2 rows are alike in eval_category, eval_triggers, against_category, seed"):
        table(frames, arms=())
    assert table(frames, arms=(), where={"proxy_category": "foods"})["n_seeds"].unique().tolist() == [1]
    with pytest.raises(UserError, match="no column 'strategy'"):
        table(frames, arms=("strategy",))
