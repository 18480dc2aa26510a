import math
from dataclasses import replace

import pandas as pd
import pytest

from offdiag.columns import MEASURES, names
from offdiag.engine import run_plan
from offdiag.errors import StoreError, UserError
from offdiag.gather import gather
from offdiag.stats import holm
from offdiag.stats.replicated import accuracy
from offdiag.steps.jsonl import append_jsonl, read_jsonl, write_jsonl
from offdiag.store import Store
from support.tiny_study import answer_by_hand, list_again, steps_of, tiny_plan

N = 12


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "store")


@pytest.fixture
def plan(model_stub):
    return tiny_plan(model_stub, n_eval=N, seeds=(0, 1))


def answer(store, plan, name, right):
    """Answer the cells whose name has ``name``, right where ``right`` says so, and grade them."""
    for step in steps_of(plan, "answers"):
        if name in step.name:
            answer_by_hand(store, step, right)
    assert run_plan(plan.select(name), store).complete


def row(results, name):
    found = results.cells[results.cells["cell"].str.contains(name, regex=False)]
    assert len(found) == 1
    return found.iloc[0]


ZERO, K1, TUNED0, TUNED1 = "stub--base=8,digits=2.step", "k1.", "n8.s0", "n8.s1"


def test_all_planned_cells_are_rows_before_anything_ran(plan, store):
    results = gather(plan, store)
    assert len(results.cells) == 6
    assert set(results.cells["state"]) == {"missing"}
    assert set(results.cells["n_planned"]) == {N}
    assert set(results.cells["n"]) == {0}
    assert results.cells[list(names(MEASURES))].isna().all().all()
    assert len(results.records) == 0
    assert set(results.steps["state"]) == {"missing"}
    assert results.read_records(results.cells["cell"].iloc[0]) == []
    assert not store.root.exists()


def test_counts_and_wilson_numbers(plan, store):
    answer(store, plan, ZERO, lambda i: i < 3)
    cell = row(gather(plan, store), ZERO)
    assert (cell["state"], cell["n_planned"], cell["n"], cell["n_correct"], cell["n_unparsed"]) == ("done", N, N, 3, 0)
    assert cell["accuracy"] == 0.25
    # Wilson (1927) for 3 of 12, by hand: centre (p + z²/2n) / (1 + z²/n), half-width z sqrt(p(1-p)/n + z²/4n²) / (…)
    z = 1.959963984540054
    centre, scale = 0.25 + z * z / 24, 1 + z * z / 12
    half = z * math.sqrt(0.25 * 0.75 / 12 + z * z / 576)
    assert cell["ci_low"] == pytest.approx((centre - half) / scale)
    assert cell["ci_high"] == pytest.approx((centre + half) / scale)
    assert (cell["ci_low"], cell["ci_high"]) == pytest.approx((0.0889, 0.5323), abs=5e-5)


def test_the_difference_is_paired_with_the_baseline(plan, store):
    answer(store, plan, ZERO, lambda i: i < 4)
    answer(store, plan, K1, lambda i: i in (0, *range(4, 12)))
    cell = row(gather(plan, store), K1)
    # right only here: 8 items (4 … 11); right only at the baseline: 3 items (1, 2, 3)
    assert cell["baseline"] == row(gather(plan, store), ZERO)["cell"]
    assert cell["n_paired"] == N
    assert cell["difference"] == pytest.approx((8 - 3) / 12)
    # mid-p McNemar: 2 * P(X <= 3) - P(X = 3), X ~ Binomial(11, 1/2)
    assert cell["p_value"] == pytest.approx((2 * (1 + 11 + 55 + 165) - 165) / 2**11)
    assert cell["diff_low"] < 5 / 12 < cell["diff_high"]


def test_pairs_are_found_by_example_and_not_by_place(plan, store):
    answer(store, plan, ZERO, lambda i: i < 4)
    answer(store, plan, K1, lambda i: i in (0, *range(4, 12)))
    before = row(gather(plan, store), K1)
    path = store.root / row(gather(plan, store), ZERO)["folder"] / "records.jsonl"
    write_jsonl(path, read_jsonl(path)[::-1])
    list_again(path.parent)
    after = row(gather(plan, store), K1)
    assert (after["difference"], after["p_value"]) == (before["difference"], before["p_value"])
    assert (after["diff_low"], after["diff_high"]) == (before["diff_low"], before["diff_high"])


def test_a_cell_without_its_baseline_has_no_difference(plan, store):
    answer(store, plan, K1, lambda i: True)
    cell = row(gather(plan, store), K1)
    assert cell["accuracy"] == 1.0
    assert cell["n_paired"] == 0
    assert pd.isna(cell["difference"])
    assert pd.isna(row(gather(plan, store), ZERO)["baseline"])


def test_missing_partial_and_failed_cells_stay_rows(plan, store):
    answer(store, plan, ZERO, lambda i: True)
    (training, other) = steps_of(plan, "training")
    with store.claim(training, {}):
        store.fail(training, "Traceback\nOffdiagError: the loss is nan")
    k1 = next(step for step in steps_of(plan, "answers") if ".k1." in step.name)
    with store.claim(k1, {}) as folder:
        append_jsonl(folder / "answers.partial.jsonl", [{"index": 0}])
    results = gather(plan, store)
    states = dict(zip(results.cells["cell"], results.cells["state"], strict=True))
    assert len(states) == 6
    assert sorted(states.values()) == ["done", "failed", "missing", "missing", "missing", "partial"]
    assert row(results, TUNED0)["state"] == "failed"
    assert row(results, K1)["state"] == "partial"
    assert pd.isna(row(results, TUNED0)["accuracy"])
    failed = results.steps[results.steps["state"] == "failed"]
    assert list(failed["note"]) == ["OffdiagError: the loss is nan"]
    assert list(results.steps[results.steps["fingerprint"] == other.fingerprint]["state"]) == ["missing"]


def test_several_seeds_are_rows_of_their_own(plan, store):
    answer(store, plan, "direct", lambda i: False)
    results = gather(plan, store)
    seeds = results.cells[results.cells["method"] == "fine-tuning"]
    assert list(seeds["seed"]) == [0, 1]
    assert seeds["arm"].nunique() == 2
    assert list(seeds["accuracy"]) == [0.0, 0.0]
    assert seeds["ci_high"].iloc[0] == pytest.approx(0.2425, abs=5e-5)  # Wilson for 0 of 12
    assert list(seeds["difference"]) == [0.0, 0.0]
    assert list(seeds["p_value"]) == [1.0, 1.0]


def test_records_have_the_factors_and_the_strata(plan, store):
    answer(store, plan, K1, lambda i: i == 0)
    results = gather(plan, store)
    records = results.records
    assert len(records) == N
    assert set(records["k"]) == {1}
    assert set(records["train_base"]) == set(records["eval_base"]) == {8}
    assert list(records["correct"]) == [True] + [False] * (N - 1)
    assert records["carries"].between(0, 2).all()
    full = results.read_records(records["cell"].iloc[0])
    assert [record["example"] for record in full] == list(records["example"])
    assert full[0]["completion"].startswith("\\boxed{")
    assert results.read_records("no such cell") == []


def test_columns_keep_their_types_at_every_stage(plan, store):
    empty = gather(plan, store).cells
    answer(store, plan, ZERO, lambda i: False)
    begun = gather(plan, store).cells
    answer(store, plan, K1, lambda i: i < 4)
    for cells in (empty, begun, gather(plan, store).cells):
        assert {str(cells[name].dtype) for name in names(MEASURES)} == {"Float64"}
        assert {str(cells[name].dtype) for name in ("n", "n_correct", "k", "seed")} == {"Int64"}


def test_an_unparsed_answer_is_wrong_and_counted(plan, store):
    step = next(step for step in steps_of(plan, "answers") if step.name.startswith(ZERO))
    answer_by_hand(store, step, lambda i: True, lambda r: {**r, "completion": "No idea."} if r["index"] < 3 else r)
    assert run_plan(plan.select(ZERO), store).complete
    cell = row(gather(plan, store), ZERO)
    assert (cell["n"], cell["n_correct"], cell["n_unparsed"]) == (N, N - 3, 3)
    assert (cell["accuracy"], cell["unparsed_rate"]) == (0.75, 0.25)
    assert list(gather(plan, store).records["parsed"].isna()) == [True] * 3 + [False] * (N - 3)


def test_two_records_of_one_example_are_no_results(plan, store):
    answer(store, plan, ZERO, lambda i: True)
    cell = next(step for step in steps_of(plan, "cells") if ZERO in step.name)
    path = store.folder(cell) / "records.jsonl"
    write_jsonl(path, [record | {"example": "same"} for record in read_jsonl(path)])
    list_again(path.parent)
    with pytest.raises(StoreError, match="has two records of one example, so no difference can be paired"):
        gather(plan, store)


def test_questions_that_repeat_are_one_cluster(model_stub, store):
    plan = tiny_plan(model_stub, n_eval=200, seeds=(0, 1))
    answer(store, plan, ZERO, lambda i: i % 3 == 0)
    results = gather(plan, store)
    records = results.records
    alike = records.groupby(["problem", "target"])["cluster"]
    assert (alike.nunique() == 1).all()
    assert records["cluster"].nunique() == len(alike) < len(records) == 200
    cell = row(results, ZERO)
    found = accuracy([records["correct"].astype(float)], clusters=records["cluster"].tolist())
    assert (cell["ci_low"], cell["ci_high"]) == pytest.approx((found.low, found.high))


def test_a_study_may_name_what_its_examples_share(plan, store):
    answer(store, plan, ZERO, lambda i: i < 3)
    assert "cluster" not in gather(plan, store).records  # no question comes twice
    named = replace(plan, design=replace(plan.design, clusters="carries"))
    records = gather(named, store).records
    assert records["cluster"].tolist() == [f"carries={carries}" for carries in records["carries"]]
    with pytest.raises(UserError, match="clusters='passage': the examples of .* have .*carries"):
        gather(replace(plan, design=replace(plan.design, clusters="passage")), store)


def test_p_values_are_adjusted_for_all_cells(plan, store):
    for name, right in ((ZERO, 0), (K1, 10)):
        answer(store, plan, name, lambda i, right=right: i < right)
    cells = gather(plan, store).cells
    p_values = cells["p_value"].to_numpy(float, na_value=math.nan)
    assert cells["p_holm"].to_numpy(float, na_value=math.nan) == pytest.approx(holm(p_values), nan_ok=True)
    assert cells["p_holm"].notna().sum() == 1
