import json

import pytest
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from peft.tuners.lora import LoraLayer
from transformers import AutoModelForCausalLM, GPT2Config, GPT2LMHeadModel

from offdiag.errors import UserError
from offdiag.lease import LeaseLostError, lease
from offdiag.models import ModelSpec
from offdiag.models.source import source_of
from offdiag.runtime import Runtime
from offdiag.training import merge as module
from offdiag.training.merge import merge_adapter
from offdiag.training.recipe import Recipe
from offdiag.training.supervised import fine_tune
from offdiag.training.targets import check_targets
from offdiag.training.trainable import load_trainable
from support.architectures import tiny_of
from support.tiny import make_tiny_tokenizer

RUNTIME = Runtime(device="cpu", threads=1)
RECIPE = Recipe(rank=2, alpha=4, learning_rate=1e-2, warmup_updates=0, batch_size=2)


@pytest.mark.parametrize("rslora", [False, True])
@pytest.mark.filterwarnings("ignore:.*is_gradient_checkpointing")
def test_the_merged_model_says_what_the_adapted_one_says(tiny_model, tmp_path, rslora):
    spec = ModelSpec(source=f"dir:{tiny_model}")
    lessons, recipe = [("1+1?", "2"), ("2+2?", "4")], RECIPE.model_copy(update={"rslora": rslora})
    fine_tune(spec, tiny_model, lessons, recipe, seed=0, folder=tmp_path, runtime=RUNTIME)
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


@pytest.mark.parametrize(("rslora", "scale"), [(False, 2.0), (True, 64 / 32**0.5)])
def test_an_adapter_is_scaled_as_its_recipe_says(tiny_model, rslora, scale):
    """Rank 32, alpha 64: 2 by the rank, 11.3 by its root."""
    recipe = Recipe(rank=32, alpha=64, rslora=rslora)
    model = load_trainable(ModelSpec(source=f"dir:{tiny_model}"), tiny_model, recipe, seed=0, runtime=RUNTIME)
    scales = {layer.scaling["default"] for layer in model.modules() if isinstance(layer, LoraLayer)}
    assert {round(found, 6) for found in scales} == {round(scale, 6)}


def test_a_whole_model_has_no_adapter_to_scale():
    with pytest.raises(UserError, match="rslora=True scales an adapter|rslora=True with adapter='full'"):
        Recipe(adapter="full", rslora=True)


def test_a_folder_without_an_adapter_is_refused(tiny_model, tmp_path):
    with pytest.raises(UserError, match="no adapter_config"):
        merge_adapter(ModelSpec(source=f"dir:{tiny_model}"), tiny_model, tmp_path, tmp_path / "merged", RUNTIME)


@pytest.fixture(scope="module")
def gpt2(tmp_path_factory):
    """A tiny GPT-2: its layers are transposed, and its head is the embedding."""
    folder = tmp_path_factory.mktemp("models") / "gpt2"
    tokenizer = make_tiny_tokenizer()
    config = GPT2Config(
        vocab_size=len(tokenizer), n_embd=16, n_layer=2, n_head=2, n_positions=64, initializer_range=0.3,
        bos_token_id=0, eos_token_id=0,
    )  # fmt: skip
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        GPT2LMHeadModel(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def adapter_of(base, targets, folder):
    """A random adapter that is not zero."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        config = LoraConfig(r=2, target_modules=targets, task_type="CAUSAL_LM", init_lora_weights=False)
        get_peft_model(AutoModelForCausalLM.from_pretrained(base), config).save_pretrained(folder)
    return folder


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("targets", [["c_attn"], ["lm_head"], ["c_attn", "c_proj", "lm_head"]])
def test_merged_is_adapted_also_where_the_head_is_the_embedding(gpt2, tmp_path, targets):
    adapter = adapter_of(gpt2, targets, tmp_path / "adapter")
    merge_adapter(ModelSpec(source=f"dir:{gpt2}"), gpt2, adapter, tmp_path / "merged", RUNTIME)
    ids = torch.tensor([[5, 6, 7, 8]])
    with torch.inference_mode():
        plain = AutoModelForCausalLM.from_pretrained(gpt2)
        before = plain(ids).logits
        adapted = PeftModel.from_pretrained(plain, adapter)(ids).logits
        merged = AutoModelForCausalLM.from_pretrained(tmp_path / "merged")(ids).logits
    assert (adapted - before).abs().max() > 0.1
    torch.testing.assert_close(merged, adapted, atol=1e-4, rtol=1e-4)
    config = json.loads((tmp_path / "merged" / "config.json").read_text())
    assert config.get("tie_word_embeddings", True) is ("lm_head" not in targets)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("when", "left"), [("load_model", []), ("load_tokenizer", ["weights.partial"])])
def test_who_lost_the_lease_while_it_merged_leaves_what_the_other_one_made(gpt2, tmp_path, monkeypatch, when, left):
    adapter, place = adapter_of(gpt2, ["c_attn"], tmp_path / "adapter"), tmp_path / "step"
    load = getattr(module, when)
    place.mkdir()

    def losing(*asked):
        (place / "lease.json").write_text("{}")
        (place / "weights").mkdir()
        (place / "weights" / "theirs").touch()
        return load(*asked)

    monkeypatch.setattr(module, when, losing)
    with lease(place / "lease.json"), pytest.raises(LeaseLostError):
        merge_adapter(ModelSpec(source=f"dir:{gpt2}"), gpt2, adapter, place / "weights", RUNTIME)
    assert [path.name for path in (place / "weights").iterdir()] == ["theirs"]
    assert sorted(path.name for path in place.iterdir() if path.name != "lease.json") == sorted(["weights", *left])


@pytest.mark.parametrize(
    ("targets", "absent"),
    [
        (("q_proj", "v_proj"), "q_proj, v_proj"),
        (("c_attn", "gate_proj"), "gate_proj"),
        (("wte",), "wte"),
        (("attn",), "attn"),
        (("mlp.c_attn",), "mlp.c_attn"),
    ],
)
def test_targets_that_a_model_has_not_are_refused_by_its_files_and_by_itself(gpt2, targets, absent):
    said = rf"no linear layer is named {absent}; targets must be among c_attn, c_fc, c_proj, or 'all-linear'"
    with pytest.raises(UserError, match=said):
        check_targets(source_of(f"dir:{gpt2}"), targets)
    recipe = RECIPE.model_copy(update={"targets": targets})
    with pytest.raises(UserError, match=said):
        load_trainable(ModelSpec(source=f"dir:{gpt2}"), gpt2, recipe, seed=0, runtime=RUNTIME)


def test_experts_that_a_file_has_apart_and_the_model_in_one_are_no_layers(tmp_path):
    tiny_of("mixtral").save_pretrained(tmp_path)
    check_targets(source_of(f"dir:{tmp_path}"), ("q_proj",))
    with pytest.raises(UserError, match="no linear layer is named w1; targets must be among k_proj, o_proj"):
        check_targets(source_of(f"dir:{tmp_path}"), ("w1",))


@pytest.mark.parametrize("targets", [("c_attn",), ("attn.c_proj",), ("lm_head", "c_fc"), "all-linear"])
def test_transposed_layers_and_a_shared_head_are_trained(gpt2, targets, recwarn):
    check_targets(source_of(f"dir:{gpt2}"), targets)
    recipe = RECIPE.model_copy(update={"targets": targets})
    learner = load_trainable(ModelSpec(source=f"dir:{gpt2}"), gpt2, recipe, seed=0, runtime=RUNTIME)
    trained = {name.split(".lora_")[0] for name, p in learner.named_parameters() if p.requires_grad}
    assert len(trained) == {"c_attn": 2, "attn.c_proj": 2, "lm_head": 3}.get(targets[0], 8)
    assert not [w for w in recwarn if "fan_in" in str(w.message) or "tie_word" in str(w.message)]
