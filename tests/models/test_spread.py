"""A model whose layers lie on several devices, as accelerate spreads it: its answers are those of one device."""

import torch
from accelerate import dispatch_model

from offdiag.models import ModelSpec
from offdiag.models.lm import LM
from offdiag.models.loading import load_model, load_tokenizer
from offdiag.runtime import Runtime

CPU = Runtime(device="cpu", threads=1)
HEAD = "What is 1+1? " * 4
PROMPTS = [f"{HEAD}And {n}+{n}?" for n in range(5)]


def test_hooks_that_move_what_layers_read_change_no_answer(tiny_model):
    spec = ModelSpec(source=f"dir:{tiny_model}")
    spread = load_model(spec, tiny_model, CPU)
    places = {"model.embed_tokens": "cpu", "model.layers.0": "cpu", "model.layers.1": "cpu", "model.norm": "cpu"}
    places |= {"model.rotary_emb": "cpu", "lm_head": "cpu"}
    spread = dispatch_model(spread, places, force_hooks=True)
    hooked = [name for name, module in spread.named_modules() if hasattr(module, "_hf_hook")]
    assert {"model.layers.0", "model.layers.1", "lm_head"} <= set(hooked)
    one = LM(load_model(spec, tiny_model, CPU), load_tokenizer(spec, tiny_model))
    several = LM(spread, load_tokenizer(spec, tiny_model))
    assert several.verdict.path == one.verdict.path

    def answers(lm: LM) -> list[tuple[int, ...]]:
        return [c.ids for batch in lm.generate(PROMPTS, max_new_tokens=5) for c in batch]

    assert answers(several) == answers(one)
    states = [lm.hidden_states(PROMPTS, [0, 1, 2], ["last"]) for lm in (one, several)]
    torch.testing.assert_close(*map(torch.from_numpy, states))
