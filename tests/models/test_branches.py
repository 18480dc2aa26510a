import numpy as np
import pytest
import torch
from transformers import GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM

from offdiag.models.branches import predict_branches

LLAMA = LlamaConfig(
    vocab_size=13, hidden_size=16, intermediate_size=32, num_hidden_layers=2, num_attention_heads=2,
    max_position_embeddings=64, initializer_range=0.5, bos_token_id=None, eos_token_id=None,
)  # fmt: skip
GPT2 = GPT2Config(
    vocab_size=13, n_embd=16, n_layer=2, n_head=2, n_positions=64, initializer_range=0.5, bos_token_id=None,
    eos_token_id=None,
)  # fmt: skip


@pytest.mark.parametrize(("kind", "config"), [(LlamaForCausalLM, LLAMA), (GPT2LMHeadModel, GPT2)])
def test_branches_say_what_a_pass_for_each_of_them_says(kind, config):
    torch.manual_seed(0)
    model = kind(config).eval()
    generator = np.random.default_rng(0)
    trunk, branches = generator.integers(0, 13, (5, 9)), generator.integers(0, 13, (5, 4, 3))
    forks = [0, 3, 3, 9]
    with torch.inference_mode():
        expected = np.empty_like(branches)
        for row in range(5):
            for number, fork in enumerate(forks):
                ids = np.concatenate([trunk[row, :fork], branches[row, number]])
                expected[row, number] = model(torch.tensor(ids)[None]).logits[0, fork:].argmax(-1)
    assert len(np.unique(expected)) > 3
    for budget in (1, 50, 1000):
        assert np.array_equal(predict_branches(model, trunk, branches, forks, token_budget=budget), expected)
