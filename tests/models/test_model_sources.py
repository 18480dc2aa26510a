"""What a model's name means: the hub, never a folder of that name; a folder, by every byte in it."""

import json
import os
from fnmatch import fnmatch
from pathlib import Path

import pytest

from offdiag.engine import run_plan
from offdiag.errors import UserError
from offdiag.models import ModelSpec, folders
from offdiag.models.folders import SMALL, content_hash, sampled_hash
from offdiag.models.hub_cache import cached
from offdiag.models.sources import Hub
from offdiag.planning import make_plan
from offdiag.steps import Weights
from offdiag.store import State, Store
from support.tiny_study import Params, tiny_study

OLD, NEW = "a" * 40, "b" * 40


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache of the hub, and no network."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    return tmp_path / "hub"


def download(hub: Path, tiny: Path, commit: str, revision: str = "main") -> None:
    home = hub / "models--org--name"
    (home / "refs").mkdir(parents=True, exist_ok=True)
    (home / "snapshots").mkdir(exist_ok=True)
    (home / "refs" / revision).write_text(commit)
    if not (home / "snapshots" / commit).exists():
        (home / "snapshots" / commit).symlink_to(tiny)


@pytest.mark.parametrize("path", ["/a/path", "./org/name", "../name", "~/name", "a/b/c", "hub:./org/name", "hub:/a"])
def test_a_path_is_no_name_on_the_hub(path):
    with pytest.raises(UserError, match="is a path and no name on the hub; for a folder type dir:"):
        ModelSpec(source=path)


@pytest.mark.parametrize("name", ["org/na me", "org/a--b", "org/name.git", "org/"])
def test_other_texts_are_no_names_either(name):
    with pytest.raises(UserError, match="no name on the hub"):
        ModelSpec(source=f"hub:{name}")


def test_a_folder_of_the_same_name_is_not_taken_for_the_hub(tiny, tmp_path, monkeypatch, hub):
    (tmp_path / "org").mkdir()
    (tmp_path / "org" / "name").symlink_to(tiny)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match="not downloaded and HF_HUB_OFFLINE is set"):
        ModelSpec(source="hub:org/name").origin.folder()


def test_the_commit_of_a_branch_is_part_of_the_identity(tiny, hub):
    def fingerprint(source: str = "hub:org/name") -> str:
        return Weights.of(ModelSpec(source=source)).fingerprint

    open_one = fingerprint()
    download(hub, tiny, OLD)
    assert ModelSpec(source="hub:org/name").origin.identity() == {"commit": OLD}
    first = fingerprint()
    download(hub, tiny, NEW)
    assert len({open_one, first, fingerprint()}) == 3
    assert ModelSpec(source="hub:org/name").origin.folder() == cached("org/name", None).folder
    assert ModelSpec(source=f"hub:org/name@{OLD}").origin.identity() == {}  # its name says it all
    assert ModelSpec(source=f"hub:org/name@{OLD}").origin.folder().name == OLD
    download(hub, tiny, OLD, "v1")
    assert ModelSpec(source="hub:org/name@v1").origin.identity() == {"commit": OLD}


def test_a_run_fetches_first_and_stores_under_the_commit(tiny, hub, tmp_path, monkeypatch):
    def fetch(origin: Hub) -> bool:
        new = origin.commit is None
        download(hub, tiny, OLD)
        return new

    monkeypatch.setattr(Hub, "require_available", lambda self: None)
    monkeypatch.setattr(Hub, "fetch", fetch)
    params = Params(model=ModelSpec(source="hub:org/name"), n_eval=2)
    plan = make_plan(tiny_study(params), "only").select("name--base=8,digits=2.direct")
    store = Store(tmp_path / "store")
    assert run_plan(plan, store).complete
    (cell,) = store.root.glob("answers/*/cell.json")
    assert json.loads(cell.read_text())["identity"]["weights"]["spec"]["commit"] == OLD
    again = make_plan(tiny_study(params), "only").select("name--base=8,digits=2.direct")
    assert again.steps[-1].fingerprint != plan.steps[-1].fingerprint
    for known in (plan, again):  # made before the commit was known, and after
        assert {state.state for state in known.survey(Store(store.root))} == {State.DONE}


def test_neither_code_nor_pickles_are_downloaded(hub, monkeypatch):
    asked = []
    monkeypatch.setattr("offdiag.models.hub._require_answer", lambda source: None)
    monkeypatch.setattr("offdiag.models.hub.snapshot_download", lambda name, **options: asked.append(options) or name)
    ModelSpec(source="hub:org/other").origin.folder()
    (options,) = asked
    wanted = lambda name: any(fnmatch(name, pattern) for pattern in options["allow_patterns"])  # noqa: E731
    assert all(map(wanted, ("config.json", "model-00001-of-00002.safetensors", "tokenizer.model", "merges.txt")))
    refused = ("modeling_other.py", "pytorch_model.bin", "optimizer.pt", "training_args.bin", "x.pkl", "x.ckpt", "x.so")
    assert not any(map(wanted, refused))


def test_home_is_meant_by_a_tilde(tiny, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "m").symlink_to(tiny)
    spec = ModelSpec(source="dir:~/m")
    assert spec.origin.folder() == tmp_path / "m"
    assert spec.origin.identity() == {"source": "dir:m", "content": content_hash(tiny.resolve())}


@pytest.fixture
def large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a file that is hashed apart, and a cache of its own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    folder = tmp_path / "large"
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    (folder / "model.safetensors").write_bytes(bytes(range(256)) * (2 * SMALL // 256))
    return folder


def test_every_byte_counts(large):
    before, sampled = content_hash(large), sampled_hash(large)
    with (large / "model.safetensors").open("r+b") as file:
        file.seek(100_000)  # between two samples
        file.write(b"\0" * 64)
    assert sampled_hash(large) == sampled
    assert content_hash(large) != before


def test_a_large_file_is_hashed_once(large, monkeypatch):
    file = large / "model.safetensors"
    before = file.stat()
    monkeypatch.setattr(folders, "_TICK_NS", 0)
    first = content_hash(large)
    monkeypatch.setattr(folders.hashlib, "file_digest", None)  # no file may be read again
    folders._settled_hash.cache_clear()
    assert content_hash(large) == first
    monkeypatch.undo()
    monkeypatch.setenv("XDG_CACHE_HOME", str(large.parent / "cache"))
    file.write_bytes(file.read_bytes()[::-1])
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))  # as a copy that keeps times does
    assert content_hash(large) != first


def test_a_damaged_or_unwritable_cache_costs_time_only(large, monkeypatch):
    monkeypatch.setattr(folders, "_TICK_NS", 0)
    first = content_hash(large)
    (entry,) = (large.parent / "cache" / "offdiag" / "file-hashes").iterdir()
    assert json.loads(entry.read_text())["stamp"][0] == str(large / "model.safetensors")
    entry.write_text("{")
    folders._settled_hash.cache_clear()
    assert content_hash(large) == first
    monkeypatch.setenv("XDG_CACHE_HOME", str(large / "config.json"))
    folders._settled_hash.cache_clear()
    assert content_hash(large) == first


def test_small_folders_keep_the_hash_that_stores_have(tiny):
    assert content_hash(tiny) == sampled_hash(tiny)
