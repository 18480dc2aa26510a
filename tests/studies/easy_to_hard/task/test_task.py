"""The task: domains, splits of data sets, and what the command line says of them."""

import json

import pytest

from offdiag.cli import main
from offdiag.errors import UserError
from offdiag.identity import fingerprint
from offdiag.studies.easy_to_hard.task import HardnessDomain, Template, library
from offdiag.tasks import check_disjoint, get_task, parse_domain
from offdiag.tasks.data import ENV

TASK = get_task("easy_to_hard")


def domain(text=""):
    return parse_domain(TASK, text)


def test_what_is_left_out_follows_from_the_rest():
    assert (domain().form, domain("dataset=gsm8k").form) == ("choices", "free")
    assert domain("hardness=num_steps,level=hard").train_on == "hard"
    assert str(domain("dataset=arc,hardness=grade,level=hard,train_on=hard")) == "dataset=arc,hardness=grade,level=hard"
    assert str(domain("form=free,bootstrap=3,hardness=num_steps,train_on=easy,easy_max=1")) == (
        "dataset=synthetic,form=free,hardness=num_steps,train_on=easy,bootstrap=3,easy_max=1.0"
    )


@pytest.mark.parametrize("alias", ["strategyQA", "strategy_qa", "strategy-qa"])
def test_published_names_are_understood(alias):
    assert domain(f"dataset={alias}") == domain("dataset=strategyqa")
    assert domain("dataset=ai2_arc,hardness=human_bloom") == domain("dataset=arc,hardness=bloom")


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("dataset=race", "dataset=race is no data set; expected one of synthetic, arc, arc_all, arc_easy"),
        ("dataset=mmlu,hardness=grade", "hardness=grade is no measure of mmlu; it has school, question_words"),
        ("dataset=gsm8k,hardness=zero_shot_mdl@x", "is no measure of gsm8k"),
        ("hardness=num_steps@x", "is no measure of synthetic"),
        ("hardness=probe_mdl", "is measured with a model; type probe_mdl@MODEL or probe_mdl@average"),
        ("dataset=arc,hardness=reasoning_nll@x", "is no measure of arc"),
        ("level=hard", "levels need a measure; set hardness to one of num_steps"),
        ("dataset=arc,form=free", "arc has no form 'free'; it has choices"),
        ("dataset=mmlu,pool=main", "mmlu holds nothing out"),
        ("prompt=0900", "expected four digits"),
        ("n_train=-1", "n_train=-1 should be greater"),
    ],
)
def test_mistakes_in_a_domain_are_said_before_anything_is_read(text, complaint):
    with pytest.raises(UserError, match=complaint):
        domain(text)


def test_evaluations_ask_nothing_that_their_own_bootstrap_was_taught():
    for bootstrap in range(2):
        taught = domain(f"hardness=num_steps,level=easy,bootstrap={bootstrap}")
        asked = domain(f"hardness=num_steps,train_on=easy,bootstrap={bootstrap}")
        trained = TASK.examples(taught, "train", 160, 0)
        tested = TASK.examples(asked, "eval", 1340, 0)
        check_disjoint(TASK, taught, trained, asked, tested)
        assert trained == TASK.examples(asked, "train", 160, 0)
    other = TASK.examples(domain("hardness=num_steps,level=easy"), "train", 160, 0)
    with pytest.raises(UserError, match="same item"):
        check_disjoint(TASK, taught, other, asked, tested)


def test_the_built_in_items_and_the_draws_are_those_of_this_data_version():
    assert TASK.data_version == 1
    assert library.dataset("synthetic").content[:16] == "8c5e7dddfaa37bb5"
    taught = domain("hardness=num_steps,level=easy")
    assert [e.id for e in TASK.examples(taught, "train", 3, 0)] == ["2-steps/73", "2-steps/75", "1-steps/70"]
    assert [e.id for e in TASK.examples(taught, "eval", 3, 0)] == ["1-steps/108", "1-steps/117", "2-steps/225"]


def test_strata_hold_every_measure_and_the_level():
    [example] = TASK.examples(domain("hardness=num_steps,level=hard"), "eval", 1, 0)
    assert example.strata["level"] == "hard"
    assert example.strata["hardness"] == example.strata["num_steps"] >= 5
    assert example.strata["question_words"] == len(example.problem.split())
    assert example.id.startswith(f"{example.strata['num_steps']}-steps/")


def test_forms_of_a_data_set_ask_the_same_items():
    chosen, free = (TASK.examples(domain(f"form={form}"), "eval", 5, 0) for form in ("choices", "free"))
    assert [e.problem for e in chosen] == [e.problem for e in free]
    assert all(e.target in e.choices for e in chosen)
    assert {e.choices for e in free} == {()}
    [mine] = {TASK.key(domain("form=choices"), chosen[0]), TASK.key(domain("form=free"), free[0])}
    assert chosen[0].problem in mine


def test_numbers_are_right_by_value(raw):
    every = domain("dataset=gsm8k,n_train=0")
    gold = {example.id: example for example in TASK.examples(every, "eval", 4, 0)}
    assert TASK.response(every, gold["train/0"], rationale=False) == gold["train/0"].target == "1,080"
    grade = TASK.grade(every, gold["train/0"], "So the answer is $1080.00")
    assert (grade.correct, grade.parsed) == (True, "1,080")
    assert TASK.grade(every, gold["train/1"], "-5").correct
    assert not TASK.grade(every, gold["train/1"], "5").correct


def test_problems_are_read_back_by_question_or_id(raw):
    every = domain("dataset=strategyqa,n_train=0")
    assert TASK.parse_problem(every, "Is 3 much?") == TASK.parse_problem(every, "q3")
    with pytest.raises(UserError, match="not in strategyqa; give a question of the data set"):
        TASK.parse_problem(every, "Is 9 much?")


def test_questions_that_several_items_ask_need_an_id(raw):
    path = raw / "arc" / "arc_easy_dev.jsonl"
    path.write_text(path.read_text().replace("Which easy_dev_1 is right?", "Which easy_dev_0 is right?"))
    every = domain("dataset=arc,n_train=0")
    with pytest.raises(UserError, match=r"2 items of arc ask this \(ARCEZ_easy_dev_0, ARCEZ_easy_dev_1\)"):
        TASK.parse_problem(every, "Which easy_dev_0 is right?")
    assert TASK.parse_problem(every, "ARCEZ_easy_dev_1").target == "blue easy_dev_1"


def test_content_is_identity_and_place_is_not(raw, tmp_path, monkeypatch):
    asked = domain("dataset=gsm8k")
    before = fingerprint(asked)
    raw.rename(tmp_path / "moved")
    monkeypatch.setenv(ENV, str(tmp_path / "moved"))
    assert fingerprint(asked) == before
    path = tmp_path / "moved" / "gsm8k" / "train.jsonl"
    path.write_text(path.read_text().replace("#### 7", "#### 8"))
    assert fingerprint(domain("dataset=gsm8k")) != before


def test_a_stratum_smaller_than_the_training_set_is_refused(raw):
    with pytest.raises(UserError, match="train_on=hard, level=hard: found 2 items, needs n_train=160"):
        TASK.examples(domain("dataset=strategyqa,hardness=num_steps,level=hard"), "train", 1, 0)
    with pytest.raises(UserError, match="pool=main holds 1000 of them out; type pool=whole"):
        TASK.size(domain("dataset=arc,pool=main,n_train=0"), "eval")


def test_samples_for_demonstrations_run_out():
    query = TASK.examples(domain(), "eval", 1, 0)[0]
    with pytest.raises(UserError, match="161 demonstrations asked for, but 160 items"):
        TASK.demonstrations(domain(), query, 161, 0)


def said(capsys, *words):
    with pytest.raises(SystemExit) as ended:
        main(words)
    return ended.value.code or 0, *capsys.readouterr()


def test_the_command_line_describes_a_data_set(raw, capsys):
    words = ("data", "easy_to_hard", "dataset=arc,n_train=0", "--describe", "--json", "--set", f"data_dir={raw}")
    code, out, _ = said(capsys, *words)
    assert code == 0
    about = json.loads(out)["data"]
    assert about["items"] == 11
    grade = about["measures"]["grade"]
    assert (grade["easy_max"], grade["hard_min"], grade["easy"], grade["medium"], grade["hard"]) == (5, 8, 5, 5, 1)
    assert grade["values"] == {"3": 5, "6": 5, "8": 1}
    assert set(about["spearman"]["grade"]) == {
        "difficulty", "bloom", "depth_of_knowledge", "question_words", "answer_words", "answer_chars",
    }  # fmt: skip
    assert "11 items, where the official release gives 4521" in about["remarks"]


def test_the_command_line_says_mistakes_in_one_line(raw, capsys):
    code, _, err = said(capsys, "data", "base_addition", "base=8", "--set", "data_dir=x")
    assert (code, err) == (2, "offdiag: --set data_dir: base_addition has no such setting; leave it out\n")
    code, _, err = said(capsys, "data", "easy_to_hard", "--set", "folder=x")
    assert (code, err) == (2, "offdiag: --set folder: easy_to_hard has no such setting; leave it out\n")
    code, _, err = said(capsys, "data", "easy_to_hard", "--set", "data_dir=")
    assert (code, err.partition(":")[2].partition(":")[0]) == (2, " data_dir is empty")
    code, _, err = said(capsys, "data", "easy_to_hard", "dataset=arc", "--set", "data_dir=nowhere")
    assert code == 2
    assert err.count("\n") == 1
    assert "no folder" in err


def test_a_further_question_ends_an_answer_and_changes_no_grade(raw):
    """A model without a chat template writes on as its examples do; what follows is graded by nobody."""
    task = get_task("easy_to_hard")
    domain = HardnessDomain(dataset="gsm8k")
    example = task.examples(domain.model_copy(update={"n_train": 0}), "eval", 1, 0)[0]
    (stop,) = task.stops(domain, "step-by-step")
    assert stop == "\nQ:"
    whole = f" 2 + 3 = 5.\nSo the answer is {example.target}\n\nQ: What is 6 + 1?\nA: So the answer is 7"
    until = whole[: whole.index(stop) + len(stop)]
    assert task.grade(domain, example, until) == task.grade(domain, example, whole)
    assert task.grade(domain, example, until).correct
    assert task.stops(HardnessDomain(dataset="arc"), "direct") == ("\nQuestion:",)
    assert task.stops(HardnessDomain(dataset="gsm8k", prompt="0101"), "direct") == ()
    assert [Template(f"0{digit}00").next_question for digit in range(7)] == [
        "\nQuestion:", "", "\nProblem:", "\nQ:", "", "", ""
    ]  # fmt: skip
