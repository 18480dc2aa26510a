"""Sums of several bases or lengths in one training set."""

from collections import Counter

import pytest

from offdiag.errors import UserError
from offdiag.studies.base_addition.task import AdditionDomain
from offdiag.studies.base_addition.task.mixture import MixedSums
from offdiag.tasks import get_task
from offdiag.tasks.contract import promises

TASK, SUMS = get_task("mixed_sums"), get_task("base_addition")
BASES, LENGTHS = TASK.domains()


@pytest.mark.parametrize("domain", [BASES, LENGTHS, MixedSums(base="8x1+10x3", digits="2x1+3x1")])
def test_it_keeps_what_every_task_promises(domain):
    assert [promise for promise in promises(TASK, domain) if promise.broken] == []


def test_each_part_comes_as_often_as_its_share_says():
    drawn = TASK.examples(MixedSums(base="8x1+10x3"), "train", 400, 0)
    counts = Counter(example.problem.partition(":")[0] for example in drawn)
    assert set(counts) == {"8", "10"}
    assert 250 < counts["10"] < 350
    lengths = Counter(len(example.problem) for example in TASK.examples(LENGTHS, "train", 100, 0))
    assert set(lengths) == {len("8:76+76"), len("8:766+147")}


def test_an_example_is_worded_solved_and_graded_in_its_own_base():
    for example in TASK.examples(BASES, "train", 20, 0):
        base, _, bare = example.problem.partition(":")
        part = AdditionDomain(base=int(base))
        own = SUMS.parse_problem(part, bare)
        assert TASK.prompt(BASES, example, "direct") == SUMS.prompt(part, own, "direct")
        for rationale in (False, True):
            reply = TASK.response(BASES, example, rationale=rationale)
            assert reply == SUMS.response(part, own, rationale=rationale)
            assert TASK.grade(BASES, example, reply).correct


def test_no_training_example_is_asked_in_base_addition():
    taught = {TASK.key(BASES, example) for example in TASK.examples(BASES, "train", 300, 0)}
    for base in (8, 9):
        domain = AdditionDomain(base=base)
        asked = {SUMS.key(domain, example) for example in SUMS.examples(domain, "eval", 1000, 0)}
        assert not taught & asked


def test_of_one_part_it_holds_what_base_addition_does():
    (part, share), *others = MixedSums(base=8, digits=3).parts
    assert (part, share, others) == (AdditionDomain(base=8, digits=3), 1, [])


@pytest.mark.parametrize(
    ("base", "digits", "complaint"),
    [
        ("8x1+8x2", 2, "base=8x1\\+8x2: expected a number, or numbers with how often each comes"),
        ("8x0+9x1", 2, "expected a number, or numbers"),
        ("8x1+99x1", 2, "base=99 should be less than or equal to 36"),
        (8, "2x1+9x1", "digits=9 should be less than or equal to 6"),
    ],
)
def test_what_is_no_mixture_is_refused(base, digits, complaint):
    with pytest.raises(UserError, match=complaint):
        MixedSums(base=base, digits=digits)
