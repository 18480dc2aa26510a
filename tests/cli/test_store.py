"""``offdiag store``: a store is listed, measured, verified, cleaned up and merged."""

import json
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from offdiag.lease import lease
from offdiag.store import Store
from offdiag.store.housekeeping import folders
from support.cli_types import Finished, Said, cells
from support.tiny_study import list_again

Offdiag = Callable[..., Said]
Mistake = Callable[..., str]


def names(store: Path) -> set[str]:
    return {f"{path.parent.name}/{path.name}" for path in folders(Store(store))}


@pytest.fixture
def changed(copied: Finished) -> Finished:
    """A store in which a cell has another identity than its study asks for."""
    folder = cells(copied.store)[0]
    cell = json.loads((folder / "cell.json").read_text())
    cell["identity"]["answers"]["max_new_tokens"] = 3
    other = folder.with_name(folder.name[:-8] + "0" * 8)
    folder.rename(other)
    (other / "cell.json").write_text(json.dumps({**cell, "fingerprint": "0" * 64}) + "\n")
    return copied


def test_ls_and_du_tell_what_is_there(offdiag: Offdiag, copied: Finished) -> None:
    folder = cells(copied.store)[0]
    (cells(copied.store)[1] / "result.json").unlink()
    said = offdiag("store", "ls", "--store", copied.store)
    rows = {line.split()[1]: line.split()[0] for line in said.out.splitlines()[2:-2]}
    assert set(rows) == names(copied.store)
    assert rows[f"cells/{folder.name}"] == "done"
    assert rows[f"cells/{cells(copied.store)[1].name}"] == "begun"
    assert "base-addition quick" in said.out
    n_bytes = sum(path.stat().st_size for path in copied.store.glob("*/*/**/*") if path.is_file())
    found = json.loads(offdiag("store", "du", "--store", copied.store, "--json").out)
    listed = json.loads(offdiag("store", "ls", "--store", copied.store, "--json").out)
    assert found["bytes"] == sum(found["kinds"].values()) == sum(each["n_bytes"] for each in listed) == n_bytes
    assert len(json.loads(offdiag("store", "ls", "-k", "lora", "--store", copied.store, "--json").out)) == sum(
        "lora" in name for name in names(copied.store)
    )


def test_gc_deletes_what_no_study_asks_for_and_nothing_else(
    offdiag: Offdiag, mistake: Mistake, changed: Finished
) -> None:
    before = names(changed.store)
    (stale,) = (name for name in before if name.endswith("0" * 8))
    said = offdiag("store", "gc", "--store", changed.store)
    assert said.code == 2
    assert stale in said.out
    assert "answers.max_new_tokens: 3 → " in said.out
    assert "nothing was deleted: to delete these (1 step, " in said.err
    assert names(changed.store) == before
    assert offdiag("store", "gc", "--yes", "--store", changed.store).code == 0
    assert names(changed.store) == before - {stale}
    assert offdiag("store", "gc", "--store", changed.store).out == "Nothing is stale.\n"


def test_gc_keeps_and_tells_what_is_damaged_or_cannot_be_read(offdiag: Offdiag, copied: Finished) -> None:
    damaged, torn, *_ = cells(copied.store)
    (damaged / "result.json").write_text('{"fing')
    (torn / "cell.json").write_text("")
    before = names(copied.store)
    said = offdiag("store", "gc", "--yes", "--store", copied.store)
    assert said.code == 1
    kept = {line.split(" (")[0].removeprefix("kept: "): line for line in said.out.splitlines() if "kept: " in line}
    assert set(kept) == {f"cells/{damaged.name}", f"cells/{torn.name}"}
    assert "result.json is empty, cut off or no JSON" in kept[f"cells/{damaged.name}"]
    assert said.out.endswith("Nothing is stale.\n")
    assert names(copied.store) == before


def test_gc_keeps_the_steps_of_a_study_that_is_not_named(offdiag: Offdiag, own_study: Path, tmp_path: Path) -> None:
    store = tmp_path / "store"
    assert offdiag("run", own_study, "--store", store).code == 0
    own_study.write_text(own_study.read_text().replace("max_new_tokens=4", "max_new_tokens=5"))
    before = names(store)
    said = offdiag("store", "gc", "--yes", "--store", store)
    assert "kept: the steps of " in said.out
    assert said.out.endswith("Nothing is stale.\n")
    assert names(store) == before
    assert offdiag("store", "gc", "--yes", "--study", own_study, "--store", store).code == 0
    assert {name.partition("/")[0] for name in before - names(store)} == {"answers", "cells"}


def test_rm_deletes_what_is_named(offdiag: Offdiag, mistake: Mistake, copied: Finished) -> None:
    folder = cells(copied.store)[0]
    assert "type --yes" in offdiag("store", "rm", folder.name, "--store", copied.store).err
    assert folder.exists()
    assert offdiag("store", "rm", folder.name, "--yes", "--store", copied.store).code == 0
    assert not folder.exists()
    assert offdiag("store", "rm", "answers/*", "--yes", "--store", copied.store).code == 0
    assert not any(name.startswith("answers/") for name in names(copied.store))
    assert "no step matches 'x*'" in mistake("store", "rm", "x*", "--yes", "--store", copied.store)


def test_rm_leaves_what_is_busy(offdiag: Offdiag, copied: Finished) -> None:
    folder = cells(copied.store)[0]
    with lease(folder / "lease.json") as mine:
        assert mine
        said = offdiag("store", "rm", folder.name, "--yes", "--store", copied.store)
    assert said.code == 1
    assert "is busy" in said.out
    assert (folder / "result.json").exists()


def test_merge_takes_what_is_missing_and_tells_of_conflicts(
    offdiag: Offdiag, finished: Finished, copied: Finished, tmp_path: Path
) -> None:
    new = tmp_path / "new"
    everything = names(copied.store)
    first = offdiag("store", "merge", copied.store, "--store", new)
    assert (first.code, first.out) == (0, f"{len(everything)} taken.\n")
    assert names(new) == everything
    assert offdiag("run", *finished.words, "--store", new).out.startswith(
        "base-addition · quick: 4 cells done; nothing"
    )
    assert offdiag("store", "verify", "--store", new).code == 0
    again = offdiag("store", "merge", copied.store, "--store", new)
    assert (again.code, again.out) == (0, f"{len(everything)} here already.\n")
    # A cell that both have finished with other answers, and one that is not finished here.
    ours, lost = cells(new)[0], cells(new)[1]
    answer_otherwise(ours)
    (lost / "result.json").unlink()
    (lost / "records.jsonl").write_text("half")
    mixed = offdiag("store", "merge", copied.store, "--store", new, "--json")
    assert mixed.code == 1
    outcomes = {each["name"]: (each["outcome"], each["why"]) for each in json.loads(mixed.out)}
    assert outcomes[f"cells/{ours.name}"] == ("conflict", "other content: records.jsonl")
    assert outcomes[f"cells/{lost.name}"] == ("taken", "")
    assert (lost / "records.jsonl").read_bytes() == (cells(copied.store)[1] / "records.jsonl").read_bytes()
    assert "own" in (ours / "records.jsonl").read_text()


def answer_otherwise(folder: Path) -> None:
    """Change a record of a finished step as if it had been computed so."""
    records = [json.loads(line) for line in (folder / "records.jsonl").read_text().splitlines()]
    records[0]["completion"] = "own"
    (folder / "records.jsonl").write_text("".join(f"{json.dumps(record)}\n" for record in records))
    list_again(folder)


@pytest.mark.parametrize("damage", ["flipped", "link", "pipe", "identity"])
def test_merge_takes_nothing_that_is_damaged_or_leads_elsewhere(
    offdiag: Offdiag, copied: Finished, tmp_path: Path, damage: str
) -> None:
    folder = cells(copied.store)[0]
    records = folder / "records.jsonl"
    secret = tmp_path / "secret"
    secret.write_text("secret")
    if damage == "flipped":
        data = bytearray(records.read_bytes())
        data[10] ^= 1
        records.write_bytes(bytes(data))
    elif damage == "link":
        (folder / "more.txt").symlink_to(secret)
    elif damage == "pipe":
        os.mkfifo(folder / "more")
    else:
        shutil.move(folder, folder.with_name(folder.name[:-8] + "0" * 8))
    said = offdiag("store", "merge", copied.store, "--store", tmp_path / "new")
    assert said.code == 1
    assert "1 damaged there" in said.out
    assert len(names(tmp_path / "new")) == len(names(copied.store)) - 1
    assert not any("secret" in path.read_text(errors="replace") for path in (tmp_path / "new").rglob("*.txt"))


def test_what_is_no_store_is_not_merged(mistake: Mistake, copied: Finished, tmp_path: Path) -> None:
    assert "is not an offdiag store" in mistake("store", "merge", tmp_path / "none", "--store", copied.store)
    assert "is this very store" in mistake("store", "merge", copied.store, "--store", copied.store)


def test_verify_finds_a_flipped_bit(offdiag: Offdiag, copied: Finished) -> None:
    n = len(names(copied.store))
    whole = offdiag("store", "verify", "--store", copied.store)
    assert (whole.code, whole.out) == (0, f"{n} finished steps checked, 0 of them damaged.\n")
    records = cells(copied.store)[0] / "records.jsonl"
    data = bytearray(records.read_bytes())
    data[len(data) // 2] ^= 4
    stat = records.stat()
    records.write_bytes(bytes(data))
    os.utime(records, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    said = offdiag("store", "verify", "--store", copied.store, "--json")
    assert said.code == 1
    assert list(json.loads(said.out)["damaged"]) == [f"cells/{records.parent.name}"]
    assert offdiag("store", "verify", cells(copied.store)[1].name, "--store", copied.store).code == 0


@pytest.fixture
def leased(copied: Finished) -> Iterator[Path]:
    folder = cells(copied.store)[0]
    with lease(folder / "lease.json"):
        yield folder


def test_unlock_removes_dead_leases_and_named_ones_with_a_yes(offdiag: Offdiag, copied: Finished, leased: Path) -> None:
    path = leased / "lease.json"
    dead = cells(copied.store)[1] / "lease.json"
    holder = json.loads(path.read_text())
    dead.write_text(json.dumps({**holder, "pid": 2**22 + 1, "nonce": "x", "started": 1}))
    said = offdiag("store", "unlock", "--store", copied.store)
    assert f"removed: cells/{dead.parent.name}" in said.out
    assert f"kept: cells/{leased.name}" in said.out
    assert not dead.exists()
    assert offdiag("store", "unlock", leased.name, "--store", copied.store).code == 1
    assert path.exists()
    assert offdiag("store", "unlock", leased.name, "--yes", "--store", copied.store).code == 0
    assert not path.exists()
    assert offdiag("store", "unlock", "--store", copied.store).out == "No step has a lease.\n"
