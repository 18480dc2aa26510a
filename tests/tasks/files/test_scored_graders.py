"""Graders that compare words: values of the published scripts, and what has no words."""

import pytest

from offdiag.errors import UserError
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
