"""Weights in 4 and 8 bits: asked, taught, and the mixtures whose experts bitsandbytes leaves as they are."""

from importlib.util import find_spec
from pathlib import Path

import pytest
import torch
from torch import nn
from transformers import AutoModelForCausalLM, MixtralConfig

from offdiag.cost import size_of
from offdiag.cost.memory import answering
from offdiag.engine import run_plan
from offdiag.errors import UserError
from offdiag.methods import FineTuning, PolicyOptimisation, Recipe
from offdiag.models import ModelSpec
from offdiag.models.config_file import experts
from offdiag.models.lm import LM
from offdiag.models.loading import load_model
from offdiag.models.quantised import expert_tensors, wide_share
from offdiag.planning import Plan, make_plan
from offdiag.runtime import Runtime
from offdiag.store import Store
from offdiag.studies.base_addition.task import AdditionDomain as Sums
from offdiag.study import Arm, Cell, Design, Evaluation
from support import tiny_study
from support.architectures import TYPES, tiny_of
from support.tiny import make_tiny_tokenizer
from support.tiny_study import RUNTIME, tiny_plan
from support.tiny_training import CONVERSATIONS, history, train

needs_bitsandbytes = pytest.mark.skipif(
    find_spec("bitsandbytes") is None, reason='bitsandbytes is not installed: pip install "offdiag[gpu]"'
)
CPU = Runtime(device="cpu", threads=1)
PROMPTS = [prompt for prompt, _ in CONVERSATIONS[:6]]
QLORA = Recipe(adapter="qlora", rank=4, learning_rate=1e-2, warmup_updates=0, batch_size=8, epochs=4)
_SIZES = {"hidden_size": 64, "intermediate_size": 128}
_DBRX = {"hidden_size": 64, "ffn_hidden_size": 64, "moe_num_experts": 4, "moe_top_k": 2}
# One of each form in which transformers keeps experts: stacked, transposed, with biases, flat, and under other names;
# with what makes all of their widths multiples of 64.
MIXTURES = {
    "mixtral": _SIZES,
    "qwen3_moe": {**_SIZES, "moe_intermediate_size": 64, "head_dim": 16},
    "llama4_text": {**_SIZES, "intermediate_size_mlp": 128, "head_dim": 16},
    "gpt_oss": {**_SIZES, "head_dim": 16},
    "dbrx": {"d_model": 64, "ffn_config": _DBRX},
    "granitemoe": _SIZES,
    "deepseek_v2": {
        **_SIZES, "moe_intermediate_size": 64, "kv_lora_rank": 64, "q_lora_rank": 64, "v_head_dim": 16,
    },
}  # fmt: skip


def quantised(folder: Path, how: str, dtype: str = "float32") -> ModelSpec:
    return ModelSpec(source=f"dir:{folder}", quantization=how, dtype=dtype)


@pytest.fixture(scope="module")
def mixture(tmp_path_factory):
    """Give the folder of a tiny mixture of a type, made once."""
    made: dict[str, Path] = {}

    def folder(kind: str) -> Path:
        if kind not in made:
            made[kind] = tmp_path_factory.mktemp("mixtures") / kind
            tiny_of(kind, **MIXTURES[kind]).save_pretrained(made[kind])
            make_tiny_tokenizer().save_pretrained(made[kind])
        return made[kind]

    return folder


@needs_bitsandbytes
@pytest.mark.parametrize(("how", "stored", "near"), [("nf4", torch.uint8, 0.3), ("int8", torch.int8, 0.05)])
def test_a_quantised_model_answers_nearly_as_the_whole_one(blocks_of_64, how, stored, near):
    whole, small = (LM.load(quantised(blocks_of_64, one), blocks_of_64, CPU) for one in ("none", how))
    layer = small.model.model.layers[0].mlp.up_proj
    assert layer.weight.dtype == stored
    assert layer.weight.numel() == 64 * 128 // (2 if how == "nf4" else 1)
    assert small.plain_because is None  # the shared beginning serves it
    scores = [
        [score.logprob for row in lm.score(PROMPTS, [("1", "22")] * len(PROMPTS)) for score in row]
        for lm in (whole, small)
    ]
    gaps = torch.tensor(scores[0]) - torch.tensor(scores[1])
    spread = torch.tensor(scores[0]).std()
    assert 0 < gaps.pow(2).mean().sqrt() < near * spread


@needs_bitsandbytes
@pytest.mark.parametrize(("how", "dtype"), [("nf4", "bfloat16"), ("int8", "float32")])
def test_an_adapter_learns_on_quantised_weights_and_answers(blocks_of_64, tmp_path, how, dtype):
    spec = quantised(blocks_of_64, how, dtype)
    summary = train(blocks_of_64, tmp_path, recipe=QLORA, spec=spec)
    assert summary["final_response_loss"] < history(tmp_path)[0]["response_loss"] - 1
    model = LM.load(spec, blocks_of_64, CPU)

    def right() -> float:
        scores = model.score([prompt for prompt, _ in CONVERSATIONS], [(reply,) for _, reply in CONVERSATIONS])
        return sum(row[0].logprob for row in scores) / len(scores)

    before = right()
    model.use_adapter(tmp_path / "weights")
    assert right() > before + 1
    assert model.model.model.layers[0].mlp.up_proj.base_layer.weight.dtype in (torch.uint8, torch.int8)


@needs_bitsandbytes
def test_a_killed_training_on_four_bits_ends_with_the_same_bits(blocks_of_64, tmp_path):
    from support.tiny_training import Killed, kill_at, same_bits, weights

    spec = quantised(blocks_of_64, "nf4")
    recipe = QLORA.model_copy(update={"max_updates": 3})
    train(blocks_of_64, tmp_path / "whole", recipe=recipe, spec=spec)
    with pytest.raises(Killed):
        train(blocks_of_64, tmp_path / "cut", recipe=recipe, spec=spec, checkpoint_every=1, on_progress=kill_at(2))
    train(blocks_of_64, tmp_path / "cut", recipe=recipe, spec=spec)
    assert same_bits(weights(tmp_path / "whole"), weights(tmp_path / "cut"))


@needs_bitsandbytes
def test_a_run_of_qlora_is_done_on_this_processor(blocks_of_64, tmp_path):
    plan = tiny_plan(blocks_of_64, recipe=tiny_study.RECIPE.model_copy(update={"adapter": "qlora"})).select("qlora")
    assert run_plan(plan, Store(tmp_path / "store"), RUNTIME).complete


def test_what_int8_rounds_has_a_token_budget_of_its_own():
    assert ModelSpec(source="hub:a/b", quantization="int8", token_budget=99).batch_budget(Runtime()) == 99
    assert ModelSpec(source="hub:a/b", quantization="nf4").batch_budget(Runtime(token_budget=99)) == 99
    with pytest.raises(UserError, match="is for bfloat16, float16 and int8"):
        ModelSpec(source="hub:a/b", quantization="nf4", token_budget=99)


def test_libraries_that_are_missing_are_missed_before_anything_runs(tiny_model, tmp_path, monkeypatch):
    for module in ("models.quantised", "training.recipe", "training.reinforcement"):
        monkeypatch.setattr(f"offdiag.{module}.find_spec", lambda name: None)
    methods = {
        "offdiag[gpu]": [
            FineTuning(n=4, recipe=QLORA),
            FineTuning(n=4, recipe=Recipe(warmup_updates=0, optimizer="adamw_8bit")),
        ],
        "offdiag[rl]": [PolicyOptimisation(n=8)],
    }
    model, domain = ModelSpec(source=f"dir:{tiny_model}"), Sums(base=8)
    for extra, missed in methods.items():
        for method in missed:
            asked = Evaluation(domain=domain, n=1, max_new_tokens=2)
            cells = (Cell(arm=Arm(model=model, method=method, train=domain), evaluation=asked),)
            design = Design(cells=cells)
            plan = make_plan(tiny_study.tiny_study(tiny_study.Params(model=model), lambda p, d=design: d), "only")
            plan.check()  # a plan may be made where it is not run
            watcher = tiny_study.Recorder()
            with pytest.raises(UserError) as caught:
                run_plan(plan, Store(tmp_path / "store"), RUNTIME, watcher=watcher)
            assert extra in str(caught.value)
            assert "\n" not in str(caught.value)
            assert watcher.begun == []


@needs_bitsandbytes
@pytest.mark.parametrize("kind", MIXTURES)
def test_experts_are_held_in_four_bits(kind, mixture):
    folder = mixture(kind)
    whole = load_model(quantised(folder, "none"), folder, CPU)
    named = {id(module): place for place, module in whole.named_modules()}
    places = [(named[id(module)], name) for module, name in expert_tensors(whole)]
    assert places
    small = load_model(quantised(folder, "nf4"), folder, CPU)
    assert list(expert_tensors(small)) == []  # none is left as it was
    held = sum(weight.numel() for weight in small.parameters() if weight.dtype == torch.uint8)
    ends = {id(weight) for weight in (whole.get_input_embeddings().weight, whole.get_output_embeddings().weight)}
    inside = sum(weight.numel() for weight in whole.parameters() if id(weight) not in ends)
    assert 0.85 * inside / 2 < held <= inside / 2 + 64  # two of four bits in a byte
    for place, name in places:
        exact, rounded = (getattr(model.get_submodule(place), name) for model in (whole, small))
        error = (exact - rounded).pow(2).mean().sqrt() / exact.pow(2).mean().sqrt()
        assert 0.01 < error < 0.12  # four bits of a normal number miss it by a tenth
    with torch.inference_mode():
        logits = [model(torch.arange(5, 25).view(2, 10)).logits for model in (whole, small)]
    assert torch.isfinite(logits[1]).all()
    assert not torch.equal(*logits)


@needs_bitsandbytes
def test_an_adapter_learns_on_a_mixture_in_four_bits(mixture, tmp_path):
    folder = mixture("mixtral")
    recipe = QLORA.model_copy(update={"targets": ("q_proj", "v_proj"), "learning_rate": 1e-3})
    summary = train(folder, tmp_path, recipe=recipe, spec=quantised(folder, "nf4"))
    assert summary["final_response_loss"] < history(tmp_path)[0]["response_loss"]


@pytest.mark.parametrize("kind", ["mixtral", "qwen3_moe", "dbrx"])
def test_a_mixture_that_would_not_shrink_is_refused_by_the_plan(kind, mixture):
    def plan(how: str) -> Plan:
        recipe = tiny_study.RECIPE.model_copy(update={"targets": "all-linear"})
        params = tiny_study.Params(model=quantised(mixture(kind), how), recipe=recipe)
        return make_plan(tiny_study.tiny_study(params), "only")

    said = r"leaves \d\d% of its weights, the experts, in float32 with .*: 0\.\d of 0\.\d GiB, expected 0\.\d"
    with pytest.raises(UserError, match=said) as caught:
        plan("int8").check()
    assert "use quantization='nf4'" in str(caught.value)
    plan("nf4").check()


class OwnLinear(nn.Linear):
    """A layer that transformers does not hand to bitsandbytes: its class is not that of linear layers itself."""


def test_layers_of_a_class_of_their_own_stay_wide(tiny_model):
    model = load_model(ModelSpec(source=f"dir:{tiny_model}"), tiny_model, CPU)
    assert wide_share(model, "nf4")[0] < 0.1
    for block in model.base_model.layers:
        block.mlp.up_proj = OwnLinear(block.mlp.up_proj.in_features, block.mlp.up_proj.out_features, bias=False)
    wide, weights = wide_share(model, "nf4")
    apart = sum(block.mlp.up_proj.weight.numel() for block in model.base_model.layers)
    assert wide == pytest.approx(apart / weights, abs=0.02)


@pytest.mark.parametrize("how", ["nf4", "int8"])
def test_a_model_of_any_class_that_would_not_shrink_is_refused_by_the_plan(how, tiny_model, monkeypatch):
    params = tiny_study.Params(model=quantised(tiny_model, how, "bfloat16"))
    plan = make_plan(tiny_study.tiny_study(params), "only")
    plan.check()
    monkeypatch.setattr("offdiag.models.quantised._wide_share", lambda folder, quantization: (0.6, 2**30))
    said = r"leaves 60% of its weights, in bfloat16 with .*: 1\.2 of 2\.0 GiB.*use quantization='none'$"
    with pytest.raises(UserError, match=said):
        plan.check()


@pytest.mark.sweep
@pytest.mark.parametrize("kind", TYPES)
def test_every_mixture_that_transformers_knows_shrinks_in_four_bits(kind):
    try:
        model = tiny_of(kind)
    except Exception:  # noqa: BLE001  (the sweep of all types tells which)
        pytest.skip("it cannot be made small")
    found = experts(model.config.to_dict())
    if found.number < 2:
        assert list(expert_tensors(model)) == []
    else:
        assert wide_share(model, "nf4")[0] < 0.1


def test_the_size_of_a_mixture_is_that_of_its_files(mixture):
    folder = mixture("mixtral")
    size = size_of(ModelSpec(source=f"dir:{folder}"))
    model = load_model(ModelSpec(source=f"dir:{folder}"), folder, CPU)
    assert size.parameters == model.num_parameters()
    per_expert = 3 * 64 * 128 * 2  # of both blocks
    assert size.active == pytest.approx(model.num_parameters() - 2 * per_expert, rel=0.01)  # a router has few


def test_mixtral_is_known_by_name():
    size = size_of(ModelSpec(source="hub:mistralai/Mixtral-8x7B-v0.1"))
    assert size.parameters == pytest.approx(46.70e9, rel=1e-3)
    assert size.active == pytest.approx(12.88e9, rel=1e-3)


def test_mixtral_is_estimated_as_its_architecture_says(tmp_path):
    """By a configuration alone: no weight of its 47 billion is made, on the device ``meta``."""
    config = MixtralConfig(vocab_size=32_000, hidden_size=4096, intermediate_size=14_336, num_hidden_layers=32)
    config.save_pretrained(tmp_path)
    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(config)
    spec = ModelSpec(source=f"dir:{tmp_path}", dtype="bfloat16", quantization="nf4")
    memory = answering(spec, size_of(spec), batch_tokens=0, longest_shared=0, kept_tokens=0, adapter=0)
    wide, weights = wide_share(model, "nf4")
    linear = (1 - wide) * weights
    assert memory.weights == pytest.approx(linear * 4.127 / 8 + (model.num_parameters() - linear) * 2, rel=1e-3)
    assert memory.weights == pytest.approx(22.8 * 2**30, rel=0.01)
    assert memory.loading == memory.total == pytest.approx(2 * model.num_parameters(), rel=1e-3)
    assert memory.total == pytest.approx(87 * 2**30, rel=0.01)


@needs_bitsandbytes
def test_widths_at_which_bitsandbytes_is_wrong_on_a_cpu_are_refused(tiny_model):
    from bitsandbytes.functional import dequantize_4bit, quantize_4bit

    generator = torch.Generator().manual_seed(0)
    for width in (64, 128, 576):
        weight = torch.randn(64, width, generator=generator)
        again = dequantize_4bit(*quantize_4bit(weight, quant_type="nf4"))
        assert (again - weight).pow(2).mean().sqrt() < 0.12
    with pytest.raises(UserError, match=r"q_proj has 32 inputs.* no multiple of 64; use quantization='int8' or a GPU"):
        load_model(quantised(tiny_model, "nf4"), tiny_model, CPU)
