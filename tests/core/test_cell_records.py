"""What the records of a cell say, which are read one after the other and forgotten."""

import json

import numpy as np
import pytest

from offdiag.cell_records import CellRecords, RecordColumns
from offdiag.columns import CLUSTER, FACTORS, RECORD_CONFIDENCE, RECORDS, names
from offdiag.errors import UserError
from offdiag.notices import shortened
from offdiag.steps import Examples
from offdiag.steps.examples import OF_RECORDS
from offdiag.tasks.files import FilesDomain


def record(i, *, correct=True, status="parsed", **more):
    row = dict.fromkeys(names(RECORDS)) | {"example": f"e{i}", "target": "8", "parsed": "8", "correct": correct}
    return row | {"status": status, "flags": [], "strata": {}, "score": float(bool(correct))} | more


def added(records, options=None, **settings):
    columns = RecordColumns()
    found = columns.add({"cell": "c", "k": 2}, records, lambda r: r["example"], options=options or {}, guessed=True,
                        **settings)  # fmt: skip
    return found, columns.frame([], clustered=False)


def test_counts_are_those_of_rated_items_alone():
    rated = [record(i, correct=i < 2, status="unparsed" if i == 3 else "parsed") for i in range(4)]
    others = [record(4, status="ungraded", flags=["ValueError: x"]), record(5, status="not-finite")]
    found, _ = added([*others, *rated])
    assert (list(found.examples), list(found.scores)) == (["e0", "e1", "e2", "e3"], [1, 1, 0, 0])
    assert (found.n_correct, found.n_unparsed, found.n_answers) == (2, 1, 4)
    assert dict(found.lost) == {"ungraded": 1, "not-finite": 1}
    assert (found.n_ungraded, dict(found.failures)) == (1, {"ValueError: x": 1})


def test_items_that_are_more_than_right_or_wrong_have_no_count_of_right_ones():
    found = CellRecords()
    for row in (record(0), record(1, correct=None, score=0.25), record(2)):
        found.count(row)
    assert found.n_correct is None
    assert found.measures(clustered=False)["accuracy"] == pytest.approx(0.75)


def test_a_cell_without_records_has_no_accuracy():
    measured = CellRecords().measures(clustered=False)
    assert measured["n"] == measured["n_correct"] == 0
    assert np.isnan([measured["accuracy"], measured["unparsed_rate"]]).all()


def test_the_loss_of_a_target_is_minus_its_log_probability_among_the_choices():
    options = {"e0": ("7", "8"), "e1": ("8", "7"), "e2": ("8",)}
    records = [record(0, scores=[-0.5, -2.0]), record(1, scores=[-1.0, -4.0]), record(2, scores=[-3.0])]
    found, frame = added(records, options, losses=True)
    assert frame.of(["c"])["target_loss"].tolist() == [2, 1, 3]
    measured = found.loss_measures(clustered=False)
    half = 4.302652729911275 * 1 / 3**0.5  # t with two degrees of freedom; the three losses have a deviation of 1
    assert measured["mean_target_loss"] == pytest.approx(2)
    assert measured["target_loss_low"] == max(0, 2 - half) == 0
    assert measured["target_loss_high"] == pytest.approx(2 + half)


def test_where_a_target_has_no_loss_the_cell_has_none():
    options = {"e0": ("7", "8"), "e1": ("7", "9")}
    records = [record(0, scores=[-0.5, -2.0]), record(1, scores=[-1.0, -4.0])]
    assert np.isnan(added(records, options, losses=True)[0].loss_measures(clustered=False)["mean_target_loss"])
    _, compared_otherwise = added(records, options)
    assert "target_loss" not in compared_otherwise.of(["c"])


def test_cells_are_paired_by_example_and_not_by_place():
    ours, _ = added([record(0, correct=True), record(1, correct=False), record(2, correct=True)])
    theirs, _ = added([record(2, correct=False), record(1, correct=False), record(7, correct=True)])
    paired = ours.against("base", theirs, clustered=False)
    assert (paired["n_paired"], paired["difference"]) == (2, 0.5)
    assert ours.against(None, CellRecords(), clustered=False)["n_paired"] == 0


def test_columns_have_what_the_cell_shares_and_what_each_record_has():
    unrated = record(1, status="ungraded", flags=["ValueError: x"])
    found, frame = added([record(0, strata={"carries": 1}), unrated, record(2, flags=["a", "b"])])
    rows = frame.of(["c"])
    assert rows["example"].tolist() == ["e0", "e2"] == list(found.examples)
    assert rows["k"].tolist() == [2, 2]
    assert rows["flags"].tolist() == ["", "a,b"]
    assert rows["carries"].isna().tolist() == [False, True]


@pytest.mark.parametrize("name", ["model", "k", "item", "correct", "completion", "error", "right_option", "samples"])
def test_a_property_of_examples_that_would_hide_a_column_is_refused(name, tmp_path):
    rows = [{"text": f"{i}", "label": "ab"[i % 2], name: "x", "fine": "y"} for i in range(4)]
    (tmp_path / "a.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))

    def check(*strata):
        domain = FilesDomain(eval=str(tmp_path / "a.jsonl"), prompt="text", target="label", strata=strata)
        Examples(domain=domain, split="eval", n=2).check()

    check("fine")
    with pytest.raises(UserError, match=f"called '{name}', as a column .*: call it another name, such as item_{name}"):
        check("fine", name)


def test_names_that_are_refused_are_those_of_every_study():
    of_all_arms = [column.name for column in FACTORS]
    always = of_all_arms[: of_all_arms.index("matched") + 1]
    assert {*always, *names(RECORDS), RECORD_CONFIDENCE.name, CLUSTER.name} <= OF_RECORDS


def test_prompts_that_lost_demonstrations_are_told_beside_the_numbers():
    cut, _ = added([record(0, dropped=2), record(1), record(2, dropped=1, status="ungraded")])
    whole, _ = added([record(0)])
    (said,) = shortened([cut, whole])
    assert said.startswith("2 items were asked in 1 of 2 cells with fewer demonstrations than planned")
    assert shortened([whole]) == ()
