"""What holds for models in 16 bits: logits in float32, and a token budget of their own."""

from dataclasses import replace

import pytest
import torch
from torch import nn

from offdiag.errors import UserError
from offdiag.identity import fingerprint
from offdiag.models import ModelSpec, flips
from offdiag.models.flips import QUESTIONS, FlipRate, flip_rate, key
from offdiag.models.inference.wide_head import WideHead
from offdiag.models.lm import LM
from offdiag.runtime import Runtime
from support.lms import PROMPTS, ids_of

RUNTIME = Runtime(device="cpu", token_budget=300, threads=1)


def load(folder, runtime=RUNTIME, **fields):
    return LM.load(ModelSpec(source=f"dir:{folder}", **fields), folder, runtime)


@pytest.mark.parametrize("bias", [False, True])
def test_a_wide_head_does_not_round_its_product(bias):
    torch.manual_seed(0)
    head = nn.Linear(64, 300, bias=bias).to(torch.bfloat16)
    states = torch.randn(2, 5, 64).to(torch.bfloat16)
    exact = states.double() @ head.weight.double().T + (head.bias.double() if bias else 0)
    wide = WideHead(head)(states)
    assert wide.dtype == torch.float32
    torch.testing.assert_close(wide.double(), exact, rtol=0, atol=1e-4)
    assert (head(states).double() - exact).abs().max() > 1e-3
    assert WideHead(head).state_dict().keys() == head.state_dict().keys()


def test_a_model_in_16_bits_gives_logits_in_float32_and_one_in_float32_is_left_alone(tiny_model):
    for dtype, kind in (("bfloat16", torch.bfloat16), ("float32", torch.float32)):
        model = load(tiny_model, dtype=dtype).model
        assert model(torch.tensor([[1, 2, 3]])).logits.dtype == torch.float32
        assert model.get_output_embeddings().weight.dtype == kind
        assert isinstance(model.get_output_embeddings(), WideHead) == (dtype == "bfloat16")


def test_the_runs_budget_moves_no_answer_in_16_bits(tiny_model):
    other = replace(RUNTIME, token_budget=5000)
    assert ids_of(load(tiny_model, dtype="bfloat16"), PROMPTS) == ids_of(
        load(tiny_model, other, dtype="bfloat16"), PROMPTS
    )
    spec = ModelSpec(source="hub:a/b", dtype="bfloat16", token_budget=700)
    assert (spec.batch_budget(RUNTIME), spec.batch_budget(other)) == (700, 700)
    assert ModelSpec(source="hub:a/b").batch_budget(other) == 5000


def test_the_budget_is_part_of_the_identity_and_its_default_is_not():
    usual = ModelSpec(source="hub:a/b", dtype="bfloat16")
    assert "token_budget" not in usual.canonical()
    assert fingerprint(usual) == fingerprint(usual.model_copy(update={"token_budget": 16_384}))
    assert fingerprint(usual) != fingerprint(usual.model_copy(update={"token_budget": 8192}))
    with pytest.raises(UserError, match="token_budget=8192 is for bfloat16, float16 and int8"):
        ModelSpec(source="hub:a/b", token_budget=8192)


def test_a_batch_in_16_bits_that_does_not_fit_is_an_error(tiny_model):
    def small_device(module, args, inputs):
        if len(inputs["input_ids"]) > 2:
            raise torch.cuda.OutOfMemoryError

    lm = load(tiny_model, dtype="bfloat16")
    lm.model.register_forward_pre_hook(small_device, with_kwargs=True)
    with pytest.raises(UserError, match=r"in bfloat16 smaller ones may change answers: give the model a token_budget"):
        ids_of(lm, PROMPTS)


def test_flips_are_counted(tiny_model, monkeypatch):
    monkeypatch.setattr(flips, "QUESTIONS", QUESTIONS[:8])
    lm = load(tiny_model)
    small = LM(lm.model, lm.tokenizer, token_budget=200, verdict=lm.verdict)
    rate = flip_rate(lm, small, (300, 200))
    assert (rate.n, rate.completions, rate.choices) == (8, 0, 0)
    assert 0 <= rate.nats < 1e-3

    torch.manual_seed(0)
    other = load(tiny_model)
    with torch.no_grad():
        for weight in other.model.parameters():
            weight += 0.1 * torch.randn_like(weight)
    changed = flip_rate(lm, other, (300, 200))
    assert changed.completions > 0
    assert changed.nats > 1e-2


def test_a_rate_is_kept_by_source_and_number_format():
    spec = ModelSpec(source="hub:a/b", dtype="bfloat16")
    rate = FlipRate(40, 3, 1, 0.25, (16_384, 512))
    rates = {key(spec): rate.to_json()}
    assert FlipRate.kept(rates, spec) == rate
    assert FlipRate.kept(rates, ModelSpec(source="hub:a/b")) is None
    assert str(rate).startswith(
        "3 of 40 completions and 1 of 40 choices change between the token budgets 16384 and 512"
    )
