"""Settings of a chat template that a model has, or a study gives to all of its models."""

import numpy as np
import pytest
import torch

from offdiag.errors import UserError
from offdiag.methods import ZeroShot
from offdiag.models import ModelSpec
from offdiag.models.chat import tokenise
from offdiag.models.chat_settings import ChatSettings
from offdiag.models.lm import LM
from offdiag.models.loading import load_model, load_tokenizer
from offdiag.parameters import override, parse_sets
from offdiag.planning import make_plan
from offdiag.runtime import Runtime
from offdiag.studies.base_addition.task import AdditionDomain
from offdiag.study import Arm, Cell, Design, Evaluation
from offdiag.study_files import load_study
from offdiag.training.rounds import Sampler
from support.tiny import make_tiny_model, make_tiny_tokenizer
from support.tiny_policy import rl_task
from support.tiny_study import Params, tiny_study

RUNTIME = Runtime(device="cpu", threads=1)
# The template of the tiny model, with a switch and a variable.
TEMPLATE = (
    "{% for m in messages %}<|{{ m['role'] }}|>{{ effort or '' }}{{ m['content'] }}<|end|>{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>"
    "{% if enable_thinking is defined and not enable_thinking %}<think></think>{% endif %}{% endif %}"
)
ASKED = Evaluation(domain=AdditionDomain(base=8), n=3)
OFF, LOW = {"thinking": "off"}, {"variables": {"effort": "low"}}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = make_tiny_model(tmp_path_factory.mktemp("models") / "tiny")
    tokenizer = make_tiny_tokenizer()
    tokenizer.chat_template = TEMPLATE
    tokenizer.save_pretrained(folder)
    return folder


def spec_of(folder, chat=None):
    return ModelSpec(source=f"dir:{folder}", chat=chat or {})


def test_whoever_opens_a_chat_has_the_settings_of_the_model(folder):
    def opened(model, **own):
        tokenizer = load_tokenizer(model, folder)
        return tokenizer.decode(tokenise(tokenizer, "1+1?", **own).ids)

    plain = "<|user|>1+1?<|end|><|assistant|>"
    assert opened(spec_of(folder)) == plain
    assert opened(spec_of(folder, OFF)) == f"{plain}<think></think>"
    assert opened(spec_of(folder, LOW)) == "<|user|>low1+1?<|end|><|assistant|>"
    assert opened(spec_of(folder, OFF), settings=ChatSettings(**LOW)) == "<|user|>low1+1?<|end|><|assistant|>"


def test_rounds_of_policy_optimisation_ask_by_them(folder):
    def asked(model):
        tokenizer = load_tokenizer(model, folder)
        sampler = Sampler(load_model(model, folder, RUNTIME), tokenizer, rl_task())
        clock = type("Trainer", (), {"state": type("State", (), {"global_step": 0})})
        return tokenizer.decode(sampler(["a", "a"], clock)["prompt_ids"][0])

    assert asked(spec_of(folder)) + "<think></think>" == asked(spec_of(folder, OFF))


def test_hidden_states_of_choices_are_those_behind_the_thinking(folder):
    lm = LM.load(spec_of(folder, OFF), folder, RUNTIME)
    (found,) = lm.choice_states(["1+1?"], [["2", "3"]], [2])
    for choice, state in zip("23", found[:, 0], strict=True):
        text = f"<|user|>1+1?<|end|><|assistant|><think></think>{choice}"
        ids = torch.tensor([lm.tokenizer(text, add_special_tokens=False)["input_ids"]])
        with torch.no_grad():
            wanted = lm.model(ids, output_hidden_states=True).hidden_states[2][0, -1]
        np.testing.assert_allclose(state, wanted.numpy(), atol=1e-5)


def test_a_study_gives_them_to_all_of_its_models(folder):
    given = {"thinking": "off"}
    plan = make_plan(tiny_study(Params(model=spec_of(folder))), "only", given)
    models = {model for step in plan.steps for model in step.models()}
    assert models == {spec_of(folder, OFF)}
    assert plan.design.cells[0].factors()["thinking"] == "off"
    assert {cell.factors()["model"] for cell in plan.design.cells} == {"tiny.thinking-off"}
    plain = make_plan(tiny_study(Params(model=spec_of(folder))), "only")
    assert not {s.fingerprint for s in plan.steps if s.kind != "examples"} & {s.fingerprint for s in plain.steps}
    assert plan.command.endswith("--set thinking=off")


@pytest.mark.parametrize("name", ["base-addition", "trigger-2d", "matrix"])
def test_built_in_studies_give_them_to_every_step(name, tmp_path):
    rows = tmp_path / "rows.jsonl"
    rows.write_text("".join(f'{{"q": "{i}+1?", "answer": "{i + 1}"}}\n' for i in range(30)))
    own = {"train": str(rows), "prompt": "{q}", "target": "answer"} if name == "matrix" else {}
    sets = {"chat.variables": "effort=low", **own}
    plan = make_plan(load_study(name), "quick", sets)
    models = [model for step in plan.steps for model in step.models()]
    assert models
    assert {model.chat for model in models} == {ChatSettings(**LOW)}


@pytest.mark.parametrize(
    ("text", "settings"),
    [
        ("thinking=off", OFF),
        ("chat.thinking=off", OFF),
        ("chat.variables=effort=low", LOW),
        ('chat.variables={"effort": "low"}', LOW),
        ("chat.variables=effort=low,budget=3,short=true", {"variables": {"effort": "low", "budget": 3, "short": True}}),
        ("chat.format=completion", {"format": "completion"}),
    ],
)
def test_settings_as_typed(text, settings, folder):
    params = override(Params(model=spec_of(folder)), parse_sets([text]))
    assert params.chat_settings == ChatSettings(**settings)
    assert params.with_chat().model.chat == ChatSettings(**settings)


@pytest.mark.parametrize(
    ("sets", "told"),
    [
        ({"thinking": "maybe"}, "thinking=maybe should be 'template', 'off' or 'on'"),
        ({"chat.variables": "effort"}, "expected name=value"),
        ({"thinking": "off", "chat.thinking": "on"}, "only one of the two"),
        ({"thinking": "off", "chat.format": "completion"}, "uses no chat template"),
        ({"chat.variables": "enable_thinking=false"}, "set thinking="),
    ],
)
def test_settings_that_cannot_be_are_one_line(sets, told, folder):
    with pytest.raises(UserError, match=told):
        make_plan(tiny_study(Params(model=spec_of(folder))), "only", sets)


def test_a_model_that_a_study_names_itself_is_not_missed(folder):
    def build(p):
        return Design(cells=(Cell(arm=Arm(model=spec_of(folder), method=ZeroShot()), evaluation=ASKED),))

    with pytest.raises(UserError, match="thinking-off does not reach model dir:.*tiny, which"):
        make_plan(tiny_study(Params(model=spec_of(folder)), build), "only", {"thinking": "off"})
    with pytest.raises(UserError, match="scratch:base learns from nothing and has no chat template"):
        make_plan(load_study("width-ablation"), "quick", {"thinking": "off"})


def test_a_plan_says_which_variables_there_are(folder):
    for chat, told in (({"variables": {"efort": "low"}}, "no variable 'efort': did you mean effort"),):
        step = Cell(arm=Arm(model=spec_of(folder, chat), method=ZeroShot()), evaluation=ASKED).step()
        with pytest.raises(UserError, match=told):
            step.answers.check()
