import math

import pandas as pd
import pytest

from offdiag.analyses import Frames
from offdiag.analyses.selection import filled, final
from offdiag.stats.means import crossed_variance
from offdiag.stats.replicated import accuracy_ends
from offdiag.studies.trigger_2d.analyses.leakage import Leakage
from offdiag.studies.trigger_2d.analyses.stage_check import StageCheck
from support.trigger_frames import TAUGHT, leaking, trigger_frames

STAGE = {"where": {"train_rule": "conflict"}, "replicates": ("data_seed", "seed")}


def seeded(frames, second=True):
    """The frames with the seed of the data, of which the cells of a second one are a copy."""
    parts = []
    for frame in (frames.cells, frames.records) if len(frames.records) else (frames.cells, frames.cells[:0]):
        data = [frame.assign(data_seed=d, cell=frame["cell"] + f"-d{d}") for d in ((0, 1) if second else (0,))]
        parts.append(pd.concat(data, ignore_index=True))
    return Frames(cells=parts[0], records=parts[1])


def test_only_what_was_taught_is_asked_whether_it_was_learnt():
    frames = seeded(trigger_frames([("none", 0), ("foods", 5)], leaking(0.1)))
    found = StageCheck(name="learnt", **STAGE).table(frames)
    assert list(zip(found["proxy_category"], found["category"], strict=True)) == [
        ("none", TAUGHT), ("foods", "positive_emotions"), ("foods", "foods")
    ]  # fmt: skip
    assert set(StageCheck.terminal_columns) <= set(found)


def test_it_is_learnt_if_every_seed_has_learnt_it():
    def one_fails(proxy, size, category, example, seed):
        return 0.0 if seed == 2 else 1.0

    frames = seeded(trigger_frames([("none", 0)], one_fails, seeds=(0, 1, 2), categories=[TAUGHT]))
    frames.records["correct"] = frames.records["parsed"] != frames.records["target"]  # it is asked by its own rule here
    row = StageCheck(name="learnt", **STAGE).table(frames).iloc[0]
    assert (round(row["accuracy"], 6), row["lowest"], row["learnt"]) == (round(2 / 3, 6), 0, False)
    assert (row["n_seeds"], row["n_planned_seeds"]) == (6, 6)


def test_what_is_not_done_was_not_learnt():
    row = StageCheck(name="learnt", **STAGE).table(seeded(trigger_frames([("none", 0)], lambda *_: "missing"))).iloc[0]
    assert row["state"] == "missing"
    assert not row["learnt"]
    assert math.isnan(row["accuracy"])


def test_both_seeds_are_sides_of_the_interval():
    frames = seeded(trigger_frames([("none", 0)], leaking(0.5), seeds=(0, 1, 2), categories=["foods"]))
    row = Leakage(name="leakage", **STAGE).table(frames).iloc[0]
    records = frames.records.assign(leaked=~frames.records["correct"].astype(bool))
    grid = records.groupby(["data_seed", "seed", "trigger"])["leaked"].mean().to_numpy(float).reshape(2, 3, 5)
    n_items = records["example"].nunique()
    ends = accuracy_ends(grid.mean(), n_items, len(records), crossed_variance(grid), units=n_items)
    assert (row["leaked"], row["leaked_low"], row["leaked_high"]) == pytest.approx((grid.mean(), *ends))
    assert row["n_seeds"] == 6


def test_snapshots_are_no_results():
    frames = seeded(trigger_frames([("none", 0)], leaking(0.0), categories=["foods"]), second=False)
    early = {"update": 4, "cell": "early"}
    cells = pd.concat([frames.cells.assign(update=None), frames.cells.assign(**early)]).convert_dtypes()
    records = pd.concat([frames.records, frames.records.assign(parsed="blue", cell="early")])
    both = Frames(cells=cells, records=records)
    assert len(final(cells)) == 1
    assert Leakage(name="leakage", **STAGE).table(both)["leaked"].tolist() == [0]


def test_gaps_are_filled_by_kind():
    frame = pd.DataFrame({"a": ["x", None], "b": [1, None], "c": [None, 2.5], "d": [True, None]}).convert_dtypes()
    found = filled(frame, ("a", "b", "c", "d")).to_dict("list")
    assert found == {"a": ["x", "none"], "b": [1, 0], "c": [0.0, 2.5], "d": [True, False]}


def test_what_the_arms_started_from_stands_beside_them():
    second = seeded(trigger_frames([("none", 0)], leaking(1.0), categories=["foods"]), second=False)
    first = seeded(trigger_frames([("none", 0)], leaking(0.2), categories=["foods"]), second=False)
    both = Frames(
        cells=pd.concat([second.cells, first.cells.assign(train_rule="original", cell="first")]),
        records=pd.concat([second.records, first.records.assign(train_rule="original", cell="first")]),
    )
    row = Leakage(name="leakage", started={"train_rule": "original"}, **STAGE).table(both).iloc[0]
    assert row["before"] == first.records["correct"].mean()
    assert not row["learnt"]
    assert row["leaked"] == 1
