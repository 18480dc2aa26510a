from dataclasses import asdict
from types import SimpleNamespace

import pytest

from offdiag.errors import UserError
from offdiag.methods import ZeroShot
from offdiag.models import ModelSpec
from offdiag.models.lm import Score
from offdiag.steps import Examples, LoglikelihoodChoices, Weights, load_answers
from offdiag.steps.jsonl import write_jsonl
from offdiag.studies.base_addition.task import AdditionDomain
from offdiag.study import Arm, Cell, Evaluation
from offdiag.tasks import Example

SPEC = ModelSpec(source="hub:org/name")
N = 100


class Scorer:
    """Likes the choice that the problem names, and remembers how often it was asked."""

    def __init__(self, dies_after: int = 10**9) -> None:
        self.calls, self.dies_after = 0, dies_after

    def score(self, prompts, continuations, response_prefix, settings):
        if self.calls == self.dies_after:
            raise KeyboardInterrupt
        self.calls += 1
        return [
            [Score(-1.0 if choice in prompt else -2.0 - i, len(choice)) for i, choice in enumerate(choices)]
            for prompt, choices in zip(prompts, continuations, strict=True)
        ]

    def score_unasked(self, continuations, response_prefix, settings):
        return [[Score(-len(choice) / 2, len(choice)) for choice in choices] for choices in continuations]


def step(**fields):
    asked = Examples(domain=AdditionDomain(base=8), split="eval", n=N)
    return LoglikelihoodChoices(weights=Weights(spec=SPEC), examples=asked, style="direct", **fields)


def work(folder, scorer, choices=("11+11", "55+55", "dog")):
    (folder / "examples").mkdir(exist_ok=True)
    examples = [
        Example(id=str(i), problem=choices[i % len(choices)], target=choices[0], choices=choices) for i in range(N)
    ]
    write_jsonl(folder / "examples" / "examples.jsonl", [asdict(example) for example in examples])
    return SimpleNamespace(
        folder=folder,
        output=lambda step: folder / "examples",
        answering=lambda weights: scorer,
        progress=lambda *_: None,
        finished=lambda kind, named: (),
    )


def test_the_most_likely_choice_is_the_answer(tmp_path):
    summary = step().run(work(tmp_path, Scorer()))
    answers = load_answers(tmp_path)
    assert summary["n"] == N == len(answers)
    assert [a["completion"] for a in answers[:4]] == ["11+11", "55+55", "dog", "11+11"]
    assert answers[0]["scores"] == [-1.0, -3.0, -4.0]
    assert answers[0]["finish"] == "choice"
    assert not (tmp_path / "answers.partial.jsonl").exists()


@pytest.mark.parametrize(
    ("per", "expected"), [("none", "0+0"), ("tokens", "99999+99999"), ("characters", "99999+99999")]
)
def test_a_long_choice_wins_once_its_length_is_taken_out(tmp_path, per, expected):
    step(per=per).run(work(tmp_path, Scorer(), choices=("0+0", "99999+99999")))
    first = load_answers(tmp_path)[0]
    assert first["completion"] == ("0+0" if per == "none" else expected)
    assert first["scores"] == pytest.approx([-1.0, -3.0] if per == "none" else [-1 / 3, -3 / 11], abs=1e-6)


def test_lengths_are_those_of_the_choice_in_bytes_and_what_is_likely_anyway_is_taken_off(tmp_path):
    choices = ("0+0", "ναι+ναι")
    for per, expected in (("bytes", [-1 / 3, -3 / 13]), ("unconditional", [-1 + 1.5, -3 + 3.5])):
        folder = tmp_path / per
        folder.mkdir()
        step(per=per).run(work(folder, Scorer(), choices=choices))
        assert load_answers(folder)[0]["scores"] == pytest.approx(expected, abs=1e-6)


def test_killed_and_resumed_equals_uninterrupted(tmp_path):
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    for folder in (whole, killed):
        folder.mkdir()
    step().run(work(whole, Scorer()))
    with pytest.raises(KeyboardInterrupt):
        step().run(work(killed, Scorer(dies_after=1)))
    with (killed / "answers.partial.jsonl").open("a") as file:
        file.write('{"index": 64, "torn')
    later = Scorer()
    step().run(work(killed, later))
    assert later.calls == 1
    assert (killed / "answers.jsonl").read_bytes() == (whole / "answers.jsonl").read_bytes()


@pytest.mark.parametrize(
    "choices",
    [
        (),
        ("one",),
        ("two", "two"),
        ("two", "two "),
        ("", "1"),
        (" ", "1"),
        ("2", "3"),
        ("1", "2", "2"),
        ("1", "1 ", "2"),
    ],
)
def test_an_example_without_real_choices_is_refused(tmp_path, choices):
    folder = work(tmp_path, Scorer())
    example = Example(id="7", problem="1+1", target="1", choices=choices)
    write_jsonl(tmp_path / "examples" / "examples.jsonl", [asdict(example)] * N)
    with pytest.raises(UserError, match="example 7 has the choices"):
        step().run(folder)


def test_an_evaluation_says_how_it_is_answered():
    def cell(**fields):
        asked = Evaluation(domain=AdditionDomain(base=8), n=3, **fields)
        return Cell(arm=Arm(model=SPEC, method=ZeroShot()), evaluation=asked)

    chosen, written = cell(answering="choice"), cell()
    assert isinstance(chosen.step().answers, LoglikelihoodChoices)
    assert chosen.factors()["answering"] == "choice"
    assert "answering" not in written.factors()
    assert chosen.step().fingerprint != written.step().fingerprint
    assert chosen.step().name != written.step().name
    divided = cell(answering="choice", per="bytes", chat={"thinking": "off"})
    assert divided.factors()["per"] == divided.step().answers.per == "bytes"
    assert divided.factors()["thinking"] == divided.step().answers.chat.thinking == "off"
    assert divided.step().name == f"{chosen.step().name.removesuffix('.choice')}.thinking-off.choice-per-bytes"
    with pytest.raises(UserError, match="set answering='choice'"):
        cell(per="tokens")


def test_a_plan_refuses_what_no_choice_can_answer():
    with pytest.raises(UserError, match=r"example .* has the choices \[\]; expected at least two"):
        step().check()
