from pathlib import Path

import numpy as np
import pytest
import torch

from offdiag.errors import UserError
from offdiag.models import lm as module
from offdiag.models.chat import plain_ids, tokenise
from support.lms import SHORT, tiny_lm


@pytest.mark.parametrize("chat", [True, False])
@pytest.mark.parametrize("budget", [1, 100_000])
def test_hidden_states_are_those_of_each_text_alone(tiny: Path, budget: int, chat: bool) -> None:
    lm = tiny_lm(tiny, budget=budget)
    layers = [2, 0, 1]
    found = lm.hidden_states(SHORT, layers, ["last", "mean"], chat=chat)
    assert found.shape == (len(SHORT), 2, 3, 32)
    assert found.dtype == np.float32
    for text, states in zip(SHORT, found, strict=True):
        with torch.inference_mode():
            ids = tokenise(lm.tokenizer, text).ids if chat else plain_ids(lm.tokenizer, text)
            all_states = lm.model(torch.tensor([ids]), output_hidden_states=True).hidden_states
        for at, layer in enumerate(layers):
            whole = all_states[layer][0]
            np.testing.assert_allclose(states[0, at], whole[-1].numpy(), atol=2e-5)
            np.testing.assert_allclose(states[1, at], whole.mean(0).numpy(), atol=2e-5)


def test_a_chat_and_a_plain_text_differ(tiny: Path) -> None:
    lm = tiny_lm(tiny)
    assert tokenise(lm.tokenizer, "76+76").ids[1:-2] == plain_ids(lm.tokenizer, "76+76")


def test_batches_are_small_enough_for_the_states_of_all_layers(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lm, told = tiny_lm(tiny, budget=100_000), []
    lm.hidden_states(SHORT, [0], ["last"], on_progress=lambda *n: told.append(n))
    assert told == [(5, 5)]
    monkeypatch.setattr(module, "STATES_BYTES", 50 * 3 * 32 * 4)  # fifty tokens
    told.clear()
    lm.hidden_states(SHORT, [0], ["last"], on_progress=lambda *n: told.append(n))
    assert told == [(1, 5), (4, 5), (5, 5)]


def test_a_layer_that_is_not_there(tiny: Path) -> None:
    with pytest.raises(UserError, match=r"layers \[3\]: this model has layers 0 \(embeddings\) to 2"):
        tiny_lm(tiny).hidden_states(["a"], [0, 3], ["last"])


def test_nothing_is_cut_off(tiny: Path) -> None:
    lm = tiny_lm(tiny)
    with pytest.raises(UserError, match="prompt 1 has 2049 tokens.*context is 2048"):
        lm.hidden_states(["a", "a" * 2049], [0], ["last"], chat=False)
    with pytest.raises(UserError, match="has no token"):
        lm.hidden_states([""], [0], ["last"], chat=False)


@pytest.mark.parametrize("shared", [True, False])
@pytest.mark.parametrize("budget", [1, 300, 100_000])
def test_states_of_choices_are_those_of_the_whole_texts(tiny: Path, budget: int, shared: bool) -> None:
    lm = tiny_lm(tiny, budget=budget, shared_prefix=shared)
    prompts = ["76+76?", "long " * 40 + "1+1?", "long " * 40 + "2+2?"]
    choices = [["152", "7", "no idea"], ["2", "22"], ["4", "four", "four"]]
    layers = [2, 1]
    told: list[tuple[int, int]] = []
    found = lm.choice_states(prompts, choices, layers, on_progress=lambda *n: told.append(n))
    assert told[-1] == (3, 3)
    for prompt, own, states in zip(prompts, choices, found, strict=True):
        assert states.shape == (len(own), 2, 32)
        for choice, state in zip(own, states, strict=True):
            ids = tokenise(lm.tokenizer, prompt, choice).ids[:-1]
            with torch.inference_mode():
                whole = lm.model(torch.tensor([ids]), output_hidden_states=True).hidden_states
            np.testing.assert_allclose(state, [whole[layer][0, -1].numpy() for layer in layers], atol=2e-5)


def test_choices_that_cannot_be_read(tiny: Path) -> None:
    lm = tiny_lm(tiny)
    with pytest.raises(UserError, match=r"layers \[3\]"):
        lm.choice_states(["a"], [["b", "c"]], [3])
    with pytest.raises(UserError, match="context is 2048"):
        lm.choice_states(["a"], [["b", "c" * 2048]], [0])
