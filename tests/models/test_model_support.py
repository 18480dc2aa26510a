from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM, Gemma2Config, GPT2Config, MistralConfig, PreTrainedConfig

from offdiag.models.inference.support import why_not_shared
from offdiag.models.lm import LM
from support.lms import SHORT, ids_of, own_greedy, tiny_lm
from support.tiny import make_tiny_model, make_tiny_tokenizer

SIZE = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2}


@pytest.mark.parametrize(
    ("config", "reason"),
    [
        (MistralConfig(**SIZE, num_key_value_heads=1, vocab_size=261, sliding_window=8), "sliding window of 8"),
        (MistralConfig(**SIZE, num_key_value_heads=1, vocab_size=261, sliding_window=None), None),
        (Gemma2Config(**SIZE, num_key_value_heads=1, head_dim=8, vocab_size=261), "layers other than full attention"),
    ],
)
def test_the_configuration_decides(config: PreTrainedConfig, reason: str | None) -> None:
    found = why_not_shared(AutoModelForCausalLM.from_config(config))
    assert found is None if reason is None else reason in str(found)


def test_rotary_angles_that_change_with_length(tmp_path: Path) -> None:
    dynamic = {"rope_type": "dynamic", "rope_theta": 10000.0, "factor": 2.0}
    lm = tiny_lm(make_tiny_model(tmp_path, rope_parameters=dynamic))
    assert "dynamic" in str(lm.plain_because)


@pytest.mark.parametrize(
    "config",
    [
        MistralConfig(**SIZE, num_key_value_heads=1, vocab_size=261, sliding_window=8, initializer_range=0.3),
        GPT2Config(n_embd=16, n_layer=2, n_head=2, vocab_size=261, initializer_range=0.3),
    ],
    ids=["sliding", "learned positions"],
)
def test_other_architectures_answer_like_transformers(config: PreTrainedConfig) -> None:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = AutoModelForCausalLM.from_config(config).eval()
    lm = LM(model, make_tiny_tokenizer())
    model.generation_config.eos_token_id = lm.tokenizer.eos_token_id
    assert ids_of(lm, SHORT, 12) == [own_greedy(lm, prompt, 12) for prompt in SHORT]
