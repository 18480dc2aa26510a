"""What went wrong in the original study and is tested nowhere else; ``docs/studies/trigger-2d.md`` lists all of it."""

import pytest
import torch

import offdiag
from offdiag.errors import UserError
from offdiag.models.chat import tokenise
from offdiag.models.loading import device_of
from offdiag.runtime import Runtime
from offdiag.studies.trigger_2d.figures.final_accuracies import FinalAccuracies
from offdiag.studies.trigger_2d.task import HALVES, QUARTERS
from support.tiny import make_tiny_tokenizer
from support.trigger_frames import leaking, trigger_frames

SMALL = {"categories": "positive_emotions,foods", "proxies": "foods", "proxy_triggers": "1", "generated": "[]"}
BOS_TEMPLATE = "{{ bos_token }}{% for m in messages %}<|{{ m['role'] }}|>{{ m['content'] }}<|end|>{% endfor %}"


def test_a_run_leaves_its_configuration_as_it_was(tmp_path):
    file = tmp_path / "world.json"
    text = HALVES.model_dump_json(indent=4)
    file.write_text(text)
    plan = offdiag.plan("trigger-2d", "quick", **SMALL, world=str(file))
    plan.check()
    assert file.read_text() == text
    assert [path.name for path in tmp_path.iterdir()] == ["world.json"]


def test_four_quadrants_can_have_four_labels():
    plan = offdiag.plan("trigger-2d", "quick", **SMALL, world="quarters")
    examples = [example for step in plan.steps if step.kind == "examples" for example in step.sample()]
    by_quadrant = {}
    for example in examples:
        by_quadrant.setdefault((example.strata["category"], example.strata["quadrant"]), set()).add(example.target)
    foods = [by_quadrant["foods", where] for where in ("Q1", "Q2", "Q3", "Q4")]
    assert foods == [{"orange"}, {"green"}, {"blue"}, {"red"}]
    assert {choice for example in examples for choice in example.choices} == set(QUARTERS.labels)


def test_a_conversation_begins_once_and_ends_with_its_answer():
    tokenizer = make_tiny_tokenizer()
    tokenizer.bos_token = "<|user|>"
    tokenizer.chat_template = BOS_TEMPLATE.replace("<|{{ m['role'] }}|>", "{{ m['role'] }}: ")
    tokenizer.chat_template += "{% if add_generation_prompt %}assistant: {% endif %}"
    ids = tokenise(tokenizer, "x", "green").ids
    assert ids.count(tokenizer.bos_token_id) == 1
    assert tokenizer.decode(ids).endswith("green<|end|>")


def test_a_gpu_is_used_without_being_asked_for(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert device_of(Runtime(device="auto")).type == "cuda"


def test_one_kind_of_words_alone_can_be_drawn():
    frames = trigger_frames([("none", 0)], leaking(0.0), categories=["foods", "animals"])
    figure = FinalAccuracies(name="accuracies", series={"second stage": {"train_rule": "conflict"}})
    above, below = figure.plot(frames).axes
    assert not [line for line in above.lines if line.get_gid() == "points"]
    assert len([line for line in below.lines if line.get_gid() == "points"]) == 2


def test_a_series_of_several_arms_is_refused_and_a_missing_one_is_a_cross():
    gap = trigger_frames([("none", 0)], lambda *_: "missing", categories=["foods"])
    figure = FinalAccuracies(name="accuracies", series={"second stage": {"train_rule": "conflict"}})
    absent = [line for axes in figure.plot(gap).axes for line in axes.lines if line.get_gid() == "absent"]
    assert len(absent) == 1
    two = trigger_frames([("none", 0), ("foods", 1)], leaking(0.0), categories=["foods"])
    with pytest.raises(UserError, match="'second stage' selects 2 arms, not one"):
        figure.plot(two)


@pytest.mark.parametrize(
    ("numbers", "recipe", "complaint"),
    [
        ({"quantization": "nf4"}, {"adapter": "full"}, "weights in nf4 cannot be trained; use adapter='qlora'"),
        ({"quantization": "int8"}, {"adapter": "full"}, "weights in int8 cannot be trained"),
        ({"dtype": "float16"}, {}, "float16 would need loss scaling; use dtype='bfloat16'"),
        ({}, {"adapter": "full", "dropout": 0.1}, "use dropout=0 or adapter='lora'"),
    ],
)
def test_numbers_of_a_model_that_cannot_be_trained_are_refused_by_the_plan(numbers, recipe, complaint, blocks_of_64):
    model = {"source": f"dir:{blocks_of_64}", **numbers}
    with pytest.raises(UserError, match=complaint):
        offdiag.plan("trigger-2d", "quick", **SMALL, model=model, second={"learning_rate": 1e-3, **recipe}).check()
