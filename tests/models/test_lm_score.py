from pathlib import Path

import pytest
import torch
from tokenizers.normalizers import Lowercase

from offdiag.errors import UserError
from offdiag.models.chat import chat_of, tokenise
from offdiag.models.lm import LM, Score
from support.lms import HEAD, PROMPTS, tiny_lm

OPTIONS = [" yes", " no, never", "\\boxed{10}", "A"]


def naive(lm: LM, prompt: str, continuation: str, start: int) -> Score:
    """One full forward pass over prompt and continuation."""
    ids = tokenise(lm.tokenizer, prompt, continuation).ids[:-1]  # without the end token
    with torch.inference_mode():
        logprobs = torch.log_softmax(lm.model(torch.tensor([ids])).logits[0].double(), -1)
    chosen = [float(logprobs[i - 1, ids[i]]) for i in range(start, len(ids))]
    return Score(sum(chosen), len(chosen))


def assert_naive(lm: LM, reference: LM, prompts: list[str], options: list[list[str]]) -> None:
    for prompt, texts, found in zip(prompts, options, lm.score(prompts, options), strict=True):
        assert len(found) == len(texts)
        start = min(tokenise(reference.tokenizer, prompt, text).n_prompt for text in texts)
        for text, score in zip(texts, found, strict=True):
            expected = naive(reference, prompt, text, start)
            assert score.n_tokens == expected.n_tokens
            assert score.logprob == pytest.approx(expected.logprob, abs=2e-4)


@pytest.mark.parametrize("shared_prefix", [True, False])
@pytest.mark.parametrize("budget", [1, 2000, 100_000])
def test_score_equals_a_full_forward_pass(tiny: Path, shared_prefix: bool, budget: int) -> None:
    lm, plain = tiny_lm(tiny, budget=budget, shared_prefix=shared_prefix), tiny_lm(tiny, shared_prefix=False)
    options = [OPTIONS[: 1 + i % 4] for i in range(len(PROMPTS))]
    assert_naive(lm, plain, PROMPTS, options)


def test_single_tokens_and_short_prompts(tiny: Path) -> None:
    lm, plain = tiny_lm(tiny), tiny_lm(tiny, shared_prefix=False)
    assert_naive(lm, plain, ["q", "What is it?"], [["A", "B", "C", "D"], ["A", "B"]])


def test_choices_are_compared_over_one_span_even_where_one_merges_with_the_prompt(tiny: Path) -> None:
    """Without a chat template the line break merges with an "x" that follows it."""
    lm, plain = tiny_lm(tiny), tiny_lm(tiny, shared_prefix=False)
    lm.tokenizer.chat_template = plain.tokenizer.chat_template = None
    merged = tokenise(lm.tokenizer, "question", "xyz")
    apart = tokenise(lm.tokenizer, "question", "abc")
    assert merged.n_prompt == apart.n_prompt - 1
    assert_naive(lm, plain, ["question"], [["xyz", "abc", "x"]])
    spans = [
        lm.tokenizer.decode(row.ids[row.n_prompt :]) for row in chat_of(lm.tokenizer).compared("question", ("x", "a"))
    ]
    assert spans == ["\nx", "\na"]
    assert [score.n_tokens for score in lm.score(["question"], [["x", "a"]])[0]] == [1, 2]


@pytest.mark.parametrize("template", [True, False])
def test_replies_to_no_question(tiny: Path, template: bool) -> None:
    lm, plain = tiny_lm(tiny), tiny_lm(tiny, shared_prefix=False)
    if not template:
        lm.tokenizer.chat_template = plain.tokenizer.chat_template = None
    ids = [lm.tokenizer(f"<|user|><|end|><|assistant|>{c}" if template else f"<|end|>\n{c}")["input_ids"] for c in "AB"]
    with torch.inference_mode():
        logprobs = [torch.log_softmax(plain.model(torch.tensor([row])).logits[0].double(), -1) for row in ids]
    start = 3 if template else 1
    expected = [
        sum(float(found[i - 1, row[i]]) for i in range(start, len(row)))
        for found, row in zip(logprobs, ids, strict=True)
    ]
    assert [score.logprob for score in lm.score_unasked([["A", "B"]])[0]] == pytest.approx(expected, abs=2e-4)


def test_shared_head_is_prefilled_once(tiny: Path) -> None:
    lm = tiny_lm(tiny)
    lm.score(PROMPTS, [["A", "B"]] * len(PROMPTS))
    assert len(lm.blocks) == len(HEAD) // 128 >= 4


def test_empty_continuations_are_refused(tiny: Path) -> None:
    with pytest.raises(UserError, match="no continuations"):
        tiny_lm(tiny).score(["a"], [[]])
    with pytest.raises(UserError, match="empty continuation"):
        tiny_lm(tiny).score(["a"], [["", "b"]])


def test_equal_continuations_score_alike_and_those_that_merely_have_the_same_tokens_are_refused(tiny: Path) -> None:
    lm = tiny_lm(tiny)
    first, other, again = lm.score(["a"], [["bc", "d", "bc"]])[0]
    assert (first.n_tokens, first.logprob) == (again.n_tokens, pytest.approx(again.logprob, abs=1e-5))
    assert first.logprob != pytest.approx(other.logprob, abs=1e-5)
    lm.tokenizer.backend_tokenizer.normalizer = Lowercase()
    with pytest.raises(UserError, match="two different continuations of the same tokens"):
        lm.score(["a"], [["b", "c", "B"]])
