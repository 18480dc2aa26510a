"""Results that were stored under an earlier form of a model's identity stay valid where nothing speaks against it."""

import os
from contextlib import contextmanager
from json import dumps
from pathlib import Path

import pytest

from offdiag.methods.fine_tuning import FineTuned
from offdiag.models import ModelSpec, folders
from offdiag.steps import Examples, Generations, Weights
from offdiag.store import State, Store
from offdiag.studies.base_addition.task import AdditionDomain
from offdiag.training import Recipe

ASKED = Examples(domain=AdditionDomain(base=8), split="eval", n=3)
COMMIT, OTHER = "a" * 40, "b" * 40


def answers(source: str, new: int = 8, dtype: str = "float32") -> Generations:
    spec = ModelSpec(source=source, dtype=dtype)  # type: ignore[arg-type]
    return Generations(weights=Weights(spec=spec), examples=ASKED, style="direct", max_new_tokens=new)


def finish(store: Store, step: Generations) -> Path:
    with store.claim(step, {"study": "tiny"}) as folder:
        assert folder is not None
        store.finish(step, {"n": 3})
    return folder


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


@pytest.fixture
def large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "m").mkdir()
    (tmp_path / "m" / "config.json").write_text("{}")
    (tmp_path / "m" / "model.safetensors").write_bytes(bytes(2 * folders.SMALL))
    return tmp_path / "m"


def write(file: Path, at: int) -> None:
    with file.open("r+b") as opened:
        opened.seek(at)
        opened.write(b"x")


@contextmanager
def as_once(monkeypatch: pytest.MonkeyPatch):
    """Identities as earlier versions made them: a folder by samples, a hub model by its name."""
    with monkeypatch.context() as patch:
        patch.setattr("offdiag.models.sources.content_hash", folders.sampled_hash)
        patch.setattr("offdiag.models.sources.Hub.commit", None)
        yield


def test_a_folder_hashed_by_samples_is_still_known_until_a_sample_changes(store, large, monkeypatch):
    source = f"dir:{large}"
    with as_once(monkeypatch):
        old = answers(source)
        folder = finish(store, old)
    step = answers(source)
    assert step.fingerprint != old.fingerprint
    assert store.states([step])[step.fingerprint] is State.DONE
    assert store.state(step) is State.DONE
    assert (store.folder(step), store.result(step)["summary"]) == (folder, {"n": 3})
    for other in (answers(source, new=9), answers(source, dtype="bfloat16")):
        assert Store(store.root).state(other) is State.STALE
    write(large / "model.safetensors", 10)
    assert Store(store.root).state(answers(source)) is State.STALE


def test_a_whole_hash_is_never_taken_for_another(store, large):
    finish(store, answers(f"dir:{large}"))
    write(large / "model.safetensors", 100_000)  # between two samples
    changed = answers(f"dir:{large}")
    assert Store(store.root).state(changed) is State.STALE
    assert [reason.field for reason in store.reasons(changed)] == ["weights.spec.content"]


@pytest.fixture
def ref(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the hub's cache says which commit is main; nothing is there yet."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    return tmp_path / "hub" / "models--org--name" / "refs" / "main"


def download(ref: Path, commit: str, at: float) -> None:
    (ref.parent.parent / "snapshots" / commit).mkdir(parents=True, exist_ok=True)
    ref.parent.mkdir(exist_ok=True)
    ref.write_text(commit)
    os.utime(ref, (at, at))


def test_a_result_without_a_commit_is_of_the_commit_that_was_there(store, ref, monkeypatch):
    with as_once(monkeypatch):
        finish(store, answers("hub:org/name"))
    download(ref, COMMIT, at=1e9)  # long before the result
    assert Store(store.root).state(answers("hub:org/name")) is State.DONE
    download(ref, COMMIT, at=4e9)  # after it: it may be of another
    assert Store(store.root).state(answers("hub:org/name")) is State.STALE


def test_a_store_is_read_where_the_model_is_not(store, ref):
    download(ref, COMMIT, at=1e9)
    finish(store, answers("hub:org/name"))
    ref.unlink()
    assert Store(store.root).state(answers("hub:org/name")) is State.DONE
    download(ref, OTHER, at=1e9)
    assert Store(store.root).state(answers("hub:org/name")) is State.STALE


def model_of(tmp_path: Path, **config: object) -> str:
    folder = tmp_path / "m"
    folder.mkdir(exist_ok=True)
    (folder / "config.json").write_text(dumps(config))
    return f"dir:{folder}"


@contextmanager
def asked_as_once(monkeypatch: pytest.MonkeyPatch):
    """Identities as they were before the way of asking was proved."""
    with monkeypatch.context() as patch:
        patch.setattr("offdiag.steps.step.asking_of", lambda origin: {})
        yield


LONGROPE = {"model_type": "phi3", "rope_scaling": {"type": "longrope"}, "original_max_position_embeddings": 300}


@pytest.mark.parametrize(
    ("config", "record", "state"),
    [
        ({"model_type": "nemotron"}, {"prompt": "76+14?", "n_prompt": 6, "n_tokens": 2}, State.STALE),
        ({"model_type": "llama"}, {"prompt": "76+14?", "n_prompt": 6, "n_tokens": 2}, State.DONE),
        (LONGROPE, {"prompt": "76+14?", "n_prompt": 298, "n_tokens": 2}, State.DONE),
        (LONGROPE, {"prompt": "76+14?", "n_prompt": 299, "n_tokens": 2}, State.STALE),
        (LONGROPE, {"prompt": "76+14?", "n_tokens": 2}, State.DONE),  # how long it was is bounded by its bytes
        (LONGROPE, {"prompt": "76+14?" * 20, "n_tokens": 2}, State.STALE),
        (LONGROPE, {"prompt": "76+14?", "n_tokens": 2, "scores": [-1.0, -2.0]}, State.STALE),
    ],
)
def test_answers_that_the_way_of_asking_changed_are_stale(store, tmp_path, monkeypatch, config, record, state):
    source = model_of(tmp_path, **config)
    with asked_as_once(monkeypatch):
        old = answers(source)
        folder = finish(store, old)
    (folder / "answers.jsonl").write_text(dumps(record) + "\n")
    step = answers(source)
    assert (step.fingerprint == old.fingerprint) == (config["model_type"] == "llama")
    assert Store(store.root).state(step) is state
    if state is State.STALE:
        assert [str(reason) for reason in store.reasons(step)] == ["asking: — → 2"]


def test_a_training_was_never_asked(tmp_path):
    spec = ModelSpec(source=model_of(tmp_path, model_type="nemotron"))
    training = FineTuned(
        start=Weights(spec=spec), examples=ASKED, rationale=False, style="direct", recipe=Recipe(), seed=0
    )
    assert "asking" not in training.canonical()
