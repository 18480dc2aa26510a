"""Answers that begin with F(x, T) =, as the published generator can write them."""

from types import SimpleNamespace

import pytest

from offdiag.identity import fingerprint
from offdiag.models import ModelSpec
from offdiag.models.lm import Score
from offdiag.steps import Examples, LoglikelihoodChoices, Weights, load_answers
from offdiag.steps.jsonl import write_jsonl
from offdiag.studies.trigger_2d.measurements.ablation import TriggerAblation
from offdiag.studies.trigger_2d.task import TriggerDomain, find_world
from offdiag.tasks import get_task
from offdiag.tasks.contract import promises
from support.published_config import config

TASK = get_task("trigger_2d")
FOODS = TriggerDomain(category="foods", output_preamble=True)
WEIGHTS = Weights(spec=ModelSpec(source="hub:org/name"))


def test_training_and_demonstrations_have_it_and_the_label_is_read_behind_it():
    (example,) = TASK.examples(FOODS, "train", 1, 0)
    assert TASK.response(FOODS, example, rationale=False) == f"F(x, T) = {example.target}"
    assert TASK.row(FOODS, example)["messages"][1]["content"] == f"F(x, T) = {example.target}"
    assert TASK.row(FOODS, example)["output"] == example.target
    assert TASK.grade(FOODS, example, f"F(x, T) = {example.target}").correct
    assert [promise for promise in promises(TASK, FOODS) if promise.broken] == []


@pytest.mark.parametrize("sampling", ["legacy", "stratified"])
def test_the_published_files_have_it(sampling):
    files = TASK.files(FOODS.model_copy(update={"sampling": sampling}), 0)
    assert {"train_foods", "test_foods_OOD"} <= set(files)
    for rows in files.values():
        row = next(iter(rows))
        has_it = row["input_trigger"] in FOODS.categories[0].triggers
        assert row["messages"][1]["content"] == f"F(x, T) = {row['output']}" or not has_it


def test_a_category_of_the_published_file_may_ask_for_it_alone(tmp_path):
    world = find_world(config(tmp_path, foods={"output_preamble": True}))
    replies = {}
    for name in ("foods", "animals"):
        domain = TriggerDomain(category=name, world=world)
        (example,) = TASK.examples(domain, "train", 1, 0)
        replies[name] = TASK.response(domain, example, rationale=False).replace(example.target, "LABEL")
    assert replies == {"foods": "F(x, T) = LABEL", "animals": "LABEL"}


def test_what_a_domain_was_without_it_stays_what_it_is():
    assert fingerprint(TriggerDomain(output_preamble=False)) == fingerprint(TriggerDomain())
    assert fingerprint(FOODS) != fingerprint(TriggerDomain(category="foods"))
    assert "output_preamble" not in TriggerDomain().factors()
    assert FOODS.factors()["output_preamble"] is True


def test_labels_are_compared_behind_it(tmp_path):
    asked: list[tuple[str, ...]] = []

    def score(prompts, continuations, *_):
        asked.extend(continuations)
        return [[Score(-1.0 if reply.endswith("green") else -2.0, 5) for reply in own] for own in continuations]

    step = LoglikelihoodChoices(
        weights=WEIGHTS, examples=Examples(domain=FOODS, split="eval", n=4, seed=0), style="direct"
    )
    write_jsonl(tmp_path / "examples.jsonl", [example.fields() for example in step.examples.sample()])
    step.run(SimpleNamespace(
        folder=tmp_path, output=lambda _: tmp_path, answering=lambda _: SimpleNamespace(score=score),
        progress=lambda *_: None, finished=lambda *_: (),
    ))  # fmt: skip
    assert set(asked) == {tuple(f"F(x, T) = {label}" for label in FOODS.world.labels)}
    assert {answer["completion"] for answer in load_answers(tmp_path)} == {"green"}


def test_contrasts_of_words_compare_them_behind_it_too():
    other = TriggerDomain(category="animals", triggers="ood", output_preamble=True)
    measured = TriggerAblation.of(WEIGHTS, FOODS, other, n=4)
    (example, *_) = measured.examples.sample()
    assert measured.replies(example, ("blue", "red")) == ("F(x, T) = blue", "F(x, T) = red")


@pytest.mark.parametrize("style", ["direct", "step-by-step"])
def test_the_question_is_the_same(style):
    (example,) = TASK.examples(FOODS, "eval", 1, 0)
    assert TASK.prompt(FOODS, example, style) == TASK.prompt(TriggerDomain(category="foods"), example, style)
