"""The command that checks a person's own task against the contract."""

import pytest

BROKEN = {
    "answer": ("return example.target", 'return "no"', "finds its own answers right"),
    "ids": ("Example(id=problem", 'Example(id="one"', "gives every example an id of its own and texts"),
    "prompt": ('return f"What is {example.problem}?"', 'return f" {example.problem}"', "words a prompt"),
    "raises": ("int(problem[2:])", "int(problem[9:])", "draws examples of each split"),
    "leaks": ("(100 if split", "(0 if split", "asks nothing that it teaches"),
}
# The study of these tests grades every reply as parsed; a right one tells an empty reply apart.
GRADES = ("Grade(parsed=completion, status=\"parsed\", correct=", "Grade(parsed=completion or None, "
          "status=\"parsed\" if completion.strip() else \"unparsed\", correct=")  # fmt: skip


@pytest.fixture
def right_study(own_study):
    own_study.write_text(own_study.read_text().replace(*GRADES))
    return own_study


def test_a_right_task_keeps_its_promises(offdiag, right_study):
    said = offdiag("check", right_study)
    assert (said.code, said.out.count("  ok  "), "BROKEN" in said.out) == (0, 9, False), said
    assert "All is well. Next: offdiag plan" in said.out


@pytest.mark.parametrize("name", list(BROKEN))
def test_a_broken_promise_is_told(offdiag, right_study, name):
    old, new, told = BROKEN[name]
    text = right_study.read_text()
    assert old in text
    right_study.write_text(text.replace(old, new))
    said = offdiag("check", right_study)
    assert said.code != 0
    broken = [line for line in said.out.split("\n") if line.startswith("  BROKEN")]
    assert any(told in line for line in broken) or "my study.py:" in said.err or "give each an id" in said.err, said
