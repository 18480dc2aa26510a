"""Prompts as chat templates write them, in the situations of well-known model families."""

from importlib.util import find_spec
from pathlib import Path

import pytest
from tokenizers import processors

from offdiag.errors import UserError
from offdiag.models.chat import chat_of, render, tokenise
from offdiag.models.chat_settings import ChatSettings
from offdiag.models.template import ChatTemplate
from offdiag.models.turn import templated_turn
from support.chat_formats import BOS, FORMATS, IM, IM_SAID, IM_USER, Format, tokenizer_of, turns

OFF, ON = ChatSettings(thinking="off"), ChatSettings(thinking="on")


@pytest.fixture(params=FORMATS.values(), ids=list(FORMATS))
def form(request) -> Format:
    return request.param


def test_the_opened_text_and_what_is_learnt_are_the_templates(form):
    tokenizer = tokenizer_of(form)
    taught = tokenise(tokenizer, "Why?", "No")
    assert render(tokenizer, "Why?") == form.opened
    assert tokenizer.decode(taught.ids[: taught.n_prompt]) == form.opened
    assert tokenizer.decode(taught.ids[taught.n_prompt :]) == form.learnt
    assert taught.ids[: taught.n_prompt] == tokenise(tokenizer, "Why?").ids


def test_a_generation_stops_at_the_taught_end(form):
    tokenizer = tokenizer_of(form)
    last = tokenise(tokenizer, "Why?", "No").ids[-1]
    assert last in chat_of(tokenizer).end_ids


def test_choices_stand_where_a_reply_does_and_not_inside_of_thinking(form):
    tokenizer = tokenizer_of(form)
    no, yes = chat_of(tokenizer).compared("Why?", ("No", "Yes"))
    said = form.opened + form.learnt.partition("No")[0]
    assert tokenizer.decode(no.ids) == f"{said}No"
    assert tokenizer.decode(yes.ids) == f"{said}Yes"
    assert said.count("<think>") in (0, said.count("</think>"))
    assert no.n_prompt == yes.n_prompt
    assert tokenizer.decode(no.ids[no.n_prompt :]).strip() == "No"


def test_thinking_is_switched_off(form):
    tokenizer = tokenizer_of(form)
    assert render(tokenizer, "Why?", settings=OFF) == (form.off or form.opened)
    assert render(tokenizer, "Why?", "No", settings=OFF).count("No") == 1
    assert tokenise(tokenizer, "Why?", "No", settings=OFF).ids[-1] == tokenise(tokenizer, "Why?", "No").ids[-1]


def test_the_text_is_that_of_transformers(form):
    tokenizer = tokenizer_of(form)
    if "strftime_now" in form.template:
        pytest.skip("transformers gives the day of today")
    parts = chat_of(tokenizer).turn.parts
    said = (([{"type": "text", "text": text}] if parts else text) for text in ("Why?", "No"))
    ask, say = ({"role": role, "content": text} for role, text in zip(("user", "assistant"), said, strict=True))
    opened = tokenizer.apply_chat_template([ask], tokenize=False, add_generation_prompt=True)
    whole = tokenizer.apply_chat_template([ask, say], tokenize=False)
    assert form.opened.startswith(opened.rstrip(" "))  # with an opening of ours where the template has none
    ours = render(tokenizer, "Why?", "No")
    if not form.learnt.startswith("\n</think>"):  # the template's own reply has not thought
        assert whole.startswith(ours) or ours == whole + form.eos


def test_a_folder_says_the_same_as_the_loaded_tokenizer(form, tmp_path):
    tokenizer = tokenizer_of(form)
    tokenizer.save_pretrained(tmp_path)
    loaded, read = ChatTemplate.of(tokenizer), ChatTemplate.in_folder(tmp_path)
    assert read is not None
    assert read == loaded
    assert templated_turn(read).opened("Why?") == form.opened


def test_no_begin_token_comes_twice():
    form = FORMATS["Mistral 0.3 and Mixtral: a blank before a reply"]
    tokenizer = tokenizer_of(form)
    begin = tokenizer.bos_token_id
    tokenizer._tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A", pair="<s> $A $B", special_tokens=[("<s>", begin)]
    )
    assert tokenizer("a")["input_ids"][0] == begin
    assert tokenise(tokenizer, "Why?", "No").ids.count(begin) == 1
    tokenizer.chat_template = None
    assert tokenise(tokenizer, "Why?", "No").ids.count(begin) == 1
    assert tokenise(tokenizer, "<s>Why?", "No").ids.count(begin) == 1


def test_a_tokenizer_that_ends_texts_does_not_end_a_prompt():
    tokenizer = tokenizer_of(FORMATS["Mistral 0.3 and Mixtral: a blank before a reply"])
    begin, end = tokenizer.bos_token_id, tokenizer.eos_token_id
    tokenizer._tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", pair="<s> $A $B </s>", special_tokens=[("<s>", begin), ("</s>", end)]
    )
    for template in (tokenizer.chat_template, None):
        tokenizer.chat_template = template
        assert end not in tokenise(tokenizer, "Why?").ids
        assert tokenise(tokenizer, "Why?", "No").ids.count(end) == 1
        assert not any(end in row.ids for row in chat_of(tokenizer).compared("Why?", ("No", "Yes")))


def test_white_space_around_a_question_may_go_but_nothing_of_it():
    tokenizer = tokenizer_of(next(form for name, form in FORMATS.items() if "a template that strips" in name))
    assert render(tokenizer, " Why?\n") == "<s>[INST] Why? [/INST]"
    escaped = Format(turns(IM_USER.replace("#", "{{ message.content | e }}"), IM_SAID), "", "", IM, "<|im_end|>")
    assert render(tokenizer_of(escaped), "Why?")
    with pytest.raises(UserError, match="changes the question 'Is 1 < 2"):
        render(tokenizer_of(escaped), "Is 1 < 2?")


@pytest.mark.parametrize(
    ("template", "said"),
    [
        (turns("[INST]{{ message.text }}[/INST]", "#</s>"), "loses the question"),
        (turns("[INST]#[/INST]", "{{ message.text }}</s>"), "loses the reply"),
        (turns("[INST]#[/INST]", "#</s>", before="{{ raise_exception('no\nturns') }}"), "renders no turns of user: no"),
        (turns("[INST]#[/INST]", "{{ raise_exception('user last') }}"), "no turns of user and assistant: user last"),
        (turns("[INST]#[/INST]", "#</s>", before="{% if %}"), "renders no turns of user: Expected an expression"),
        (turns("[INST]#[/INST]", "# @@@"), "ends a reply by '@@@'"),
        (turns("[INST]#[/INST]", "[A]#</s>", "[B]"), r"opens a reply by '\[/INST\]\[B\]', and writes one behind"),
        (turns("[INST]#[/INST]", "<think>#</think></s>"), "puts a reply into its thinking"),
    ],
)
def test_what_cannot_be_rendered_right_is_refused_in_one_line(template, said):
    tokenizer = tokenizer_of(Format(template, "", "", ("</s>",), "</s>"))
    with pytest.raises(UserError, match=said) as refused:
        tokenise(tokenizer, "Why?")
    assert "\n" not in str(refused.value)


def test_variables_are_the_templates():
    form = FORMATS["gpt-oss: a reply has a channel, and the last end is another one"]
    tokenizer = tokenizer_of(form)
    low = ChatSettings(variables={"reasoning_effort": "low"})
    assert render(tokenizer, "Why?", settings=low) == form.opened.replace("medium", "low")
    with pytest.raises(UserError, match="no variable 'reasoning': did you mean reasoning_effort"):
        render(tokenizer, "Why?", settings=ChatSettings(variables={"reasoning": "low"}))
    dated = tokenizer_of(FORMATS["Llama 3.2 and Granite: the day of today"])
    assert "Today: 1 May" in render(dated, "Why?", settings=ChatSettings(variables={"date_string": "1 May"}))
    plain = tokenizer_of(Format(turns("[INST]#[/INST]", "#</s>"), "", "", ("</s>",), "</s>"))
    with pytest.raises(UserError, match="no thinking to switch on"):
        render(plain, "Why?", settings=ON)
    plain.chat_template = None
    with pytest.raises(UserError, match="no chat template for thinking-on"):
        render(plain, "Why?", settings=ON)
    with pytest.raises(UserError, match="'enable_thinking' cannot be set"):
        ChatSettings(variables={"enable_thinking": False})


def test_a_tokenizer_with_several_templates_gives_its_default():
    tokenizer = tokenizer_of(FORMATS["ChatML without an opening for a reply"])
    tokenizer.chat_template = {"default": tokenizer.chat_template, "tool_use": "{{ 1 }}"}
    assert render(tokenizer, "Why?").startswith("<|im_start|>user\nWhy?")
    tokenizer.chat_template = {"rag": "{{ 1 }}", "tool_use": "{{ 1 }}"}
    with pytest.raises(UserError, match="no default chat template"):
        render(tokenizer, "Why?")


def test_a_template_that_marks_replies_is_read():
    marked = turns("[INST]#[/INST]", "{% generation %}#{{ eos_token }}{% endgeneration %}", before=BOS)
    tokenizer = tokenizer_of(Format(marked, "", "", ("<s>", "</s>"), "</s>", "<s>"))
    assert render(tokenizer, "Why?", "No") == "<s>[INST]Why?[/INST]No</s>"


TEMPLATES = Path(find_spec("trl").origin).parent / "chat_templates" if find_spec("trl") else Path()


@pytest.mark.skipif(not TEMPLATES.is_dir(), reason="trl ships templates of released models; it is not installed")
@pytest.mark.parametrize("name", sorted(path.name for path in TEMPLATES.glob("*.jinja")) if TEMPLATES.is_dir() else [])
def test_templates_of_released_models_keep_the_question_and_replies_out_of_thinking(name):
    import re

    source = (TEMPLATES / name).read_text(encoding="utf-8")
    tokens = re.findall(r"<[|｜][^<>\s']+?[|｜]>|<end_of_\w+>|</s>|<\|?turn\|?>", source)
    template = ChatTemplate(source, {"bos_token": "<bos>", "eos_token": "<eos>"}, frozenset([*tokens, "<eos>"]))
    turn = templated_turn(template)
    whole = turn.whole("Is 7 > 3?", "Yes.")
    before, reply, end = whole.rpartition("Yes.")
    assert before.count("Is 7 > 3?") == reply.count("Yes.") == 1
    assert before.rfind("<think>") <= before.rfind("</think>")
    assert end in template.added | {"<eos>"} or end.strip("<>|").count("|><|") == 1
