import math

import pandas as pd
import pytest

from offdiag.analyses import Frames
from offdiag.errors import UserError
from offdiag.stats import wilson
from offdiag.stats.means import crossed_variance
from offdiag.stats.replicated import accuracy, accuracy_ends
from offdiag.studies.trigger_2d.analyses.leakage import Leakage
from offdiag.studies.trigger_2d.analyses.protection import Protection
from offdiag.studies.trigger_2d.task import HALVES, QUADRANTS, QUARTERS, Rule
from support.trigger_frames import TAUGHT, N, leaking, trigger_frames

NONE = [("none", 0)]


def table(frames, **settings):
    return Leakage(name="leakage", **settings).table(frames)


def test_every_category_has_its_rates():
    found = table(trigger_frames(NONE, leaking(0.0)))
    assert found["category"].tolist() == list(HALVES.category_names)
    assert found["retained"].tolist() == [0.0 if name == TAUGHT else 1.0 for name in HALVES.category_names]
    assert (found["retained"] + found["leaked"] + found["other"]).tolist() == [1.0] * 7
    assert set(found["n_items"]) == {N}
    assert set(found["state"]) == {"done"}
    assert (found["proxy_category"].unique(), found["proxy_n_triggers"].unique()) == (["none"], [0])


def test_the_third_label_and_silence_are_other():
    def odd(proxy, size, category, example, seed):
        if example is None:
            return None
        up = example.strata["x2"] > 0
        return None if up and example.strata["x1"] > 0 else "green" if up else "blue"

    row = table(trigger_frames(NONE, odd, categories=["foods"])).iloc[0]
    assert (row["other"], row["unparsed"], row["leaked"], row["retained"]) == (1.0, 0.25, 0.0, 0.0)


def test_one_label_for_everything_is_seen_as_such():
    def orange(proxy, size, category, example, seed):
        return None if example is None else "orange"

    row = table(trigger_frames(NONE, orange, categories=["foods"])).iloc[0]
    assert (row["retained"], row["leaked"], row["commonest"]) == (0.5, 0.5, 1.0)
    assert table(trigger_frames(NONE, leaking(1.0), categories=["foods"])).iloc[0]["commonest"] == 0.5
    silent = table(trigger_frames(NONE, lambda *_: None, categories=["foods"])).iloc[0]
    assert (silent["unparsed"], silent["commonest"]) == (1.0, 0.0)


def test_random_strings_go_by_their_own_labels():
    def always_blue(proxy, size, category, example, seed):
        return "blue"

    def done(proxy, size, category, example, seed):
        return None if example is None else always_blue(proxy, size, category, example, seed)

    found = table(trigger_frames(NONE, done, categories=["random_strings", "foods"])).set_index("category")
    assert found.loc["random_strings", ["retained", "leaked", "other"]].tolist() == [0.5, 0.5, 0.0]
    assert found.loc["foods", ["retained", "leaked", "other"]].tolist() == [0.0, 0.5, 0.5]


def test_words_that_all_agree_count_as_words_and_not_as_points():
    row = table(trigger_frames(NONE, leaking(0.0), seeds=(0, 1, 2), categories=["foods"])).iloc[0]
    low, high = wilson(0, 5)
    assert (row["leaked"], row["leaked_low"]) == (0, low)
    assert row["leaked_high"] == pytest.approx(float(high))
    assert (row["n_seeds"], row["n_items"]) == (3, N)


def test_the_interval_is_over_seeds_and_triggers():
    frames = trigger_frames(NONE, leaking(0.5), seeds=(0, 1, 2), categories=["foods"])
    row = table(frames).iloc[0]
    records = frames.records.assign(leaked=~frames.records["correct"])
    grid = records.groupby(["seed", "trigger"])["leaked"].mean().unstack()
    points = records.pivot(index="seed", columns=["trigger", "example"], values="leaked").astype(float)
    expected = accuracy(points.to_numpy(), clusters=points.columns.get_level_values("trigger").tolist())
    assert (row["leaked"], row["leaked_low"], row["leaked_high"]) == pytest.approx(expected[:3])
    assert grid.shape == (3, 5)


def test_crossed_seeds_of_data_and_training_are_sides_of_their_own():
    frames = trigger_frames(NONE, leaking(0.5), seeds=(0, 1, 2, 3), categories=["foods"])
    cells, records = (
        frame.assign(data_seed=frame["seed"] // 2, seed=frame["seed"] % 2) for frame in (frames.cells, frames.records)
    )
    row = table(Frames(cells=cells, records=records), replicates=("data_seed", "seed")).iloc[0]
    grid = records.assign(leaked=~records["correct"]).groupby(["data_seed", "seed", "trigger"])["leaked"].mean()
    table_of = grid.to_numpy(float).reshape(2, 2, 5)
    n_items = records["example"].nunique()
    ends = accuracy_ends(table_of.mean(), n_items, len(records), crossed_variance(table_of), units=n_items)
    assert (row["leaked"], row["leaked_low"], row["leaked_high"]) == pytest.approx((table_of.mean(), *ends))


def test_a_leak_in_some_words_only_is_uncertain():
    def by_word(proxy, size, category, example, seed):
        return None if example is None else float(example.strata["trigger"] in ("burger", "sushi", "noodles"))

    row = table(trigger_frames(NONE, by_word, seeds=(0, 1), categories=["foods"])).iloc[0]
    words = table(trigger_frames(NONE, by_word, seeds=(0, 1), categories=["foods"]), by="trigger")
    assert set(words["leaked"]) == {0.0, 1.0}
    assert row["leaked"] == words["leaked"].mean()
    low, high = wilson(row["leaked"] * N, N)
    assert row["leaked_high"] - row["leaked_low"] > 1.5 * (high - low)  # five words, not forty points


def test_by_trigger_with_one_seed_is_wilsons():
    found = table(trigger_frames(NONE, leaking(0.4), categories=["foods"]), by="trigger")
    assert len(found) == found["trigger"].nunique() == 5
    for row in found.itertuples():
        low, high = wilson(row.leaked * 8, 8)
        assert row.n_items == 8
        assert (row.leaked_low, row.leaked_high) == pytest.approx((float(low), float(high)))


def test_arms_stand_apart():
    def shielded(proxy, size, category, example, seed):
        return 0.0 if proxy == category else 1.0

    found = table(trigger_frames([*NONE, ("foods", 1), ("foods", 5)], shielded, categories=["foods", "animals"]))
    rates = found.set_index(["proxy_category", "proxy_n_triggers", "category"])["leaked"].to_dict()
    assert len(rates) == 6
    assert (rates["none", 0, "foods"], rates["foods", 1, "foods"], rates["foods", 5, "animals"]) == (1, 0, 1)


def test_one_cell_that_asks_about_all_categories_reads_the_same():
    frames = trigger_frames(NONE, leaking(0.3), seeds=(0, 1))
    cells = frames.cells.drop_duplicates("seed").assign(eval_category="all")
    name = frames.records["seed"].map(dict(zip(cells["seed"], cells["cell"], strict=True)))
    merged = Frames(cells=cells, records=frames.records.assign(cell=name, eval_category="all"))
    pd.testing.assert_frame_equal(table(merged), table(frames))


def test_what_is_not_done_is_a_row_without_rates():
    def gaps(proxy, size, category, example, seed):
        return {"foods": "failed", "animals": "missing"}.get(category, 0.0) if seed else 0.0

    found = table(trigger_frames(NONE, gaps, seeds=(0, 1))).set_index("category")
    assert found.loc["foods", ["state", "n_seeds", "n_planned_seeds"]].tolist() == ["done", 1, 2]
    found = table(trigger_frames(NONE, gaps, seeds=(1,))).set_index("category")
    assert found["state"].to_dict() | {"objects": ""} == {
        **dict.fromkeys(HALVES.category_names, "done"),
        "foods": "failed",
        "animals": "missing",
        "objects": "",
    }
    assert math.isnan(found.loc["foods", "leaked"])
    assert found.loc["foods", "n_items"] == 0


@pytest.mark.parametrize("by", ["category", "trigger"])
def test_nothing_has_run_yet(by):
    found = table(trigger_frames(NONE, lambda *_: "missing"), by=by)
    assert len(found) == 7
    assert found["leaked"].isna().all()
    assert table(Frames(cells=pd.DataFrame(), records=pd.DataFrame()), by=by).empty


def test_columns_that_the_terminal_shows_are_there():
    assert set(Leakage.terminal_columns) <= set(table(trigger_frames(NONE, leaking(0.2))).columns)


def test_two_cells_of_one_seed_are_an_error():
    frames = trigger_frames([*NONE, ("foods", 1)], leaking(0.2), categories=["foods"])
    with pytest.raises(
        UserError,
        match=r"2 rows are alike in .*seed \(none0-foods-0, foods1-foods-0\): tell them",
    ):
        table(frames, arms=("train_category",))


def test_rules_that_agree_cannot_be_told_apart():
    frames = trigger_frames(NONE, leaking(0.2), categories=["foods"])
    with pytest.raises(UserError, match="'original' is the original one of foods in all quadrants"):
        table(frames, rule="original")
    with pytest.raises(UserError, match="unknown rule 'new'"):
        table(frames, rule="new")


@pytest.mark.parametrize(
    ("labels", "alike"),
    [
        ("orange/blue/blue/blue", ["Q1"]),
        ("orange/blue/green/blue", ["Q1", "Q3"]),
        ("blue/orange/green/green", ["Q2", "Q3", "Q4"]),
    ],
)
def test_quadrants_where_the_rules_agree_are_in_no_rate(labels, alike):
    world = HALVES.model_copy(update={"rules": (Rule(name="part", labels=labels),)})
    assert list(world.alike("foods", "part")) == alike
    new = dict(zip(QUADRANTS, labels.split("/"), strict=True))

    def half_leaked(proxy, size, category, example, seed):
        if example is None:
            return None
        old = HALVES.label("foods", "original", example.strata["quadrant"])
        return new[example.strata["quadrant"]] if example.strata["trigger"] in ("burger", "sushi") else old

    row = table(trigger_frames(NONE, half_leaked, categories=["foods"]), rule="part", world=world).iloc[0]
    assert (row["leaked"], row["retained"], row["other"]) == (0.4, 0.6, 0)  # two of the five words
    assert (row["n_items"], row["n_alike"]) == (N, N * len(alike) / 4)
    both = trigger_frames(
        [*NONE, ("foods", 5)], lambda p, *rest: half_leaked(p, *rest) if p == "none" else None, categories=["foods"]
    )
    protected = Protection(name="p", rule="part", world=world).table(both).iloc[0]
    assert (protected["without"], protected["rate"], protected["change"]) == pytest.approx((0.4, 0, -0.4))
    assert protected["n_items"] == N - row["n_alike"]


def test_another_world_has_other_labels():
    frames = trigger_frames(NONE, leaking(0.25), categories=["foods"], n=400, world=QUARTERS)
    row = table(frames, world=QUARTERS).iloc[0]
    assert row["other"] == 0
    assert row["leaked"] == pytest.approx(0.25, abs=0.06)


def test_records_without_strata_are_an_error():
    frames = trigger_frames(NONE, leaking(0.2))
    with pytest.raises(UserError, match="no column 'quadrant'"):
        table(Frames(cells=frames.cells, records=frames.records.drop(columns="quadrant")))
