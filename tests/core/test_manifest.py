"""A finished step knows its files: what is not as it was is found, told, done again and never used."""

import errno
import json
import os
import shutil
from hashlib import sha256
from pathlib import Path

import pytest

from offdiag.engine import run_plan
from offdiag.errors import UserError
from offdiag.steps import Examples
from offdiag.store import State, Store, verify
from offdiag.studies.base_addition.task import AdditionDomain
from support.tiny_study import answer_by_hand, contents, steps_of, tiny_plan, write_result

STEP = Examples(domain=AdditionDomain(base=8), split="eval", n=3)


@pytest.fixture
def store(tmp_path):
    store = Store(tmp_path / "store")
    with store.claim(STEP, {}) as folder:
        (folder / "examples.jsonl").write_text("one\ntwo\n")
        (folder / "weights").mkdir()
        (folder / "weights" / "adapter").write_bytes(bytes(range(256)))
        store.finish(STEP, {"n": 2})
    return store


def at_the_same_time(path, content):
    """Write a file and leave its time as it was, as a failing disk does."""
    before = path.stat()
    path.write_bytes(content)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def flipped(content: bytes, bit: int = 5) -> bytes:
    return bytes([content[0] ^ 1 << bit]) + content[1:]


def test_the_result_lists_size_and_checksums_of_every_file(store):
    folder = store.folder(STEP)
    files = json.loads((folder / "result.json").read_text())["files"]
    assert sorted(files) == ["cell.json", "examples.jsonl", "weights/adapter"]
    text = b"one\ntwo\n"
    assert files["examples.jsonl"] == {"bytes": 8, "crc32": "12ba0be6", "sha256": sha256(text).hexdigest()}
    assert store.damage(STEP, "whole") == ""
    assert verify(folder).damage == ()
    assert verify(folder).listed


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (lambda path: path.unlink(), "is missing"),
        (lambda path: path.write_bytes(b""), "has 0 bytes, expected "),
        (lambda path: path.write_bytes(path.read_bytes() * 2), " bytes, expected "),
        (lambda path: path.write_bytes(flipped(path.read_bytes())), "has another content than when it was finished"),
    ],
)
@pytest.mark.parametrize("name", ["cell.json", "examples.jsonl", "weights/adapter"])
def test_a_file_that_was_changed_is_damage_at_first_sight(store, name, spoil, told):
    spoil(store.folder(STEP) / name)
    assert store.state(STEP) is State.DAMAGED
    assert store.damage(STEP).startswith(f"{name} ")
    assert told in store.damage(STEP)
    assert store.result(STEP) is None


def test_a_bit_that_a_disk_lost_is_found_by_who_reads_it(store):
    path = store.folder(STEP) / "weights" / "adapter"
    at_the_same_time(path, flipped(path.read_bytes()))
    assert store.state(STEP) is State.DONE  # sizes and times alone
    assert store.state(STEP, care="reading") is State.DAMAGED
    assert verify(store.folder(STEP)).damage == ("weights/adapter has another content than when it was finished",)


@pytest.mark.parametrize(("method", "care"), [("stat", "sizes"), ("open", "reading"), ("open", "whole")])
def test_a_file_that_one_may_not_read_is_told_and_is_no_damage(store, monkeypatch, method, care):
    """Even root may read what has no permissions, so the system's refusal is made up."""
    file = store.folder(STEP) / "weights" / "adapter"
    allowed = getattr(Path, method)

    def refusing(path, *args, **how):
        if path == file:
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return allowed(path, *args, **how)

    monkeypatch.setattr(Path, method, refusing)
    with pytest.raises(UserError, match=r"cannot read .*/adapter \(Permission denied\): give yourself the right to"):
        Store(store.root).damage(STEP, care)


def test_a_store_that_was_copied_is_whole(store, tmp_path):
    other = Store(shutil.copytree(store.root, tmp_path / "other", copy_function=shutil.copy))
    assert other.state(STEP) is State.DONE
    assert verify(other.folder(STEP)).damage == ()


def test_a_result_whose_content_was_changed_is_damaged(store):
    path = store.folder(STEP) / "result.json"
    path.write_text(path.read_text().replace('"n": 2', '"n": 3'))
    assert store.state(STEP) is State.DAMAGED
    assert store.damage(STEP) == "result.json has another content than when it was finished"


@pytest.mark.parametrize("files", [None, [], {"examples.jsonl": 3}, {"examples.jsonl": {}}])
def test_a_list_of_files_that_is_none_is_damage(store, files):
    path = store.folder(STEP) / "result.json"
    write_result(path.parent, {**json.loads(path.read_text()), "files": files})
    assert store.state(STEP) is State.DAMAGED


def test_a_result_of_an_earlier_version_is_taken_as_it_is(store):
    folder = store.folder(STEP)
    result = json.loads((folder / "result.json").read_text())
    del result["files"], result["crc32"]
    (folder / "result.json").write_text(json.dumps(result))
    (folder / "examples.jsonl").write_text("other\n")
    assert store.state(STEP, care="reading") is State.DONE
    assert verify(folder).damage == ()
    assert not verify(folder).listed
    (folder / "cell.json").write_text("")
    assert store.state(STEP) is State.DAMAGED


def test_verify_compares_the_fingerprints(store):
    folder = store.folder(STEP)
    path = folder / "cell.json"
    cell = json.loads(path.read_text())
    cell["identity"]["n"] = 4
    path.write_text(json.dumps(cell))
    assert "cell.json has an identity that is not that of its fingerprint" in verify(folder).damage
    moved = folder.rename(folder.with_name("another-00000000"))
    assert "the folder's name does not end with its fingerprint" in verify(moved).damage


def test_what_is_damaged_is_made_anew_from_nothing(store):
    folder = store.folder(STEP)
    (folder / "examples.jsonl").write_text("")
    with store.claim(STEP, {}) as claimed:
        assert sorted(path.name for path in claimed.iterdir()) == ["cell.json", "lease.json"]
    assert store.state(STEP) is State.MISSING


def test_a_killed_redoing_leaves_the_step_damaged(store, monkeypatch):
    (store.folder(STEP) / "examples.jsonl").write_text("")

    def killed(path):
        raise KeyboardInterrupt

    monkeypatch.setattr(shutil, "rmtree", killed)
    with pytest.raises(KeyboardInterrupt), store.claim(STEP, {}):
        pass
    monkeypatch.undo()
    assert store.state(STEP) is State.DAMAGED
    with store.claim(STEP, {}) as folder:
        assert not (folder / "weights").exists()


def test_a_step_whose_input_is_damaged_makes_it_anew(tmp_path, model_stub):
    plan, store = tiny_plan(model_stub), Store(tmp_path / "store")
    for answers in steps_of(plan, "answers"):
        answer_by_hand(store, answers, bool)
    assert run_plan(plan, store).complete
    whole = contents(store.root)
    cell = steps_of(plan, "cells")[0]
    examples = cell.answers.examples
    path = store.folder(examples) / "examples.jsonl"
    at_the_same_time(path, flipped(path.read_bytes(), 0))
    again = Store(store.root)
    assert run_plan(plan, again).planned == 0  # nothing reads it
    (store.folder(cell) / "records.jsonl").write_text("")
    survey = {s.step: s for s in plan.survey(again) if s.needed}
    assert {step: state.state for step, state in survey.items()} == dict.fromkeys((examples, cell), State.DAMAGED)
    assert survey[cell].note.startswith("records.jsonl has 0 bytes, expected ")
    assert run_plan(plan, again).done == 2
    assert contents(store.root) == whole
