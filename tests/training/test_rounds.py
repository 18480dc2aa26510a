from collections import Counter
from types import SimpleNamespace

import pytest
import torch

from offdiag.models import ModelSpec
from offdiag.models.chat import tokenise
from offdiag.models.loading import load_model, load_tokenizer
from offdiag.runtime import Runtime
from offdiag.training import rounds
from offdiag.training.rounds import Sampler, prompt_order, sampling
from support.tiny_policy import PROMPTS, rl_task

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def loaded(base):
    spec = ModelSpec(source=f"dir:{base}")
    return load_model(spec, base, Runtime(device="cpu")), load_tokenizer(spec, base)


def draw(loaded, what, prompts, update=0):
    trainer = SimpleNamespace(state=SimpleNamespace(global_step=update))
    with torch.random.fork_rng(devices=[]):
        return Sampler(*loaded, what)(prompts, trainer)


def test_rounds_are_full_and_each_pass_asks_every_prompt_once():
    what = rl_task(batch_size=5, max_updates=7)
    order = prompt_order(what)
    assert len(order) == 35
    assert sorted(order[:12]) == sorted(order[12:24]) == list(range(12))
    assert order[:12] != order[12:24]
    assert prompt_order(rl_task(batch_size=5, max_updates=3)) == order[:15]
    assert prompt_order(rl_task(batch_size=5, max_updates=7, seed=1)) != order


def test_prompts_are_rendered_as_everywhere_and_completions_end_with_their_end(loaded):
    what = rl_task(group_size=2, max_new_tokens=30)
    asked = [PROMPTS[0], PROMPTS[0], PROMPTS[3], PROMPTS[3]]
    drawn = draw(loaded, what, asked)
    tokenizer = loaded[1]
    assert drawn["prompt_ids"] == [list(tokenise(tokenizer, prompt).ids) for prompt in asked]
    end = tokenizer.eos_token_id
    for ids in drawn["completion_ids"]:
        assert 1 <= len(ids) <= 30
        assert end not in ids[:-1]
        assert len(ids) == 30 or ids[-1] == end


def test_a_round_draws_the_same_again_and_another_one_other_samples(loaded):
    what = rl_task(group_size=4, passes=2)
    asked = [PROMPTS[0]] * 4
    first = draw(loaded, what, asked)
    assert draw(loaded, what, asked, update=1) == first  # the second pass of the same round
    assert draw(loaded, what, asked, update=2) != first
    assert draw(loaded, rl_task(group_size=4, seed=1), asked) != first
    assert len({tuple(ids) for ids in first["completion_ids"]}) > 1


def test_a_large_round_is_drawn_in_parts_of_whole_groups(loaded, monkeypatch):
    sizes = []
    complete = Sampler._complete
    monkeypatch.setattr(rounds, "SAMPLED_TOGETHER", 7)
    monkeypatch.setattr(Sampler, "_complete", lambda self, p: sizes.append(len(p)) or complete(self, p))
    drawn = draw(loaded, rl_task(group_size=3), [PROMPTS[i] for i in range(5) for _ in range(3)])
    assert sizes == [6, 6, 3]
    assert len(drawn["completion_ids"]) == 15


def test_nothing_of_the_authors_settings_is_left_but_the_ends(loaded):
    model, tokenizer = loaded
    model.generation_config.update(top_k=1, repetition_penalty=9.0, eos_token_id=[7, 8])
    settings = sampling(model, tokenizer, rl_task(temperature=0.7, top_p=0.9).how)
    assert settings.eos_token_id == sorted({7, 8, tokenizer.eos_token_id})
    assert (settings.top_k, settings.temperature, settings.top_p) == (0, 0.7, 0.9)
    assert settings.repetition_penalty in (None, 1.0)


def test_cold_samples_are_the_likeliest_tokens(loaded):
    cold = draw(loaded, rl_task(group_size=4, temperature=1e-4), [PROMPTS[1]] * 4)
    assert max(Counter(map(tuple, cold["completion_ids"])).values()) == 4
