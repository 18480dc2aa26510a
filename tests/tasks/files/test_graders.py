"""Every grader on what is right, wrong, and no answer at all."""

import pytest

from offdiag.errors import UserError
from offdiag.tasks import Example
from offdiag.tasks.files.graders import Choice
from offdiag.tasks.files.named_graders import grader_of


def graded(grader, target, completion, choices=()):
    found = grader.grade(Example(id="1", problem="?", target=target, choices=choices), completion)
    return {"unparsed": None, "ungraded": "ungraded"}.get(found.status, found.correct)


@pytest.mark.parametrize(
    ("grader", "target", "completion", "right"),
    [
        ("exact", "New York", " New  York \n", True),
        ("exact", "New York", "new york", False),
        ("exact", "New York", "New York.\nNext: Boston", False),
        ("exact", "New York", "New York\nNext: Boston", True),
        ("exact", "New York", "It is big.\nAnswer: New York", True),
        ("exact", "New York", "", None),
        ("exact", "a\nb", "a\nb\nc", True),
        ("exact:case+punctuation", "New York", "new york!", True),
        ("exact:case+articles", "Eiffel tower", "The Eiffel Tower", True),
        ("exact:accents", "cafe", "café", True),
        ("exact", "<think>", "x", False),
        ("number", "1,080", "So it is 1080.", True),
        ("number", "1080", "1081", False),
        ("number", "3", "none", None),
        ("number:0.5", "3", "Answer: 3.4", True),
        ("number:0.5", "3", "Answer: 3.6", False),
        ("number:10%", "200", "219", True),
        ("number:10%", "200", "221", False),
        ("number:0.1", "1/3", "0.3", True),
        (r"regex:\b(\w+)$", "blue", "it is blue", True),
        (r"regex:\b(\w+)$", "blue", "it is red", False),
        (r"regex:answer=(\d+)", "4", "none", None),
        ("contains", "cat", "The Cat sat", True),
        ("contains", "cat", "the category", False),
        ("contains", "cat", " ", None),
    ],
)
def test_the_built_in_graders(grader, target, completion, right):
    assert graded(grader_of(grader), target, completion) is right


@pytest.mark.parametrize(
    ("letters", "completion", "right"),
    [(True, "B", True), (True, "B) cancel", True), (True, "cancel", True), (True, "A", False), (True, "A or B", None),
     (False, "cancel", True), (False, "I would say cancel", True), (False, "order", False), (False, "a", None)],
)  # fmt: skip
def test_choices_by_text_and_by_letter(letters, completion, right):
    assert graded(Choice(letters=letters), "cancel", completion, ("order", "cancel")) is right


@pytest.mark.parametrize(
    ("grader", "message"),
    [
        ("exakt", "no grader 'exakt'; did you mean exact?"),
        ("exact:cases", "unknown normalisation 'cases'; did you mean case?"),
        ("number:x", "expected a tolerance"),
        ("number:-1", "expected a tolerance"),
        ("number:%", "expected a tolerance"),
        ("regex:(", "no regular expression"),
        ("regex", "expected a pattern"),
        ("contains:x", "has no settings"),
    ],
)
def test_graders_that_are_none(grader, message):
    with pytest.raises(UserError) as told:
        grader_of(grader)
    assert message in str(told.value)


def own(tmp_path, text, function="grade"):
    path = tmp_path / "mine.py"
    path.write_text(text)
    return grader_of(f"{path}:{function}")


def test_a_function_of_ones_own(tmp_path):
    grader = own(
        tmp_path, "def grade(completion, target):\n    return None if not completion else completion == target"
    )
    assert [graded(grader, "a", text) for text in ("a", "b", "")] == [True, False, None]
    three = own(tmp_path, "def grade(completion, target, example):\n    return example.problem in completion")
    assert graded(three, "a", "what?") is True


def test_a_function_that_fails_leaves_its_row_ungraded(tmp_path):
    grader = own(tmp_path, "def grade(completion, target):\n    return completion[9] == target\n")
    found = grader.grade(Example(id="1", problem="?", target="a"), "b")
    assert (found.status, found.correct) == ("ungraded", False)
    assert found.flags[0].endswith("mine.py:2: IndexError: string index out of range")
    odd = own(tmp_path, "def grade(completion, target):\n    return 0.3")
    assert graded(odd, "a", "b") == "ungraded"


def test_a_function_is_known_by_its_code_alone(tmp_path):
    (tmp_path / "helper.py").write_text("def same(a, b): return a == b\n")
    text = (
        "from helper import same\ndef other(): return 1\ndef grade(completion, target): return same(completion, target)"
    )
    first = own(tmp_path, text).identity()
    assert own(tmp_path, f"# a remark\n{text.replace('return 1', 'return 2')}").identity() == first
    (tmp_path / "helper.py").write_text("def same(a, b): return a != b\n")
    assert own(tmp_path, text).identity() != first
    (tmp_path / "helper.py").write_text("def same(a, b): return a == b\n")
    moved = tmp_path / "moved"
    moved.mkdir()
    for name in ("helper.py", "mine.py"):
        (tmp_path / name).rename(moved / name)
    from offdiag.python_files import forget_files

    forget_files()
    assert grader_of(f"{moved / 'mine.py'}:grade").identity() == first


@pytest.mark.parametrize(
    ("text", "function", "message"),
    [
        ("def grade(completion, target): pass", "grad", "no function 'grad'; did you mean grade?"),
        ("def grade(completion): pass", "grade", "takes (completion): expected (completion, target)"),
        ("def grade(*, completion, target): pass", "grade", "takes (*, completion, target): expected"),
        ("async def grade(completion, target): pass", "grade", "is a class or an async function"),
        ("class Grade:\n    def __init__(self, said, target): pass", "Grade", "is a class or an async function"),
        ("def grade(completion, target) pass", "grade", "syntax error"),
        ("1 / 0", "grade", "ZeroDivisionError"),
    ],
)
def test_functions_that_cannot_grade(tmp_path, text, function, message):
    with pytest.raises(UserError) as told:
        own(tmp_path, text, function)
    assert message in str(told.value)
    with pytest.raises(UserError, match="no grader file"):
        grader_of(f"{tmp_path / 'none.py'}:grade")
