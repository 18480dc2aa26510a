import numpy as np
import pandas as pd
import pytest

from offdiag.analyses import AccuracyByStratum, Frames, accuracy_by_stratum
from offdiag.errors import UserError
from offdiag.stats import wilson
from support.framed import framed

ARMS = {"untuned": {"method": "zero-shot"}, "tuned": {"method": "fine-tuning"}}
CARRIES = [0] * 10 + [1] * 30  # of 40 items


def study(right, seeds=(0, 1), state="done", bases=(8,)) -> Frames:
    """Cells of an untuned and a tuned model; ``right(method, seed, item)`` is a verdict."""
    cells, records = [], []
    for base in bases:
        for method, runs in (("zero-shot", (None,)), ("fine-tuning", seeds)):
            for seed in runs:
                name = f"{method}-{base}-{seed}"
                is_done = "done" if method == "zero-shot" else state
                factors = {"cell": name, "method": method, "seed": seed, "eval_base": base}
                cells.append({**factors, "state": is_done})
                if is_done == "done":
                    records += [
                        {**factors, "example": f"e{i}", "carries": carries, "correct": right(method, seed, i)}
                        for i, carries in enumerate(CARRIES)
                    ]
    columns = ["cell", "method", "seed", "eval_base", "example", "carries", "correct"]
    return framed(pd.DataFrame(cells), pd.DataFrame(records, columns=columns))


def row(table, arm, stratum):
    (found,) = table[(table["arm"] == arm) & (table["stratum"] == stratum)].to_dict(orient="records")
    return found


def test_each_stratum_has_its_own_items_and_wilson_interval():
    table = accuracy_by_stratum(study(lambda _m, _s, i: i < 15), "carries", "eval_base", ARMS)
    assert len(table) == 4
    easy, hard = (row(table, "untuned", carries) for carries in (0, 1))
    assert (easy["accuracy"], easy["n_items"]) == (1.0, 10)
    assert (hard["accuracy"], hard["n_items"]) == (pytest.approx(5 / 30), 30)
    low, high = wilson(5, 30)
    assert (hard["ci_low"], hard["ci_high"]) == pytest.approx((float(low), float(high)))


def test_seeds_are_averaged_with_an_interval_over_seeds_and_items():
    found = study(lambda _m, seed, i: i % 3 == 0 or seed == 1)
    hard = row(accuracy_by_stratum(found, "carries", "eval_base", ARMS), "tuned", 1)
    share = np.mean([i % 3 == 0 for i in range(10, 40)])
    assert hard["accuracy"] == pytest.approx((share + 1) / 2)
    assert (hard["n_seeds"], hard["n_planned_seeds"], hard["n_items"]) == (2, 2, 30)
    assert 0 <= hard["ci_low"] < share  # two seeds that far apart tell little
    assert 0.95 < hard["ci_high"] <= 1


def test_an_arm_that_is_not_done_says_so_and_counts_the_items_of_the_others():
    table = accuracy_by_stratum(study(lambda *_: True, state="failed"), "carries", "eval_base", ARMS)
    found = row(table, "tuned", 1)
    assert (found["state"], found["n_items"], found["n_seeds"]) == ("failed", 30, 0)
    assert np.isnan(found["accuracy"])


def test_nothing_is_done():
    whole = study(lambda *_: True, state="missing")
    nothing = Frames(cells=whole.cells.assign(state="missing"), records=whole.records.iloc[:0])
    table = accuracy_by_stratum(nothing, "carries", "eval_base", ARMS)
    assert table["arm"].tolist() == ["untuned", "tuned"]
    assert table["stratum"].isna().all()
    assert set(table["state"]) == {"missing"}


def test_as_part_of_a_study_by_place_and_without():
    found = study(lambda _m, _s, i: i < 15, seeds=(0,), bases=(8, 9))
    by_base = AccuracyByStratum(name="s", stratum="carries", by="eval_base", arms=ARMS).table(found)
    assert by_base["eval_base"].tolist() == [8, 8, 9, 9] * 2
    one = AccuracyByStratum(name="s", stratum="carries", arms=ARMS, by=None, where={"eval_base": 9}).table(found)
    assert one["accuracy"].tolist() == by_base[by_base["eval_base"] == 9]["accuracy"].tolist()


def test_any_column_of_the_records_can_be_the_stratum():
    table = accuracy_by_stratum(study(lambda *_: True), "example", None, {"u": {"method": "zero-shot"}})
    assert len(table) == 40


def test_nullable_columns_give_the_same():
    found = study(lambda _m, _s, i: i < 15)
    other = Frames(cells=found.cells.convert_dtypes(), records=found.records.convert_dtypes())
    tables = [accuracy_by_stratum(each, "carries", "eval_base", ARMS) for each in (found, other)]
    pd.testing.assert_frame_equal(*tables, check_dtype=False)


def test_mistakes_are_named():
    found = study(lambda *_: True)
    with pytest.raises(UserError, match="no column 'carrys'"):
        accuracy_by_stratum(found, "carrys", "eval_base", ARMS)
    with pytest.raises(UserError, match="method = 'tuning': the table has"):
        accuracy_by_stratum(found, "carries", "eval_base", {"x": {"method": "tuning"}})
    twice = Frames(cells=pd.concat([found.cells, found.cells.assign(cell="again")]), records=found.records)
    with pytest.raises(UserError, match="arm untuned, eval_base = .*2 rows are alike in seed"):
        accuracy_by_stratum(twice, "carries", "eval_base", {"untuned": {"method": "zero-shot"}})


def test_the_untrained_model_is_no_draw_of_the_trained_one():
    """A factor of training alone lets the untrained model pass, whose accuracy would be averaged in as a third seed."""
    frames = study(lambda _m, _s, i: i < 15)
    cells = frames.cells.assign(train_base=[None, 8, 8])
    records = frames.records.assign(train_base=None)
    with pytest.raises(UserError, match=r"a mean over cells of zero-shot and fine-tuning: choose one with method="):
        accuracy_by_stratum(framed(cells, records), "carries", "eval_base", {"tuned": {"train_base": 8}})


def test_without_arms_each_learner_is_one_and_numbers_stand_before_texts():
    frames = study(lambda _m, _s, i: i < 15)
    cells = frames.cells.assign(arm=frames.cells["cell"], first_draw=None, eval="x")
    cells.loc[cells["cell"] == "fine-tuning-8-1", "first_draw"] = "fine-tuning-8-0"
    mixed = frames.records.assign(eval="x", carries=[["none", 2][carries] for carries in frames.records["carries"]])
    table = accuracy_by_stratum(framed(cells, mixed), "carries", "eval_base", {})
    assert table[["arm", "stratum", "n_seeds"]].to_numpy().tolist() == [
        ["zero-shot-8-None", 2, 1],
        ["zero-shot-8-None", "none", 1],
        ["fine-tuning-8-0", 2, 2],
        ["fine-tuning-8-0", "none", 2],
    ]
