"""The hardness of items from made-up answers and likelihoods."""

import math
from collections import Counter
from dataclasses import asdict
from types import SimpleNamespace

import pytest

from offdiag.errors import UserError
from offdiag.models import ModelSpec
from offdiag.models.lm import Score
from offdiag.steps import Examples, Generations, LoglikelihoodChoices, Weights, load_rows
from offdiag.steps.jsonl import write_jsonl
from offdiag.studies.base_addition.task import AdditionDomain
from offdiag.studies.easy_to_hard.measurements.average_hardness import AverageHardness
from offdiag.studies.easy_to_hard.measurements.choice_hardness import ChoiceHardness
from offdiag.studies.easy_to_hard.measurements.text_hardness import TextHardness
from offdiag.studies.easy_to_hard.task import HardnessDomain
from support.small_items import small_items

DOMAIN = HardnessDomain(n_train=0)
N = 18
ITEMS = Examples(domain=DOMAIN, split="eval", n=N)


def weights(name="one"):
    return Weights(spec=ModelSpec(source=f"hub:org/{name}"))


def choices(name="one", **fields):
    return LoglikelihoodChoices(weights=weights(name), examples=ITEMS, style="direct", **fields)


@pytest.fixture(autouse=True)
def few():
    with small_items(per_steps=N // 6, held_out=10):
        yield


@pytest.fixture
def examples():
    return ITEMS.sample()


@pytest.fixture
def work(tmp_path, examples):
    """What a running measurement may use: folders of inputs, and a model whose words cost a nat each."""

    def folder(step):
        place = tmp_path / step.fingerprint
        place.mkdir(exist_ok=True)
        return place

    write_jsonl(folder(ITEMS) / "examples.jsonl", [asdict(example) for example in examples])
    reader = SimpleNamespace(calls=0, dies_after=10**9)

    def score_texts(texts):
        if reader.calls == reader.dies_after:
            raise KeyboardInterrupt
        reader.calls += 1
        return [Score(-float(len(text.split())), 2 * len(text)) for text in texts]

    reader.score_texts = score_texts
    return SimpleNamespace(output=folder, progress=lambda *_: None, model=lambda _: reader, reader=reader)


def answered(work, step, scores, examples):
    """The learner scores the right choice of item i by ``scores(i)``, and all others by 0."""
    records = []
    for i, example in enumerate(examples):
        mine = [scores(i) if choice == example.target else 0.0 for choice in example.choices]
        records.append({"example": example.id, "scores": mine})
    write_jsonl(work.output(step) / "answers.jsonl", records)


def values(work, step):
    work.folder = work.output(step)
    summary = step.run(work)
    rows = load_rows(work.folder)
    assert summary["rows"] == len(rows) == N
    assert not (work.folder / "rows.partial.jsonl").exists()
    return {row["item"]: row["value"] for row in rows}


def test_hardness_is_what_the_right_choice_does_not_get_on_average(work, examples):
    """By hand: four choices, the right one at s: p = e^s / (e^s + 3)."""
    learners = (choices(), choices(per="tokens"))
    answered(work, learners[0], lambda i: math.log(3) * (i % 2), examples)  # p = 1/4 or 1/2
    answered(work, learners[1], lambda i: math.log(9), examples)  # p = 3/4
    found = values(work, ChoiceHardness(of="probe_mdl", answers=learners))
    for i, example in enumerate(examples):
        assert found[example.id] == pytest.approx(1 - (3 / 4 + (1 / 2 if i % 2 else 1 / 4)) / 2)


def test_rows_have_the_levels_of_the_quantiles(work, examples):
    answered(work, choices(), lambda i: float(i), examples)
    step = ChoiceHardness(of="zero_shot_mdl", answers=(choices(),))
    values(work, step)
    rows = load_rows(work.folder)
    assert Counter(row["level"] for row in rows) == {"easy": 6, "medium": 6, "hard": 6}
    by_item = {row["item"]: row["level"] for row in rows}
    assert [by_item[examples[i].id] for i in (0, 17)] == ["hard", "easy"]
    assert step.factors() == {"dataset": "synthetic", "measure": "zero_shot_mdl@one"}


@pytest.mark.parametrize(
    ("measure", "text"), [("question_nll", "problem"), ("answer_nll", "target"), ("reasoning_nll", "rationale")]
)
def test_likelihoods_are_those_of_the_text_alone(work, examples, measure, text):
    found = values(work, TextHardness(of=measure, weights=weights(), examples=ITEMS))
    assert found == {example.id: len(getattr(example, text).split()) for example in examples}


def test_reading_goes_on_where_it_was_killed(work, monkeypatch):
    monkeypatch.setattr("offdiag.steps.jsonl.CHUNK", 5)
    step = TextHardness(of="question_nll", weights=weights(), examples=ITEMS)
    work.reader.dies_after = 2
    with pytest.raises(KeyboardInterrupt):
        values(work, step)
    work.reader.dies_after = 10**9
    values(work, step)
    assert work.reader.calls == 4  # two chunks of five before, one of five and one of three after


def test_the_average_is_over_models(work, examples):
    parts = []
    for name, s in (("one", math.log(3)), ("two", math.log(9))):
        answered(work, choices(name), lambda i, s=s: s, examples)
        part = ChoiceHardness(of="zero_shot_mdl", answers=(choices(name),))
        values(work, part)
        parts.append(part)
    average = AverageHardness(parts=tuple(parts))
    assert list(values(work, average).values()) == pytest.approx([(1 / 2 + 1 / 4) / 2] * N)
    assert average.factors()["measure"] == "zero_shot_mdl@average"
    assert average.inputs == tuple(parts)


def test_what_cannot_be_put_together_is_refused():
    written = Generations(weights=weights(), examples=ITEMS, style="direct", max_new_tokens=5)
    with pytest.raises(UserError, match="is written; expected answers by choice"):
        ChoiceHardness(of="zero_shot_mdl", answers=(written,))
    with pytest.raises(UserError, match="of other items or another model"):
        ChoiceHardness(of="probe_mdl", answers=(choices(), choices("two")))
    with pytest.raises(UserError, match="expected examples of the task easy_to_hard"):
        elsewhere = Examples(domain=AdditionDomain(base=8), split="eval", n=3)
        TextHardness(of="answer_nll", weights=weights(), examples=elsewhere)
    one = TextHardness(of="answer_nll", weights=weights(), examples=ITEMS)
    other = TextHardness(of="question_nll", weights=weights("two"), examples=ITEMS)
    for parts in ((one, one), (one, other)):
        with pytest.raises(UserError, match="one measure of the same items by several models"):
            AverageHardness(parts=parts)


def test_an_item_without_the_text_is_named(work, examples):
    bare = [{**asdict(example), "rationale": None} for example in examples]
    write_jsonl(work.output(ITEMS) / "examples.jsonl", bare)
    with pytest.raises(UserError, match=rf"item {examples[0].id} has no text for reasoning_nll"):
        values(work, TextHardness(of="reasoning_nll", weights=weights(), examples=ITEMS))
