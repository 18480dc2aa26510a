"""Examples that results cannot be joined on are refused."""

import pytest

from offdiag.errors import UserError
from offdiag.steps import Examples
from offdiag.tasks import Example, check_examples, get_task, parse_domain

SUMS = parse_domain(get_task("base_addition"), "base=8")


def example(name: str = "a", **fields: object) -> Example:
    return Example(**{"id": name, "problem": "1+1", "target": "2", **fields})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("examples", "said"),
    [
        ([example("a"), example("b"), example("a", problem="2+2")], "id 'a' is that of two examples, '1.1' and '2.2'"),
        ([example(target=2)], r"target of example 1 \('a'\) is 2 \(int\), expected a text: write str\(target\)"),
        ([example(7)], r"id of example 1 \(7\) is 7 \(int\)"),
        ([example(choices=("2", 3))], r"choices\[1\] of example 1 \('a'\) is 3 \(int\)"),
        ([example(rationale="x\ud83d")], r"rationale of example 1 has half a character \(\\ud83d\)"),
    ],
)  # fmt: skip
def test_what_is_not_well_formed_is_told(examples: list[Example], said: str) -> None:
    with pytest.raises(UserError, match=rf"base_addition base=8,digits=2, split eval: {said}"):
        check_examples(SUMS, "eval", examples)


def test_a_step_refuses_to_draw_them(monkeypatch: pytest.MonkeyPatch) -> None:
    step = Examples(domain=SUMS, split="eval", n=2)
    assert len(step.sample()) == 2
    monkeypatch.setattr(type(get_task("base_addition")), "examples", lambda *_: [example(), example(problem="7+7")])
    with pytest.raises(UserError, match="id 'a' is that of two examples"):
        step.sample()
