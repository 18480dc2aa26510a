"""Graders that compare words: values of the published scripts, and what has no words."""

import json
from dataclasses import asdict, replace

import pytest

from offdiag.errors import UserError
from offdiag.steps.examples import load_examples
from offdiag.steps.jsonl import write_jsonl
from offdiag.tasks import content
from offdiag.tasks.content import rows_hash
from offdiag.tasks.files import Files, FilesDomain
from offdiag.tasks.files.named_graders import grader_of
from offdiag.tasks.task import Example


def graded(name: str, target: str, completion: str):
    return grader_of(name).grade(Example(id="1", problem="Q?", target=target), completion)


@pytest.mark.parametrize(
    ("target", "reply", "f1"),
    [
        ("Paris", "Paris.", 1.0),
        ("Paris", "The city of Paris", 0.5),  # city, of, paris: 2 · 1 / (3 + 1)
        ("in the year 1999", "1999", 0.5),  # SQuAD: in, year, 1999
        ("a cat a cat", "cat", 2 / 3),  # words count as often as they come
        ("Paris", "London", 0.0),
        ("Denver Broncos", "**Answer:** the Denver Broncos", 1.0),
    ],
)
def test_f1_is_that_of_squad(target, reply, f1):
    grade = graded("f1", target, reply)
    assert (grade.status, grade.score) == ("parsed", pytest.approx(f1))
    assert grade.correct is (f1 == 1)


@pytest.mark.parametrize(
    ("reply", "right"), [("the Eiffel Tower!", True), ("Eiffel", False), ("Eiffel Tower, Paris", False)]
)
def test_a_span_is_compared_as_squad_does(reply, right):
    grade = graded("span", "Eiffel Tower", reply)
    assert (grade.correct, grade.score) == (right, None)


def test_rouge_is_that_of_its_library():
    pytest.importorskip("rouge_score", reason="the extra rouge is not installed")
    target, reply = "The cat sat on the mat.", "A cat was on the mat"
    # words: the cat sat on the mat / a cat was on the mat; longest common subsequence: cat on the mat
    assert graded("rouge", target, reply).score == pytest.approx(2 * (4 / 6) * (4 / 6) / (8 / 6))
    assert graded("rouge:1", target, reply).score == pytest.approx(4 / 6)
    assert graded("rouge:2", target, reply).score == pytest.approx(2 / 5)  # on the, the mat
    assert graded("rouge:2", target, target).correct


@pytest.mark.parametrize("name", ["f1", "span", "rouge"])
@pytest.mark.parametrize("reply", ["", "  \n", "<think>Paris?"])
def test_nothing_is_unparsed_and_worth_nothing(name, reply):
    if name == "rouge":
        pytest.importorskip("rouge_score", reason="the extra rouge is not installed")
    grade = graded(name, "Paris", reply)
    assert (grade.status, grade.correct, grade.score or 0.0) == ("unparsed", False, 0.0)


@pytest.mark.parametrize("name", ["f1", "span"])
def test_a_target_without_words_is_right_for_nobody(name):
    assert not graded(name, "the", "the").correct  # plans refuse such rows


@pytest.mark.parametrize("name", ["f1:2", "rouge:x", "rouge:0", "span:case"])
def test_settings_that_are_none_are_refused(name):
    with pytest.raises(UserError, match=f"grader {name}"):
        grader_of(name)


def test_a_judge_is_no_grader_by_itself():
    with pytest.raises(UserError, match="--judge MODEL"):
        graded("judge", "Paris", "Paris")


@pytest.mark.parametrize("name", ["exact", "contains", "regex:(?:is |: |^)(\\w+)$", "span", "f1"])
@pytest.mark.parametrize("reply", ["**Paris**", "**Answer:** Paris", "Answer: **Paris**", "The answer is **Paris**"])
def test_bold_text_is_compared_as_text(name, reply):
    assert graded(name, "Paris", reply).correct


SQUAD = [
    {"question": "Where is it?", "answers": {"text": ["in Paris", "Paris", "Paris"], "answer_start": [3, 6, 6]}},
    {"question": "When?", "answers": {"text": ["1889"], "answer_start": [0]}},
]


@pytest.mark.parametrize(
    ("grader", "reply", "score", "parsed"),
    [
        ("f1", "Paris", 1.0, "Paris"),
        ("f1", "in Paris", 1.0, "in Paris"),
        ("f1", "the city Paris", 2 / 3, "the city Paris"),
        ("f1", "Rome", 0.0, "Rome"),
        ("span", "Paris!", None, "in Paris"),
        ("exact", "Paris", None, "in Paris"),
        ("contains", "It is Paris.", None, "in Paris"),
    ],
)
def test_of_several_right_answers_the_best_counts(grader, reply, score, parsed, tmp_path):
    task, domain = squad(tmp_path, grader)
    example = next(e for e in task.examples(domain, "eval", 2, 0) if e.target == "in Paris")
    assert example.references == ("Paris",)
    grade = task.grade(domain, example, reply)
    assert (grade.score, grade.parsed) == (score if score is None else pytest.approx(score), parsed)
    if score is None:
        assert grade.correct
        assert not task.grade(domain, example, "Rome").correct
    assert task.grade(domain, example, "").status == "unparsed"


def test_other_right_answers_are_stored_and_are_part_of_what_a_row_is(tmp_path):
    task, domain = squad(tmp_path, "f1")
    examples = task.examples(domain, "eval", 2, 0)
    write_jsonl(tmp_path / "examples.jsonl", [asdict(example) for example in examples])
    assert load_examples(tmp_path) == examples
    alone = [replace(example, references=()) for example in examples]
    assert rows_hash(alone) != rows_hash(examples)
    fields = [[e.id, e.problem, e.target, e.rationale, e.choices, e.strata] for e in alone]
    assert rows_hash(alone) == content._hash(fields)  # as rows were hashed before there were any


@pytest.mark.parametrize("wrong", [{"question": "a?", "answers": [{"a": 1}]}, {"question": "a?", "answers": [["b"]]}])
def test_lists_of_anything_else_are_no_answers(wrong, tmp_path):
    (tmp_path / "squad.jsonl").write_text(json.dumps(wrong) + "\n")
    domain = FilesDomain(eval=str(tmp_path / "squad.jsonl"))
    with pytest.raises(UserError, match=r"the target is a"):
        Files().examples(domain, "eval", 1, 0)


def test_several_targets_beside_choices_are_refused(tmp_path):
    row = {"question": "a?", "choices": ["x", "y", "z"], "answer": ["x", "y"]}
    (tmp_path / "squad.jsonl").write_text(json.dumps(row) + "\n")
    with pytest.raises(UserError, match="2 targets beside choices, expected one"):
        Files().examples(FilesDomain(eval=str(tmp_path / "squad.jsonl")), "eval", 1, 0)


def squad(folder, grader):
    """The task and a domain of two rows, of which one has several right answers."""
    (folder / "squad.jsonl").write_text("".join(json.dumps(row) + "\n" for row in SQUAD))
    return Files(), FilesDomain(eval=str(folder / "squad.jsonl"), grader=grader)
