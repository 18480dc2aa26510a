"""Likelihoods of whole texts, against one full forward pass a text."""

from pathlib import Path

import pytest
import torch

from offdiag.errors import UserError
from offdiag.models.lm import LM
from support.lms import SHORT, tiny_lm
from support.tiny import make_tiny_model

TEXTS = [*SHORT, "Which of these is a liquid?\nWater.", "a", "It rains because it rains. " * 30]


def naive(lm: LM, text: str, begin: int) -> float:
    ids = [begin, *lm.tokenizer(text, add_special_tokens=False)["input_ids"]]
    with torch.inference_mode():
        logprobs = torch.log_softmax(lm.model(torch.tensor([ids])).logits[0].double(), -1)
    return sum(float(logprobs[i - 1, ids[i]]) for i in range(1, len(ids)))


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_model(tmp_path_factory.mktemp("text scores"))


@pytest.mark.parametrize("shared_prefix", [True, False])
@pytest.mark.parametrize("budget", [1, 100_000])
def test_a_text_is_scored_after_the_begin_token(tiny: Path, budget: int, shared_prefix: bool) -> None:
    """The tokenizer has no begin token, so the end token stands for it; no chat template is applied."""
    lm, plain = tiny_lm(tiny, budget=budget, shared_prefix=shared_prefix), tiny_lm(tiny, shared_prefix=False)
    found = lm.score_texts(TEXTS)
    assert [score.logprob for score in found] == pytest.approx(
        [naive(plain, text, plain.tokenizer.eos_token_id) for text in TEXTS], abs=2e-3
    )
    assert [score.n_tokens for score in found] == [
        len(plain.tokenizer(text, add_special_tokens=False)["input_ids"]) for text in TEXTS
    ]


def test_a_begin_token_goes_before_an_end_token(tiny: Path) -> None:
    lm, plain = tiny_lm(tiny), tiny_lm(tiny, shared_prefix=False)
    ended = lm.score_texts(["It rains."])[0].logprob
    lm.tokenizer.bos_token = "<|user|>"
    begun = lm.score_texts(["It rains."])[0].logprob
    assert begun == pytest.approx(
        naive(plain, "It rains.", plain.tokenizer.convert_tokens_to_ids("<|user|>")), abs=1e-4
    )
    assert begun != pytest.approx(ended, abs=1e-3)


def test_what_has_no_likelihood_is_an_error(tiny: Path) -> None:
    lm = tiny_lm(tiny)
    with pytest.raises(UserError, match="the text '' has no token"):
        lm.score_texts(["a", ""])
    with pytest.raises(UserError, match="the model's context is 2048"):
        lm.score_texts(["a" * 2048])
    lm.tokenizer.eos_token = None
    with pytest.raises(UserError, match="no begin or end token"):
        lm.score_texts(["a"])
