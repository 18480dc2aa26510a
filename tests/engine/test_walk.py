"""The walk over what a step needs."""

from offdiag.steps import in_order
from support.toys import Toy


def diamonds(n):
    """A step whose inputs share an input, n times over: 2**n paths lead from it to the first."""
    step = Toy(label="first")
    for i in range(n):
        sides = tuple(Toy(label=f"{side}{i}", needs=(step,)) for side in ("left", "right"))
        step = Toy(label=f"joint{i}", needs=sides)
    return step


def test_inputs_come_first_and_the_step_last():
    assert [step.label for step in diamonds(2).walk()] == [
        *("first", "left0", "right0", "joint0"),
        *("left1", "right1", "joint1"),
    ]


def test_each_step_comes_once_however_many_paths_lead_to_it():
    walked = diamonds(7).walk()
    assert len(walked) == len({step.fingerprint for step in walked}) == 22


def test_targets_that_share_inputs_are_walked_together():
    top = diamonds(1)
    other = Toy(label="other", needs=(top.needs[1],))
    assert [step.label for step in in_order([top, other])] == ["first", "left0", "right0", "joint0", "other"]
