"""What is wrong with a model's files is one line before a run, and one line when it is loaded."""

import json
import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from offdiag.errors import UserError
from offdiag.models import ModelSpec
from offdiag.models.config_file import context_length
from offdiag.models.directions import DECODER_BY, NO_DECODER, check_direction
from offdiag.models.files_check import check_files
from offdiag.models.loading import load_model
from offdiag.models.rendering import check_template
from offdiag.models.source import source_of
from offdiag.models.weight_files import check_weights, weight_shapes
from offdiag.runtime import Runtime
from support.architectures import tiny_of
from support.lms import tiny_lm

CPU = Runtime(device="cpu", threads=1)
WEIGHTS = "model.safetensors"
UP = "model.layers.1.mlp.up_proj.weight"


@pytest.fixture
def copy(tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return Path(shutil.copytree(tiny, tmp_path / "copy"))


def rewrite(folder: Path, change: Callable[[dict[str, torch.Tensor]], object]) -> None:
    weights = load_file(folder / WEIGHTS)
    change(weights)
    save_file(weights, folder / WEIGHTS, metadata={"format": "pt"})


def new_file(path: Path) -> Path:
    path.write_text("{}")
    return path


def set_json(path: Path, **values: object) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))


def shards(folder: Path, lost: str = "") -> None:
    """Spread the weights over two files with an index; none of them has the lost one."""
    weights = load_file(folder / WEIGHTS)
    (folder / WEIGHTS).unlink()
    names = sorted(weights)
    parts = {f"model-0000{i + 1}-of-00002.safetensors": names[i::2] for i in range(2)}
    for file, held in parts.items():
        save_file({n: weights[n] for n in held if n != lost}, folder / file, metadata={"format": "pt"})
    listed = {name: file for file, held in parts.items() for name in held}
    (folder / f"{WEIGHTS}.index.json").write_text(json.dumps({"metadata": {}, "weight_map": listed}))


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
@pytest.mark.parametrize("arrange", [lambda folder: None, shards], ids=["one file", "shards"])
def test_weights_and_configuration_belong_together(copy, arrange, change, said, capfd):
    rewrite(copy, change)
    arrange(copy)
    with pytest.raises(UserError, match=said) as planned:
        check_files(source_of(f"dir:{copy}"))
    with pytest.raises(UserError, match=said) as caught:
        load_model(ModelSpec(source=f"dir:{copy}"), copy, CPU)
    assert str(planned.value) == str(caught.value)
    assert "\n" not in str(caught.value)
    assert "LOAD REPORT" not in capfd.readouterr().err


def test_a_head_that_is_the_embedding_is_not_missing(copy):
    rewrite(copy, lambda w: w.pop("lm_head.weight"))
    set_json(copy / "config.json", tie_word_embeddings=True)
    check_files(source_of(f"dir:{copy}"))
    model = load_model(ModelSpec(source=f"dir:{copy}"), copy, CPU)
    assert model.lm_head.weight is model.model.embed_tokens.weight


def broken_template(folder: Path) -> None:
    (folder / "chat_template.jinja").write_text("{{ raise_exception('system role only') }}")


def pointer(name: str) -> Callable[[Path], object]:
    return lambda folder: (folder / name).write_text(
        "version https://git-lfs.github.com/spec/v1\noid sha256:ab\nsize 9\n"
    )


def overlay(file: Path) -> None:
    """Have the first tensor of a safetensors file lie over the second."""
    data = file.read_bytes()
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + length])
    first, second = sorted((v for k, v in header.items() if k != "__metadata__"), key=lambda v: v["data_offsets"])[:2]
    second["data_offsets"][0] = first["data_offsets"][0]
    text = json.dumps(header).encode()
    file.write_bytes(len(text).to_bytes(8, "little") + text + data[8 + length :])


def as_bin(folder: Path, kept: int | None = None) -> None:
    """Turn the weights into the older format, cut off after so many bytes."""
    torch.save(load_file(folder / WEIGHTS), folder / "pytorch_model.bin")
    (folder / WEIGHTS).unlink()
    if kept is not None:
        os.truncate(folder / "pytorch_model.bin", kept)


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
        (lambda f: (f / "config.json").write_bytes(b"\xef\xbb\xbf" + (f / "config.json").read_bytes()), "BOM"),
        (lambda f: (f / "generation_config.json").write_text("{"), "generation_config.json cannot be read"),
        (lambda f: set_json(f / "generation_config.json", eos_token_id="<|end|>"),
            r"eos_token_id in .* is '<\|end\|>': expected the id"),
        (lambda f: set_json(f / "config.json", num_hidden_layers=3),
            "its files have 2 blocks, and config.json speaks of 3"),
        (lambda f: set_json(f / "tokenizer.json", added_tokens=["x"]), r"tokenizer\.json is no tokenizer"),
        (lambda f: set_json(f / "tokenizer.json", model={"vocab": [1, 2]}), r"tokenizer\.json is no tokenizer"),
        (lambda f: set_json(f / "generation_config.json", eos_token_id=[0, 261]),
            r"eos_token_id in .*generation_config\.json is 261, but the embedding has 261 rows"),
        (lambda f: rewrite(f, lambda w: w.update({UP: w[UP].to(torch.int8)})),
            rf"1 of its weights are integers \({UP}\), and config\.json has no quantization_config"),
        (lambda f: overlay(f / WEIGHTS), "header of .* is damaged"),
        (lambda f: as_bin(f, 3000), "pytorch_model.bin is cut off; fetch it again"),
        (lambda f: as_bin(f, 0), "pytorch_model.bin is cut off; fetch it again"),
        (lambda f: shards(f, lost=UP), rf"names 1 weights that no file has \({UP}\)"),
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


@pytest.mark.parametrize(
    ("kind", "lost"),
    [
        ("gpt2", "transformer.h.0.attn.c_attn.bias"),
        ("mamba", "backbone.layers.1.mixer.A_log"),
        ("mixtral", "model.layers.1.block_sparse_moe.experts.2.w3.weight"),  # experts become one tensor
        ("gemma3_text", "model.norm.weight"),
        ("olmo_hybrid", "model.norm.weight"),
        ("deepseek_v3", "lm_head.weight"),
    ],
)
def test_no_sound_model_is_refused_and_one_without_a_weight_is(kind, lost, copy):
    (copy / WEIGHTS).unlink()
    tiny_of(kind).save_pretrained(copy)
    check_files(source_of(f"dir:{copy}"))
    rewrite(copy, lambda w: w.pop(lost))
    with pytest.raises(UserError, match=re.escape(f"its files lack 1 weight ({lost}); config.json")):
        check_files(source_of(f"dir:{copy}"))


def test_a_model_is_built_to_be_checked_once(copy, monkeypatch):
    check_files(source_of(f"dir:{copy}"))
    built: list[Path] = []
    agreed = [False, True]
    monkeypatch.setattr(
        "offdiag.models.loading.check_fit", lambda origin, folder: (built.append(folder), agreed.pop(0))[1]
    )
    rewrite(copy, lambda w: w[UP].add_(1))
    check_files(source_of(f"dir:{copy}"))
    assert built == []  # other numbers under the same names
    set_json(copy / "config.json", rms_norm_eps=0.5)
    for n in (1, 2, 2):  # the first time it could not be built, as where a disk failed: it is tried again
        check_files(source_of(f"dir:{copy}"))
        assert built == [copy] * n
    set_json(copy / "config.json", quantization_config={"quant_method": "none of ours"})
    check_files(source_of(f"dir:{copy}"))
    assert built == [copy] * 2  # its weights lie packed, under names of their own


def test_whole_files_pass_and_so_does_a_far_token_that_no_text_uses(copy):
    tokenizer = json.loads((copy / "tokenizer.json").read_text())
    added = [*tokenizer["added_tokens"], {"id": 999, "content": "<image>"}]
    set_json(copy / "tokenizer.json", added_tokens=added)
    check_files(source_of(f"dir:{copy}"))
    check_template(source_of(f"dir:{copy}"))
    assert weight_shapes(copy, "m")[UP] == (48, 32)


@pytest.mark.parametrize("arrange", [as_bin, shards])
def test_other_arrangements_of_the_weights_pass(copy, arrange):
    arrange(copy)
    check_files(source_of(f"dir:{copy}"))
    assert load_model(ModelSpec(source=f"dir:{copy}"), copy, CPU).num_parameters() > 30_000


def test_an_index_may_name_a_head_that_is_the_embedding(copy):
    set_json(copy / "config.json", tie_word_embeddings=True)
    shards(copy, lost="lm_head.weight")
    check_files(source_of(f"dir:{copy}"))
    load_model(ModelSpec(source=f"dir:{copy}"), copy, CPU)


def test_a_model_that_passes_its_blocks_again_has_all_of_them(copy, tmp_path):
    model = tiny_of("hrm_text")
    model.save_pretrained(tmp_path / "hrm")
    assert model.config.num_hidden_layers > 2
    check_weights(tmp_path / "hrm", "hrm", model.config.to_dict())


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


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        ({"model_type": "nothing_real"}, "model type `nothing_real`"),
        ({"model_type": "nothing_real", "auto_map": {"AutoModelForCausalLM": "x.Y"}}, "model type `nothing_real`"),
        ({"model_type": "t5"}, "Unrecognized configuration class"),
        ({"model_type": None}, "has model type `None`"),
        ({"hidden_act": "boo"}, "cannot be loaded: there is no 'boo'"),
        ({"rope_parameters": {"rope_type": "weird"}}, "cannot be loaded: there is no 'weird'"),
        ({"pad_token_id": 999}, "Padding_idx must be within num_embeddings"),
        ({"num_attention_heads": 3}, "The hidden size .* is not a multiple of the number of attention heads"),
        ({"hidden_size": 32.0}, "expected int, got float"),
    ],
)
def test_what_transformers_cannot_load_is_told_before_a_run(copy, edit, said):
    settings = json.loads((copy / "config.json").read_text())
    (copy / "config.json").write_text(json.dumps({**settings, **edit}))
    with pytest.raises(UserError, match=said):
        check_files(source_of(f"dir:{copy}"))


@pytest.mark.parametrize("kind", sorted({*DECODER_BY, *NO_DECODER}))
def test_encoders_are_refused_before_a_run_and_their_decoders_are_not(kind, tmp_path):
    set_json(new_file(tmp_path / "config.json"), model_type=kind)
    with pytest.raises(UserError, match=rf"^model dir:\S+ attends both ways \(type {kind} .*; take a causal language"):
        check_files(source_of(f"dir:{tmp_path}"))
    if kind in DECODER_BY:
        name, value = DECODER_BY[kind]
        set_json(tmp_path / "config.json", **{name: value})
        with pytest.raises(UserError, match="no weights in"):  # the next thing that is looked at
            check_files(source_of(f"dir:{tmp_path}"))


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({"model_type": "gemma3_text", "use_bidirectional_attention": True}, "has use_bidirectional_attention = true"),
        ({"text_config": {"use_bidirectional_attention": "all"}}, 'has use_bidirectional_attention = "all"'),
        ({"model_type": "llama", "is_causal": False}, "has is_causal = false"),
    ],
)
def test_a_decoder_that_is_set_to_attend_both_ways_is_refused(config, said):
    with pytest.raises(UserError, match=said):
        check_direction(config, "hub:a/b")


@pytest.mark.parametrize(
    "config",
    [
        {"model_type": "gpt_neox", "is_decoder": False},  # a decoder whatever it says
        {"model_type": "gemma4", "text_config": {"use_bidirectional_attention": "vision"}},
        {"model_type": "gemma2", "use_bidirectional_attention": None},
        {"model_type": "bert", "is_decoder": True},
    ],
)
def test_decoders_pass(config):
    check_direction(config, "hub:a/b")


@pytest.mark.parametrize("kind", ["bert", "roformer", "xlm", "electra", "xlnet"])  # of all in the sweep
def test_types_that_are_called_encoders_are(kind):
    ids = torch.arange(20, 36)[None]
    changed = torch.cat([ids[:, :-1], ids[:, :1]], dim=1)
    name, value = DECODER_BY[kind]
    with torch.inference_mode():
        before, after = (tiny_of(kind)(one).logits[0, :8] for one in (ids, changed))
        assert not torch.allclose(before, after)
        decoder = tiny_of(kind, **{name: value})
        before, after = (decoder(one).logits[0, :8] for one in (ids, changed))
    assert torch.equal(before, after)
