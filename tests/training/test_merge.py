import pytest
import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM

from offdiag.errors import UserError
from offdiag.models import ModelSpec
from offdiag.runtime import Runtime
from offdiag.training.merge import merge_adapter
from offdiag.training.recipe import Recipe
from offdiag.training.supervised import fine_tune

RUNTIME = Runtime(device="cpu", threads=1)
RECIPE = Recipe(rank=2, alpha=4, learning_rate=1e-2, warmup_updates=0, batch_size=2)


@pytest.mark.filterwarnings("ignore:.*is_gradient_checkpointing")
def test_the_merged_model_says_what_the_adapted_one_says(tiny_model, tmp_path):
    spec = ModelSpec(source=f"dir:{tiny_model}")
    lessons = [("1+1?", "2"), ("2+2?", "4")]
    fine_tune(spec, tiny_model, lessons, RECIPE, seed=0, folder=tmp_path, runtime=RUNTIME)
    summary = merge_adapter(spec, tiny_model, tmp_path / "weights", tmp_path / "merged", RUNTIME)
    base = AutoModelForCausalLM.from_pretrained(tiny_model)
    merged = AutoModelForCausalLM.from_pretrained(tmp_path / "merged")
    ids = torch.tensor([[5, 6, 7, 8]])
    with torch.inference_mode():
        plain = base(ids).logits
        adapted = PeftModel.from_pretrained(base, tmp_path / "weights")(ids).logits
        torch.testing.assert_close(merged(ids).logits, adapted, atol=1e-5, rtol=1e-5)
    assert (adapted - plain).abs().max() > 1e-3
    assert summary["parameters"] == sum(p.numel() for p in merged.parameters())


def test_a_folder_without_an_adapter_is_refused(tiny_model, tmp_path):
    with pytest.raises(UserError, match="no adapter_config"):
        merge_adapter(ModelSpec(source=f"dir:{tiny_model}"), tiny_model, tmp_path, tmp_path / "merged", RUNTIME)
