"""What a plan says of the data, and refuses."""

import pytest

from offdiag.errors import UserError
from offdiag.steps import Examples
from offdiag.tasks.contract import promises
from offdiag.tasks.files import Files, FilesDomain
from offdiag.tasks.files.facts import overlaps

from .conftest import intents

TASK = Files()


def test_balance_copies_and_what_is_left_out(lines):
    copy = {"text": intents(1)[0]["text"].upper(), "label": "cancel"}
    rows = [*intents(5), copy, {"text": "x", "label": ""}]
    domain = FilesDomain(train=lines("a.jsonl", rows), eval=lines("b.jsonl", intents(3, 9)), empty="skip")
    assert TASK.remarks(domain) == [
        "rows that can be taught: 6; cancel 3, order 2, track 1",
        "! 1 row without a target is left out",
        "! 1 row that is taught asks what another one asks, and 1 prompt has several answers",
        "rows that can be asked: 3; order 1, cancel 1, track 1",
    ]
    many = FilesDomain(eval=lines("c.jsonl", [{"text": str(i), "label": f"l{i % 12}"} for i in range(26)]))
    assert TASK.remarks(many) == ["rows that can be asked: 26; 12 different targets, each of 2 to 3 rows (most 'l0')"]
    assert TASK.longest(many)[0] == "10\nAnswer: l10"


def test_overlap_word_for_word_and_nearly(lines):
    taught = FilesDomain(train=lines("a_train.jsonl", intents(6)), holdout=0)
    near = {"text": intents(2)[1]["text"].upper(), "label": "cancel"}
    asked = FilesDomain(eval=lines("b.jsonl", [*intents(3, 20), intents(1)[0], near]))
    (line,) = overlaps([taught], [asked])
    assert line.startswith("! 2 rows of b ask what a teaches (1 word for word, the others up to case")
    assert "b.jsonl, line 4: to leave them out, type --drop-overlap" in line
    assert list(overlaps([taught], [FilesDomain(eval=lines("c.jsonl", intents(3, 20)))])) == []


@pytest.mark.parametrize(
    ("grader", "target", "accepted"),
    [
        ("number", "3.0", True),
        ("number", "n/a", False),
        ("regex:(\\d+)", "five", False),
        ("contains", "a", True),
    ],
)
def test_targets_that_no_answer_could_meet_are_refused(lines, grader, target, accepted):
    rows = [{"text": "a", "label": "3"}, {"text": "b", "label": target}]
    grader = "exact" if grader == "contains" else grader
    step = Examples(domain=FilesDomain(eval=lines("a.jsonl", rows), grader=grader), split="eval", n=1)
    if accepted:
        step.check()
    else:
        with pytest.raises(UserError) as told:
            step.check()
        assert f"line 2: the grader {grader} accepts no answer to the target {target!r}" in str(told.value)


def test_a_function_that_fails_on_right_answers_is_told(lines, tmp_path):
    (tmp_path / "own.py").write_text("def odd(said, target): return int(said)\ndef no(said, target): return False\n")
    path = lines("a.jsonl", intents(3))
    assert (
        "the grader fails on 3 of 3 right answers: "
        in TASK.remarks(FilesDomain(eval=path, grader=f"{tmp_path}/own.py:odd"))[1]
    )
    assert TASK.remarks(FilesDomain(eval=path, grader=f"{tmp_path}/own.py:no"))[1] == (
        "! the grader finds 3 of 3 targets wrong when they are the answer"
    )


def test_one_answer_to_all_and_numbers_as_labels_are_told_apart_from_counts(lines):
    same = FilesDomain(eval=lines("a.jsonl", [{"text": str(i), "label": 2} for i in range(3)]))
    assert TASK.remarks(same) == ["rows that can be asked: 3; '2' 3", "! one answer to each row that can be asked: '2'"]
    each = FilesDomain(eval=lines("b.jsonl", [{"text": str(i), "label": f"t{i}"} for i in range(12)]))
    assert TASK.remarks(each) == ["rows that can be asked: 12; each of another target"]


def test_system_turns_and_conversations_keep_the_promises_of_a_task(lines):
    chats = [
        {"messages": [{"role": "user", "content": f"{i} + 1?"}, {"role": "assistant", "content": f"It is {i + 1}."}]}
        for i in range(12)
    ]
    talked, told = lines("c.jsonl", [*chats[:9]]), lines("a.jsonl", intents(30))
    with_system = [{"messages": [{"role": "system", "content": "Be short."}, *row["messages"]]} for row in chats]
    for domain in (
        FilesDomain(train=told, system="Be short."),
        FilesDomain(train=talked),
        FilesDomain(train=lines("s.jsonl", with_system)),
    ):
        assert [one for one in promises(TASK, domain) if one.broken] == []
