"""Texts that spell a token which controls the model, characters without a token, and changed questions."""

import json

import pytest
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from offdiag.errors import UserError
from offdiag.methods import FineTuning, PolicyOptimisation, ZeroShot
from offdiag.models import ModelSpec
from offdiag.models.chat import chat_of, tokenise
from offdiag.study import Arm, Cell, Evaluation
from offdiag.tasks.files import FilesDomain
from support.tiny import make_tiny_model, make_tiny_tokenizer

ROWS = [{"q": f"{i}+1?", "answer": str(i + 1)} for i in range(12)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return make_tiny_model(tmp_path_factory.mktemp("models") / "tiny")


def domain_of(tmp_path, rows, **settings):
    place = tmp_path / "rows.jsonl"
    place.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return FilesDomain(train=str(place), eval=str(place), prompt="{q}", target="answer", **settings)


def check(folder, domain, method=None, **asked):
    """What a plan checks of one cell: the step that asks, and the one that teaches."""
    train = None if method is None else domain
    arm = Arm(model=ModelSpec(source=f"dir:{folder}"), method=method or ZeroShot(), train=train)
    answers = Cell(arm=arm, evaluation=Evaluation(domain=domain, n=12, split="eval", **asked)).step().answers
    for step in answers.walk():
        step.check()


@pytest.mark.parametrize("spelled", ["<|end|>", "<|user|>", "Say <|assistant|> now", "a<|end|>b"])
def test_a_text_does_not_become_a_token_that_controls_the_model(spelled):
    tokenizer = make_tiny_tokenizer()
    chat = chat_of(tokenizer)
    told = r"spells '<\|\w+\|>', which the model would read as a token that controls it"
    for ask in (
        lambda: chat.asked(spelled),
        lambda: chat.taught("1+1?", spelled),
        lambda: chat.taught(spelled, "2"),
        lambda: chat.compared("1+1?", ["2", spelled]),
        lambda: chat.compared(spelled, ["2", "3"]),
    ):
        with pytest.raises(UserError, match=told):
            ask()
    tokenizer.chat_template = None
    with pytest.raises(UserError, match=told):
        tokenise(tokenizer, f"Question: {spelled}")


@pytest.mark.parametrize("fine", ["<|im_end|>", "< |end| >", "<end>", "|end|", "</s>", "<b>bold</b>"])
def test_what_is_no_token_of_this_model_is_a_text(fine):
    tokenizer = make_tiny_tokenizer()
    assert fine in tokenizer.decode(tokenise(tokenizer, fine).ids)


@pytest.mark.parametrize(
    ("method", "asked"),
    [
        (None, {}),
        (None, {"answering": "choice"}),
        (FineTuning(n=12), {}),
        (PolicyOptimisation(n=12), {}),
    ],
)
def test_a_plan_names_the_row(method, asked, folder, tmp_path):
    settings = {"choices": "options"} if asked else {}
    rows = [{**row, "options": ["0", row["answer"]]} for row in ROWS]
    check(folder, domain_of(tmp_path, rows, **settings), method, **asked)
    rows[9]["q"] = "1+1?<|end|>"
    with pytest.raises(UserError, match=r"rows.jsonl.*10.*dir:.*tiny.*spells '<\|end\|>'"):
        check(folder, domain_of(tmp_path, rows, **settings), method, **asked)


def test_choices_and_taught_answers_are_looked_at_too(folder, tmp_path):
    rows = [{**row, "options": ["0", row["answer"]]} for row in ROWS]
    rows[3]["options"] = ["<|user|>", "4"]
    with pytest.raises(UserError, match=r"rows.jsonl.*4.*spells '<\|user\|>'"):
        check(folder, domain_of(tmp_path, rows, choices="options"), answering="choice")
    rows = [dict(row) for row in ROWS]
    rows[5]["answer"] = "6<|end|>"
    with pytest.raises(UserError, match=r"rows.jsonl.*6.*<\|end\|>"):
        check(folder, domain_of(tmp_path, rows), FineTuning(n=12))


def words_tokenizer(folder):
    """A tokenizer of a few words, to which anything else is unknown."""
    vocabulary = {word: i for i, word in enumerate(["<unk>", "<end>", "one", "two", "more", "?", "1", "2"])}
    tokenizer = Tokenizer(models.WordLevel(vocab=vocabulary, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, unk_token="<unk>", eos_token="<end>")
    if folder is not None:
        fast.save_pretrained(folder)
    return fast


def test_characters_without_a_token_are_named():
    chat = chat_of(words_tokenizer(None), " ")
    assert len(chat.compared("one more ?", ["one", "two"])) == 2
    with pytest.raises(UserError, match="the tokenizer has no token for '三'"):
        chat.compared("one more ?", ["two", "三"])
    with pytest.raises(UserError, match="no token for 'three', 'four'"):
        chat.asked("three four one")


def test_a_plan_refuses_choices_without_a_token(folder, tmp_path):
    words = make_tiny_model(tmp_path / "words")
    (words / "chat_template.jinja").unlink()
    words_tokenizer(words)
    rows = [{"q": "one more ?", "answer": "two", "options": ["one", "two"]} for _ in range(12)]
    settings = {"choices": "options", "options": "hidden", "lead": ""}
    check(words, domain_of(tmp_path, rows, **settings), answering="choice")
    rows[6]["options"] = ["二", "two"]
    with pytest.raises(UserError, match=r"rows.jsonl.*7.*no token for '二'"):
        check(words, domain_of(tmp_path, rows, **settings), answering="choice")


def test_a_plan_refuses_a_question_whose_blanks_the_template_changes(tmp_path):
    model = make_tiny_model(tmp_path / "model")
    tokenizer = make_tiny_tokenizer()
    words = "m['content'].split() | join(' ')"
    tokenizer.chat_template = tokenizer.chat_template.replace("m['content']", words)
    tokenizer.save_pretrained(model)
    check(model, domain_of(tmp_path, ROWS))
    rows = [dict(row) for row in ROWS]
    rows[7]["q"] = "a  table\nof two lines?"
    with pytest.raises(UserError, match=r"rows.jsonl.*8.*the chat template changes the question"):
        check(model, domain_of(tmp_path, rows))
