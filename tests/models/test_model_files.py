"""What is wrong with a model's files is one line before a run, and one line when it is loaded."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from offdiag.errors import UserError
from offdiag.models import ModelSpec
from offdiag.models.config_file import context_length
from offdiag.models.files_check import check_files
from offdiag.models.loading import load_model
from offdiag.models.rendering import check_template
from offdiag.models.source import source_of
from offdiag.models.weight_files import weight_shapes
from offdiag.runtime import Runtime
from support.lms import tiny_lm

CPU = Runtime(device="cpu", threads=1)
WEIGHTS = "model.safetensors"
UP = "model.layers.1.mlp.up_proj.weight"


@pytest.fixture
def copy(tiny: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tiny, tmp_path / "copy"))


def rewrite(folder: Path, change: Callable[[dict[str, torch.Tensor]], object]) -> None:
    weights = load_file(folder / WEIGHTS)
    change(weights)
    save_file(weights, folder / WEIGHTS, metadata={"format": "pt"})


def set_json(path: Path, **values: object) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda w: w.pop(UP), rf"its files lack 1 weight \({UP}\)"),
        (lambda w: w.pop("lm_head.weight"), r"its files lack 1 weight \(lm_head\.weight\)"),
        (lambda w: w.update(extra=torch.zeros(2)), r"its files have 1 weight \(extra\) that it has no use for"),
        (
            lambda w: w.update({UP: torch.zeros(3, 32)}),
            r"another shape .*found \[3, 32\], expected \[48, 32",
        ),
    ],
    ids=["missing", "no head", "unexpected", "shape"],
)
def test_weights_and_configuration_belong_together(copy, change, said, capfd):
    rewrite(copy, change)
    with pytest.raises(UserError, match=said) as caught:
        load_model(ModelSpec(source=f"dir:{copy}"), copy, CPU)
    assert "\n" not in str(caught.value)
    assert "LOAD REPORT" not in capfd.readouterr().err


def test_a_head_that_is_the_embedding_is_not_missing(copy):
    rewrite(copy, lambda w: w.pop("lm_head.weight"))
    set_json(copy / "config.json", tie_word_embeddings=True)
    model = load_model(ModelSpec(source=f"dir:{copy}"), copy, CPU)
    assert model.lm_head.weight is model.model.embed_tokens.weight


def broken_template(folder: Path) -> None:
    (folder / "chat_template.jinja").write_text("{{ raise_exception('system role only') }}")


def pointer(name: str) -> Callable[[Path], object]:
    return lambda folder: (folder / name).write_text(
        "version https://git-lfs.github.com/spec/v1\noid sha256:ab\nsize 9\n"
    )


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda f: os.truncate(f / WEIGHTS, 9000), "has 9000 bytes, and its header speaks of"),
        (lambda f: os.truncate(f / WEIGHTS, 90), "header of .* is damaged or cut off"),
        (lambda f: os.truncate(f / WEIGHTS, 0), "is no safetensors file"),
        (pointer(WEIGHTS), "is a Git LFS pointer and not the file itself; type git lfs pull"),
        (pointer("tokenizer.json"), "is a Git LFS pointer"),
        (lambda f: (f / WEIGHTS).unlink(), "no weights in"),
        (lambda f: (f / "config.json").write_text("{"), "cannot be read"),
        (lambda f: (f / "tokenizer.json").unlink(), "no tokenizer in"),
        (lambda f: set_json(f / "config.json", vocab_size=200), r"the id 260, but the embedding has 200 rows"),
        (lambda f: set_json(f / "tokenizer_config.json", eos_token="<|far|>") or set_json(
            f / "tokenizer.json", added_tokens=[{"id": 999, "content": "<|far|>"}]), r"'<\|far\|>' the id 999"),
        (broken_template, "the chat template renders no turns of user: system role only"),
        (lambda f: (f / "chat_template.jinja").write_text("{% for"), "the chat template renders no turns of user"),
    ],
)  # fmt: skip
def test_damaged_files_are_one_line_before_a_run(copy, damage, said):
    damage(copy)
    with pytest.raises(UserError, match=said) as caught:
        check_files(source_of(f"dir:{copy}"))
        check_template(source_of(f"dir:{copy}"))
    assert "\n" not in str(caught.value)


def test_whole_files_pass_and_so_does_a_far_token_that_no_text_uses(copy):
    tokenizer = json.loads((copy / "tokenizer.json").read_text())
    added = [*tokenizer["added_tokens"], {"id": 999, "content": "<image>"}]
    set_json(copy / "tokenizer.json", added_tokens=added)
    check_files(source_of(f"dir:{copy}"))
    check_template(source_of(f"dir:{copy}"))
    assert weight_shapes(copy, "m")[UP] == (48, 32)


def test_shards_must_all_be_there(copy):
    (copy / WEIGHTS).rename(copy / "model-00001-of-00002.safetensors")
    index = {"weight_map": {"a": "model-00001-of-00002.safetensors", "b": "model-00002-of-00002.safetensors"}}
    (copy / f"{WEIGHTS}.index.json").write_text(json.dumps(index))
    with pytest.raises(UserError, match="1 of 2 files of weights are missing"):
        check_files(source_of(f"dir:{copy}"))


@pytest.mark.parametrize(
    ("config", "length"),
    [
        ({"max_position_embeddings": 8}, 8),
        ({"n_positions": 1024, "n_ctx": 99}, 1024),
        ({"n_ctx": 512}, 512),
        ({"max_seq_len": 2048}, 2048),
        ({"seq_length": 32}, 32),
        ({"max_sequence_length": 64}, 64),
        ({"text_config": {"max_position_embeddings": 7}, "vision_config": {"max_position_embeddings": 9}}, 7),
        ({"thinker_config": {"text_config": {"n_positions": 6}}}, 6),
        ({"text_config": {}, "max_position_embeddings": 5}, 5),
        ({"max_position_embeddings": None, "n_positions": -1}, None),
        ({}, None),
    ],
)
def test_the_context_is_read_from_every_spelling(config, length):
    assert context_length(config) == length


def test_a_token_beyond_the_embedding_is_named(tiny):
    lm = tiny_lm(tiny)
    lm.tokenizer.add_tokens(["WORD"])
    with pytest.raises(UserError, match=r"'WORD' the id 261, but the embedding has 261 rows"):
        list(lm.generate(["a WORD"], max_new_tokens=2))
    with pytest.raises(UserError, match="WORD"):
        lm.score(["a"], [["b", "a WORD"]])
