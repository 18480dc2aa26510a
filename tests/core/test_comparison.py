import math
from collections.abc import Mapping
from dataclasses import replace
from typing import ClassVar

import pandas as pd
import pytest

import offdiag
from offdiag.analyses import Frames, StudyAnalysis
from offdiag.comparison import comparison
from offdiag.engine import run_plan
from offdiag.errors import UserError
from offdiag.gather import gather
from offdiag.published import Published
from offdiag.stats.learner_difference import LENT
from offdiag.store import Store
from support.tiny_study import answer_by_hand, steps_of, tiny_plan

N = 12
ZERO = {"method": "zero-shot", "eval_base": 8, "prompt": "step-by-step"}
TUNED = {"method": "fine-tuning", "eval_base": 8}


class Fits(StudyAnalysis):
    """Two rows of a made-up analysis."""

    tag: ClassVar[str] = "fits"

    def table(self, frames: Frames) -> pd.DataFrame:
        columns = ["eval_base", "kind", "midpoint", "midpoint_low", "midpoint_high", "n_items", "note"]
        rows = [
            (8, "a", 2.5, 1.0, math.inf, N, ""),
            (10, "a", math.nan, math.nan, math.nan, N, "flat"),
            (9, "a", 1, 1, 1, N, ""),
        ]
        return pd.DataFrame([*rows, (9, "b", 2, 2, 2, N, "")], columns=columns)


def number(where: Mapping[str, object] = ZERO, **fields: object) -> Published:
    given = {"quantity": "accuracy", "value": 0.9, "model": "GPT-4", "provenance": "original", "source": "A, table 1"}
    return Published.model_validate(given | {"where": where} | fields)


@pytest.fixture
def plan(model_stub):
    return tiny_plan(model_stub, n_eval=N, seeds=(0, 1))


@pytest.fixture
def store(tmp_path, plan):
    """Zero-shot: 3 of 12 right; fine-tuned: 6 and 10 of 12."""
    store = Store(tmp_path / "store")
    for step in steps_of(plan, "answers"):
        if "n8" in step.name:
            answer_by_hand(store, step, lambda i, s=step: i < (6 if "s0" in s.name else 10))
        elif "k1" not in step.name and "k2" not in step.name:
            answer_by_hand(store, step, lambda i: i < 3)
    for words in ("stub--", "n8"):
        assert run_plan(plan.select(words), store).complete
    return store


def compared(plan, store, *numbers: Published) -> pd.DataFrame:
    design = replace(plan.design, published=numbers, analyses=(Fits(name="fits"),))
    return comparison(design, gather(plan, store))


def test_an_accuracy_stands_beside_its_cell(plan, store):
    (row,) = compared(plan, store, number(n=250)).to_dict(orient="records")
    assert (row["measured"], row["measured_model"], row["measured_n"], row["measured_state"]) == (
        0.25,
        "stub",
        N,
        "done",
    )
    assert (row["published_low"], row["published_high"]) == pytest.approx((0.8565, 0.9313), abs=1e-4)
    assert row["published_interval"] == "Wilson 95 %"
    assert row["difference"] == pytest.approx(-0.65)
    # Newcombe's interval of 3/12 - 225/250, from the Wilson ends of both
    assert (row["difference_low"], row["difference_high"]) == pytest.approx((-0.8141, -0.3644), abs=2e-4)


def test_seeds_are_averaged_into_one_number(plan, store):
    (row,) = compared(plan, store, number(TUNED)).to_dict(orient="records")
    assert (row["measured"], row["measured_seeds"]) == (pytest.approx(8 / 12), 2)
    assert row["measured_low"] < 6 / 12


def test_two_draws_against_one_are_remarked_on(plan, store):
    theirs = number(TUNED, quantity="difference", value=0.1)
    (row,) = compared(plan, store, theirs).to_dict(orient="records")
    assert row["measured_remark"] == ""  # an untrained model has no draws
    results = gather(plan, store)
    drawn = results.cells["seed"].fillna(7)  # as if the baseline were a training, too
    results = replace(results, cells=results.cells.assign(seed=drawn))
    (row,) = comparison(replace(plan.design, published=(theirs,)), results).to_dict(orient="records")
    assert row["measured_remark"] == LENT


def test_without_n_the_difference_has_no_interval(plan, store):
    (row,) = compared(plan, store, number(low=0.85, high=0.95)).to_dict(orient="records")
    assert (row["published_low"], row["published_high"], row["published_interval"]) == (0.85, 0.95, "as stated")
    assert row["difference"] == pytest.approx(-0.65)
    assert math.isnan(row["difference_low"])


def test_what_is_not_there_stays_empty_and_says_why(plan, store):
    found = compared(
        plan,
        store,
        number({"method": "in-context", "k": 1}),
        number(ZERO | {"eval_base": 9}),
        number(ZERO | {"no_such_factor": 1}),
        number(table=None, quantity="s_max"),
        number(value=None, provenance="not found"),
        number(),
    )
    states = ["done", "done", "not run", "not measured", "not measured", "no counterpart"]
    assert found["measured_state"].tolist() == states  # what both have stands first, then what only we have
    assert found["published"].isna().tolist() == [False, True, False, False, False, False]
    assert found["measured"].isna().tolist() == [False, False, True, True, True, True]
    assert found["difference"].isna().tolist() == [False, *[True] * 5]
    assert found["measured_n"].isna().tolist() == [False, False, False, True, True, True]


def test_a_number_that_fits_two_cells_is_refused(plan, store):
    with pytest.raises(UserError, match="^published accuracy of GPT-4, eval_base=8: accuracy: 2 rows are alike"):
        compared(plan, store, number({"eval_base": 8}))


def test_the_row_of_an_analysis(plan, store):
    fits = {"table": "fits", "quantity": "midpoint", "value": 1.83, "called": "k50"}
    found = compared(plan, store, number({"eval_base": 8}, **fits), number({"eval_base": 10}, **fits))
    assert found["measured"].tolist() == [2.5, pytest.approx(math.nan, nan_ok=True)]
    assert found["measured_state"].tolist() == ["done", "flat"]
    assert found["measured_high"][0] == math.inf
    assert found["measured_n"][0] == N
    with pytest.raises(UserError, match="2 rows of 'fits' fit"):
        compared(plan, store, number({"eval_base": 9}, **fits))
    assert compared(plan, store, number({"eval_base": 9, "kind": "b"}, **fits))["measured"][0] == 2
    with pytest.raises(UserError, match="no analysis 'nope': there are fits"):
        compared(plan, store, number(**fits | {"table": "nope"}))
    with pytest.raises(UserError, match="has no column 'k51'"):
        compared(plan, store, number({"eval_base": 8}, **fits | {"quantity": "k51"}))


def test_true_is_not_one(plan, store):
    assert compared(plan, store, number({"k": False}))["measured_state"][0] == "not measured"


def test_each_model_that_was_measured_gets_its_row(plan, store):
    results = gather(plan, store)
    other = results.cells[results.cells["method"] == "zero-shot"].assign(model="another")
    results = replace(results, cells=pd.concat([results.cells, other]))
    found = comparison(replace(plan.design, published=(number(),)), results)
    assert found["measured_model"].tolist() == ["stub", "another"]


def test_a_study_without_published_numbers_is_one_line(plan, store):
    with pytest.raises(UserError, match=r"^study tiny has no published numbers"):
        offdiag.compare(plan, store=store.root)


def test_the_report_has_the_comparison_as_a_table(plan, store, tmp_path):
    compared_plan = replace(plan, design=replace(plan.design, published=(number(n=250),)))
    page = offdiag.report(compared_plan, store=store.root, folder=tmp_path / "page")
    written = pd.read_csv(page.parent / "tables" / "published.csv")
    pd.testing.assert_frame_equal(
        written[["published", "measured"]], offdiag.compare(compared_plan, store=store.root)[["published", "measured"]]
    )
    assert "GPT-4" in page.read_text(encoding="utf-8")


def test_a_published_score_stands_beside_the_cells_of_its_metric(plan, store):
    results = gather(plan, store)
    scored = results.cells[results.cells["method"] == "zero-shot"].assign(metric="f1", accuracy=0.64, ci_low=0.5)
    results = replace(results, cells=pd.concat([results.cells, scored], ignore_index=True))
    theirs = number(ZERO | {"metric": "f1"}, quantity="f1", n=250)
    (row,) = comparison(replace(plan.design, published=(theirs,)), results).to_dict(orient="records")
    assert (row["quantity"], row["measured"], row["measured_low"]) == ("f1", 0.64, 0.5)
    assert row["difference"] == pytest.approx(-0.26)
    # 250 scores are not 250 verdicts: neither Wilson's interval nor one of the difference
    assert math.isnan(row["published_low"])
    assert row["published_interval"] == ""
    assert math.isnan(row["difference_low"])
    with pytest.raises(UserError, match="cells have no such number: expected accuracy or difference, table=, or a met"):
        number(ZERO, quantity="f1")
