"""Housekeeping of a store: what is in it, what it takes, what may go, and another store taken into it.

A store may come from anybody: no link of it is followed, and nothing but plain files is copied.
"""

import os
import shutil
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import StrEnum
from fnmatch import fnmatchcase
from pathlib import Path
from stat import S_ISREG
from typing import Any, NamedTuple

from offdiag.durable import move
from offdiag.errors import StoreError, UserError, did_you_mean
from offdiag.lease import held, lease
from offdiag.manifest import manifest_of
from offdiag.store.finished import OF_THE_STORE, RESULT, look_at, verify
from offdiag.store.json_files import read_json
from offdiag.store.store import Store

LEASE, CELL = "lease.json", "cell.json"
_MERGING = ".merging"  # where folders are while they are copied; no step is of a kind with a dot


class Entry(NamedTuple):
    """A step's folder, as it is on the disk.

    Attributes:
        state: done, damaged, busy, failed, or begun. n_bytes: of all its files. finished: when, as ISO 8601; empty
            where it is not. study: the study that asked for it first; empty where that cannot be read.
    """

    folder: Path
    state: str
    n_bytes: int
    finished: str
    study: str

    @property
    def name(self) -> str:
        """Its place below the store: ``cells/tiny--base=8-1a2b3c4d``."""
        return name_of(self.folder)


class Outcome(StrEnum):
    """What became of a step of another store."""

    TAKEN = "taken"
    SAME = "same"
    CONFLICT = "conflict"
    DAMAGED = "damaged"
    BUSY = "busy"
    UNFINISHED = "unfinished"


class MergeResult(NamedTuple):
    """A step of another store, what became of it, and why."""

    name: str
    outcome: Outcome
    why: str = ""


class Lease(NamedTuple):
    """A lease file.

    Attributes:
        live: whether its holder is not known to be dead. holder: host and process. age_s: seconds since its heartbeat.
    """

    folder: Path
    live: bool
    holder: str
    age_s: float


def name_of(folder: Path) -> str:
    """Return a step's place below the store."""
    return f"{folder.parent.name}/{folder.name}"


def find(store: Store, text: str) -> Path:
    """Return the one folder whose name or hash begins with ``text``, maybe ``KIND/NAME``; cells come first.

    Several words are parts of its name.

    Raises:
        UserError: none or several match; the message lists them.
    """
    every = [path.parent for path in sorted(store.root.glob("*/*/cell.json"))]
    kind, _, wanted = text.rstrip("/").rpartition("/")
    every = [f for f in every if f.parent.name == kind.rpartition("/")[2]] or every
    exact = [f for f in every if wanted in (f.name, f.name.rpartition("-")[2])]
    found = (
        exact
        or [f for f in every if f.name.startswith(wanted)]
        or [f for f in every if wanted.split() and all(word in f.name for word in wanted.split())]
    )
    if not kind:
        found = [f for f in found if f.parent.name == "cells"] or found
    if len(found) == 1:
        return found[0]
    if not every:
        raise UserError(f"nothing is in the store {store.root} yet: run a study first, or give another with --store")
    if not found:
        names = [f.name for f in every if f.parent.name == "cells"] or [f.name for f in every]
        shown = ", ".join(names[:4]) + (" …" if len(names) > 4 else "")
        raise UserError(f"no cell {text!r} in {store.root}: {did_you_mean(text, names)}there are {shown}")
    listed = ", ".join(f.name for f in found[:6]) + (" …" if len(found) > 6 else "")
    raise UserError(f"{text!r} matches {len(found)} cells: {listed}: give more of the name, or its hash")


def folders(store: Store) -> list[Path]:
    """Return the folders of all steps, finished or not, in the order of their names."""
    kinds = [path for path in store.root.glob("[!.]*") if path.is_dir() and not path.is_symlink()]
    found = (path for kind in sorted(kinds) for path in sorted(kind.iterdir()) if not path.is_symlink())
    return [path for path in found if any((path / name).exists() for name in (CELL, RESULT, LEASE, "error.txt"))]


def chosen(store: Store, names: Sequence[str]) -> list[Path]:
    """Return the folders that are named: by a name, a part of one, a hash, or a pattern with ``*``.

    Raises:
        UserError: a name matches nothing, or, without a ``*``, several.
    """
    found: dict[Path, None] = {}
    for name in names:
        if "*" not in name:
            found[find(store, name)] = None
            continue
        alike = [path for path in folders(store) if fnmatchcase(path.name, name) or fnmatchcase(name_of(path), name)]
        if not alike:
            raise UserError(f"no step matches {name!r} in {store.root}: type `offdiag store ls` for the names")
        found |= dict.fromkeys(alike)
    return list(found)


def entry(folder: Path) -> Entry:
    """Return what a folder is, without a look into its records."""
    found = look_at(folder, "sizes")
    finished = "" if found.result is None or found.damage else str(found.result.get("finished", ""))
    state = "done" if found.result is not None and not found.damage else "damaged" if found.damage else "begun"
    if state != "done" and held(folder / LEASE):
        state = "busy"
    elif state == "begun" and (folder / "error.txt").exists():
        state = "failed"
    return Entry(folder, state, sum(max(size, 0) for _, size in _files(folder)), finished, _study(folder))


def remove(paths: Iterable[Path]) -> Iterator[tuple[Path, bool]]:
    """Delete steps and yield each with whether it is gone; what another process works on stays."""
    for path in paths:
        with lease(path / LEASE) as mine:
            if mine:
                (path / RESULT).unlink(missing_ok=True)  # first, so that half of a result never counts as one
                shutil.rmtree(path)
        yield path, mine


def merge(ours: Store, theirs: Store) -> Iterator[MergeResult]:
    """Take the finished steps of another store that ours lacks, each verified, and tell of each what became of it.

    Where both have finished a step and their files differ, ours stays: a conflict.

    Raises:
        UserError: both are one store.
    """
    if theirs.root.resolve() == ours.root.resolve():
        raise UserError(f"{theirs.root} is this very store: name another one to take steps from")
    theirs_folders = folders(theirs)
    if theirs_folders:
        ours.mark()
    for folder in theirs_folders:
        outcome, why = _merged(ours, folder)
        yield MergeResult(name_of(folder), outcome, why)
    shutil.rmtree(ours.root / _MERGING, ignore_errors=True)


def leases(paths: Iterable[Path]) -> Iterator[Lease]:
    """Yield the leases in the folders."""
    for folder in paths:
        path = folder / LEASE
        try:
            age = time.time() - path.stat().st_mtime
        except OSError:
            continue
        try:
            said: Mapping[str, Any] = read_json(path)
        except StoreError:
            said = {}
        yield Lease(folder, held(path), f"{said.get('host', 'unknown')} pid {said.get('pid', 'unknown')}", age)


def unlock(found: Lease) -> None:
    """Remove a lease: a runner that still lives can write nothing more there."""
    (found.folder / LEASE).unlink(missing_ok=True)


def _merged(ours: Store, theirs: Path) -> tuple[Outcome, str]:
    if odd := next((path.name for path, size in _files(theirs) if size < 0), None):
        return Outcome.DAMAGED, f"{odd} is no plain file"
    found = verify(theirs)
    if found.damage:
        return Outcome.DAMAGED, "; ".join(found.damage)
    if found.result is None:
        return Outcome.UNFINISHED, ""
    own = ours.root / theirs.parent.name / theirs.name
    mine = look_at(own, "reading")
    if mine.result is not None and not mine.damage:
        differing = _differing(own, theirs)
        return (Outcome.CONFLICT, f"other content: {', '.join(differing)}") if differing else (Outcome.SAME, "")
    copy = ours.root / _MERGING / theirs.parent.name / theirs.name
    shutil.rmtree(copy, ignore_errors=True)
    own.mkdir(parents=True, exist_ok=True)
    with lease(own / LEASE) as free:
        if not free:
            return Outcome.BUSY, "another process works on ours"
        shutil.copytree(theirs, copy, ignore=lambda place, names: [n for n in names if _left(Path(place), theirs, n)])
        if again := verify(copy).damage:  # it changed while it was copied
            return Outcome.DAMAGED, "; ".join(again)
        for path in list(own.iterdir()):  # what a run that was killed or failed left there
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            elif not path.name.startswith(LEASE):
                path.unlink()
        for path in sorted(copy.iterdir(), key=lambda path: path.name == RESULT):  # the result last
            move(path, own / path.name)
    return Outcome.TAKEN, ""


def _left(place: Path, top: Path, name: str) -> bool:
    return place == top and name.startswith(OF_THE_STORE) and name != RESULT


def _differing(own: Path, theirs: Path) -> list[str]:
    """Return the files in which two results differ; who asked for them first is no difference."""
    here, there = manifest_of(own, OF_THE_STORE), manifest_of(theirs, OF_THE_STORE)
    names = sorted({*here, *there} - {CELL})
    return [name for name in names if here.get(name) != there.get(name)]


def _files(folder: Path) -> Iterator[tuple[Path, int]]:
    """Yield all files below a folder with their bytes; -1 for what is no plain file, such as a link."""
    for place, below, names in os.walk(folder):
        for name in (*names, *(each for each in below if Path(place, each).is_symlink())):
            path = Path(place, name)
            try:
                found = path.lstat()
            except FileNotFoundError:  # a run has just moved it
                continue
            yield path, found.st_size if S_ISREG(found.st_mode) else -1


def _study(folder: Path) -> str:
    try:
        origin = read_json(folder / CELL).get("origin")
    except StoreError:
        return ""
    if not isinstance(origin, dict):
        return ""
    return " ".join(filter(None, (str(origin.get("study", "")), str(origin.get("scale", "")))))
