from types import SimpleNamespace

import pytest
import torch
from transformers import MambaConfig, PretrainedConfig

from offdiag.models import ModelSpec
from offdiag.models.inference import room
from offdiag.models.inference.room import cached_bytes, tokens_with_room
from offdiag.models.limits import MOST_TOKENS
from offdiag.models.lm import LM
from offdiag.runtime import TOKEN_BUDGET, Runtime
from support.lms import PROMPTS, ids_of, tiny_lm

FILLING = Runtime(device="cpu", threads=1, fill_memory=True)


class OnCuda:
    """The tiny model as if it lay on a GPU."""

    device = torch.device("cuda")

    def __init__(self, model):
        self.config, self.dtype = model.config, model.dtype


def free(monkeypatch, nbytes):
    monkeypatch.setattr(room, "_free", lambda device: nbytes)


def test_the_bytes_of_a_token_are_those_of_a_cache(tiny_model):
    model = tiny_lm(tiny_model).model
    cache = model(torch.tensor([[1, 2, 3, 4]]), use_cache=True).past_key_values
    held = sum(layer.keys.nbytes + layer.values.nbytes for layer in cache.layers)
    assert cached_bytes(model) == held // 4


def test_a_gpu_gets_batches_that_its_free_memory_holds_within_a_limit(tiny_model, monkeypatch):
    model = OnCuda(tiny_lm(tiny_model).model)
    each = cached_bytes(model)
    free(monkeypatch, 100_000 * each)
    assert tokens_with_room(model, TOKEN_BUDGET) == 35_000
    free(monkeypatch, 10**9 * each)
    assert tokens_with_room(model, TOKEN_BUDGET) == MOST_TOKENS
    free(monkeypatch, 0)
    assert tokens_with_room(model, TOKEN_BUDGET) == 1


def test_a_cpu_never_gets_more_than_the_usual_number_and_less_where_memory_is_short(tiny_model, monkeypatch):
    model = tiny_lm(tiny_model).model
    free(monkeypatch, 10**9 * cached_bytes(model))
    assert tokens_with_room(model, TOKEN_BUDGET) == TOKEN_BUDGET
    free(monkeypatch, 1000 * cached_bytes(model))
    assert tokens_with_room(model, TOKEN_BUDGET) == 200
    free(monkeypatch, None)
    assert tokens_with_room(model, TOKEN_BUDGET) == TOKEN_BUDGET


@pytest.mark.parametrize("config", [MambaConfig(), PretrainedConfig(num_attention_heads=4, head_dim=[8, 16])])
def test_a_model_whose_cache_is_not_known_gets_the_usual_number(monkeypatch, config):
    model = SimpleNamespace(config=config, dtype=torch.float32, device=torch.device("cpu"))
    free(monkeypatch, 1000)
    assert tokens_with_room(model, TOKEN_BUDGET) == TOKEN_BUDGET


def test_the_memory_of_this_machine_is_read():
    assert 1 << 20 < room._free(torch.device("cpu")) < 1 << 50


@pytest.mark.parametrize("tokens", [700, 5000])
def test_answers_are_the_same_whatever_memory_is_free(tiny_model, monkeypatch, tokens):
    spec = ModelSpec(source=f"dir:{tiny_model}")
    expected = ids_of(tiny_lm(tiny_model), PROMPTS)
    monkeypatch.setattr("offdiag.models.lm.tokens_with_room", lambda model, usual: tokens)
    lm = LM.load(spec, tiny_model, FILLING)
    assert lm._budget == tokens
    assert ids_of(lm, PROMPTS) == expected


def test_in_16_bits_the_budget_is_the_models_own(tiny_model, monkeypatch):
    monkeypatch.setattr("offdiag.models.lm.tokens_with_room", lambda model, usual: 700)
    spec = ModelSpec(source=f"dir:{tiny_model}", dtype="bfloat16")
    assert LM.load(spec, tiny_model, FILLING)._budget == TOKEN_BUDGET
