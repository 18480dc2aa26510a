"""Sampled answers: those of a slow reference that reads each text alone, whatever the batch, order and path."""

from pathlib import Path

import numpy as np
import pytest
import torch

from offdiag.errors import UserError
from offdiag.models.inference.drawing import draw, probabilities
from offdiag.models.lm import LM
from offdiag.models.sampling import Draws, Sampling
from support.lms import PROMPTS, SHORT, answers, ids_of, tiny_lm

HOT = Sampling(temperature=1.5, samples=3)
N = 6
SOME, ITEMS = PROMPTS[:4], [f"item {i}" for i in range(4)]


def by_hand(lm: LM, prompt: str, uniforms: np.ndarray, how: Sampling) -> tuple[int, ...]:
    """One answer, token by token: the whole text is read anew for each, and the distribution is summed in a loop."""
    ids = lm.tokenizer.apply_chat_template([{"role": "user", "content": prompt}], add_generation_prompt=True)[
        "input_ids"
    ]
    said: list[int] = []
    for uniform in uniforms:
        with torch.inference_mode():
            logits = lm.model(torch.tensor([[*ids, *said]])).logits[0, -1].double().numpy()
        chances = np.exp(logits / how.temperature - (logits / how.temperature).max())
        order = sorted(range(len(chances)), key=lambda token: (-chances[token], token))
        if how.top_k:
            order = order[: how.top_k]
        total, mass = chances[order].sum(), 0.0
        kept = set()
        for token in order:
            if mass / total >= how.top_p:
                break
            kept.add(token)
            mass += chances[token]
        reached, wanted = 0.0, uniform * mass
        for token in sorted(kept):
            reached += chances[token]
            if reached > wanted:
                break
        said.append(token)
        if token == lm.tokenizer.eos_token_id:
            break
    return tuple(said)


@pytest.mark.parametrize(
    "how", [HOT, Sampling(temperature=0.8, top_p=0.7, top_k=40, samples=2, seed=5)],
    ids=lambda how: how.label,
)  # fmt: skip
def test_the_answers_of_a_batch_are_those_of_the_slow_reference(tiny: Path, how: Sampling) -> None:
    lm, prompts = tiny_lm(tiny), [*PROMPTS[:2], *SHORT[:2]]
    draws = Draws(how, [f"item {i}" for i in range(len(prompts))])
    found = answers(lm, prompts, N, draws=draws)
    wanted = [
        by_hand(lm, prompt, draws.uniforms(i, sample, N), how)
        for i, prompt in enumerate(prompts) for sample in range(how.samples)
    ]  # fmt: skip
    assert [completion.ids for completion in found] == wanted
    assert [completion.index for completion in found] == list(range(len(wanted)))
    assert len(set(wanted)) > len(wanted) // 2, "samples should differ"


@pytest.mark.parametrize("shared_prefix", [True, False])
def test_no_batch_order_or_path_changes_a_sample(tiny: Path, shared_prefix: bool) -> None:
    together = tiny_lm(tiny, budget=100_000)
    whole = _by_item(together, SOME, ITEMS)
    assert _by_item(tiny_lm(tiny, budget=1, shared_prefix=shared_prefix), SOME, ITEMS) == whole  # each answer alone
    assert _by_item(together, SOME[::-1], ITEMS[::-1]) == whole
    fewer = Draws(HOT.model_copy(update={"samples": 2}), ITEMS)
    begun = [ids for own in whole.values() for ids in own[:2]]
    assert [c.ids for c in answers(together, SOME, N, draws=fewer)] == begun, "more samples begin with fewer"


def _by_item(lm: LM, prompts: list[str], items: list[str]) -> dict[str, list[tuple[int, ...]]]:
    found = [c.ids for c in answers(lm, prompts, N, draws=Draws(HOT, items))]
    return {item: found[HOT.samples * i : HOT.samples * (i + 1)] for i, item in enumerate(items)}


def test_what_is_skipped_leaves_the_others_as_they_are(tiny: Path) -> None:
    lm, draws = tiny_lm(tiny, budget=2000), Draws(HOT, SHORT)
    whole = answers(lm, SHORT, N, draws=draws)
    done = {0, 1, 2, 4, 7}
    assert answers(lm, SHORT, N, draws=draws, skip=done) == [c for c in whole if c.index not in done]


def test_nearly_no_temperature_is_greedy(tiny: Path) -> None:
    lm = tiny_lm(tiny)
    cold = Draws(Sampling(temperature=1e-4), SHORT)
    assert [c.ids for c in answers(lm, SHORT, N, draws=cold)] == ids_of(lm, SHORT, N)


def test_tokens_are_drawn_as_often_as_they_should_be() -> None:
    logits = torch.tensor([[0.0, 1.0, float("-inf"), 2.0, -1.0]])
    how = Sampling(temperature=0.5)
    uniforms = torch.from_numpy((np.arange(10_000) + 0.5) / 10_000)
    tokens = draw(logits.expand(10_000, -1), uniforms, how)
    shares = np.bincount(tokens.numpy(), minlength=5) / 10_000
    np.testing.assert_allclose(shares, torch.softmax(logits[0].double() / 0.5, 0), atol=2e-4)
    ends = draw(logits.expand(2, -1), torch.tensor([0.0, 1.0 - 2**-53], dtype=torch.float64), how)
    assert ends.tolist() == [0, 4], "nothing that cannot be drawn is"


def test_the_likeliest_tokens_are_kept() -> None:
    logits = torch.log(torch.tensor([[0.1, 0.4, 0.1, 0.3, 0.1]], dtype=torch.float64))
    kept = lambda **how: (probabilities(logits, Sampling(**how))[0] > 0).tolist()  # noqa: E731
    assert kept(top_k=2) == [False, True, False, True, False]
    assert kept(top_p=0.69) == [False, True, False, True, False]
    assert kept(top_p=0.75) == [True, True, False, True, False], "of equals the first in the vocabulary"
    assert kept(top_k=3) == [True] * 5, "with those as likely as the third"
    assert probabilities(logits, Sampling(top_p=0.5))[0].tolist() == pytest.approx([0, 4 / 7, 0, 3 / 7, 0])


@pytest.mark.parametrize(
    "wrong", [{"temperature": 0}, {"temperature": float("nan")}, {"top_p": 0}, {"top_k": -1}, {"samples": 0}]
)
def test_settings_that_draw_nothing_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises((UserError, ValueError)):
        Sampling(**wrong)
