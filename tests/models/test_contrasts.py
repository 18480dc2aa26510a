import pytest

from offdiag.errors import UserError
from offdiag.models.contrasts import contrast, token_spans
from support.lms import tiny_lm


@pytest.fixture(scope="module")
def tokenizer(tiny):
    return tiny_lm(tiny).tokenizer


def test_spans_are_the_tokens_that_hold_the_characters(tokenizer):
    prompt = "take 10 of é x"
    found = token_spans(tokenizer, prompt, [(5, 7), (6, 7), (11, 12), (0, 4)])
    ids = tokenizer(f"<|user|>{prompt}<|end|><|assistant|>")["input_ids"]
    assert [tokenizer.decode([ids[i] for i in span]) for span in found] == ["10", "10", "é", "take"]
    assert [len(span) for span in found] == [1, 1, 2, 4]  # "10" is one token, é two


def test_spans_are_those_of_the_prompt_and_not_of_a_template_that_has_the_same_words(tokenizer):
    assert token_spans(tokenizer, "user", [(0, 4)]) == [(1, 2, 3, 4)]


def test_prompts_of_as_many_tokens_are_a_contrast(tokenizer):
    found = contrast(tokenizer, "T = cat?", "T = dog?", ("blue", "green"))
    assert found is not None
    assert (found.fork, found.length) == (5, 11)
    assert [tokenizer.decode(ending) for ending in found.clean.endings] == ["blue", "green"]
    assert contrast(tokenizer, "T = cat?", "T = bird?", ("blue", "green")) is None


def test_a_template_that_changes_the_prompt_is_refused(tokenizer, monkeypatch):
    monkeypatch.setattr(tokenizer, "chat_template", "{{ messages[0]['content'] | upper }}")
    with pytest.raises(UserError, match="loses the question"):
        token_spans(tokenizer, "hi", [(0, 1)])
