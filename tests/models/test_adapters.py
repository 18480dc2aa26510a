from pathlib import Path

import pytest
import torch
from peft import LoraConfig, PeftModel, get_peft_model

from offdiag.errors import UserError
from support.lms import PROMPTS, ids_of, own_greedy, tiny_lm, weights


def _adapter(base: Path, folder: Path, seed: int) -> Path:
    """A random adapter that changes answers."""
    config = LoraConfig(r=4, target_modules=["q_proj", "v_proj", "down_proj"], task_type="CAUSAL_LM")
    model = get_peft_model(tiny_lm(base, shared_prefix=False).model, config)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "lora_" in name:
                parameter.copy_(torch.randn(parameter.shape, generator=generator) * 0.5)
    model.save_pretrained(folder)
    return folder


def test_adapters_switch_cleanly(tiny: Path, tmp_path: Path) -> None:
    one, two = _adapter(tiny, tmp_path / "one", 1), _adapter(tiny, tmp_path / "two", 2)
    lm = tiny_lm(tiny)
    bare, before = ids_of(lm, PROMPTS), weights(lm)
    found = {}
    for folder in (one, two, one):
        lm.use_adapter(folder)
        found.setdefault(folder, []).append(ids_of(lm, PROMPTS))
    assert found[one][0] == found[one][1]
    assert bare != found[one][0] != found[two][0]

    reference = tiny_lm(tiny, shared_prefix=False)
    attached = PeftModel.from_pretrained(reference.model, one)
    reference.model = attached.get_base_model()
    assert found[one][0] == [own_greedy(reference, prompt, 24) for prompt in PROMPTS]

    lm.use_adapter(None)
    after = weights(lm)
    assert list(before) == list(after)
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert ids_of(lm, PROMPTS) == bare


def test_blocks_of_a_bare_base_survive_and_those_of_an_adapter_do_not(tiny: Path, tmp_path: Path) -> None:
    adapter = _adapter(tiny, tmp_path / "one", 1)
    lm = tiny_lm(tiny)
    ids_of(lm, PROMPTS, 2)
    base_blocks = len(lm.blocks)
    lm.use_adapter(adapter)
    ids_of(lm, PROMPTS, 2)
    assert lm.blocks.hits == 0
    assert len(lm.blocks) == 2 * base_blocks
    lm.use_adapter(None)
    assert len(lm.blocks) == base_blocks
    ids_of(lm, PROMPTS, 2)
    assert lm.blocks.hits == base_blocks


def test_a_folder_without_an_adapter(tiny: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no adapter_config\.json"):
        tiny_lm(tiny).use_adapter(tmp_path)
