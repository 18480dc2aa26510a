"""A simulated power cut: what a process did to a store is recorded, and then partly taken back, as a disk would.

The model is that of a file system that keeps the order of what is done to names (creations, moves, deletions), as ext4,
XFS and Btrfs do, and promises of the content of a file only what was asked for:

* Names: an in-order prefix of what was done to them is on the disk. What is surely in it is all up to the last
  operation whose folder was synced afterwards; where it ends behind that is drawn.
* Content: a file that was synced and not written since is as it is. Of any other the bytes behind those that were
  synced are drawn to be lost, torn, zero or there; one that was never synced may be gone altogether.

What is recorded are Python's calls of the operating system, and of all else the state at the end; the process kills
itself after a number of operations.
"""

import json
import os
import random
import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

NAMED = ("replace", "rename", "unlink", "remove", "mkdir", "rmdir", "link")
SYNC = "sync"


def record(root: Path, log: Path, die_after: int | None = None) -> None:
    """Record in this process what is done below ``root``; kill it after so many operations.

    ``log`` is a folder for the record and for what is overwritten or deleted. Nothing is really synced.
    """
    log.mkdir(parents=True)
    written = os.open(log / "operations.jsonl", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    count = 0

    def note(**operation: Any) -> None:
        nonlocal count
        os.write(written, (json.dumps(operation) + "\n").encode())
        count += 1
        if count == die_after:
            os.kill(os.getpid(), signal.SIGKILL)

    def full(path: Any, folder: int | None) -> str:
        base = "" if folder is None else os.readlink(f"/proc/self/fd/{folder}")
        return os.path.abspath(os.path.join(base, os.fspath(path)))

    def watched(name: str) -> Callable[..., Any]:
        real = getattr(os, name)

        def call(path: Any, *rest: Any, **options: Any) -> Any:
            folder = options.get("dir_fd")
            paths = [full(path, folder), *(full(other, folder) for other in rest if isinstance(other, str | Path))]
            if not paths[0].startswith(str(root)):
                return real(path, *rest, **options)
            lost = paths[-1] if name in ("replace", "rename", "unlink", "remove") else ""
            kept = ""
            if os.path.isfile(lost):
                kept = str(log / f"kept-{count}")
                shutil.copy2(lost, kept)
            done = real(path, *rest, **options)
            note(name=name, paths=paths, kept=kept)
            return done

        return call

    def fsync(number: int) -> None:
        path, found = os.readlink(f"/proc/self/fd/{number}"), os.fstat(number)
        if path.startswith(str(root)):
            note(name=SYNC, paths=[path], inode=found.st_ino, state=[found.st_size, found.st_mtime_ns])

    for path in (path for path in root.rglob("*") if path.is_file()):  # what is there has outlived what was before
        found = path.stat()
        entry = {"name": SYNC, "paths": [str(path)], "inode": found.st_ino, "state": [found.st_size, found.st_mtime_ns]}
        os.write(written, (json.dumps(entry) + "\n").encode())
    for name in NAMED:
        setattr(os, name, watched(name))
    os.fsync = fsync


def operations(log: Path) -> list[dict[str, Any]]:
    """Return what was recorded."""
    return [json.loads(line) for line in (log / "operations.jsonl").read_text().splitlines()]


def cut(root: Path, log: Path, draw: random.Random) -> int:
    """Take back what a power cut at this moment loses; return how many files and names that concerns."""
    done = operations(log)
    restored = _undo_names(done, draw)
    synced = {operation["inode"]: operation["state"] for operation in done if operation["name"] == SYNC}
    lost = len(restored)
    for path in sorted(path for path in root.rglob("*") if path.is_file()):
        found = path.stat()
        safe = synced.get(found.st_ino)
        if str(path) not in restored and safe != [found.st_size, found.st_mtime_ns]:
            lost += _lose_content(path, 0 if safe is None else min(safe[0], found.st_size), safe is None, draw)
    for lease in root.rglob("lease.json"):
        os.utime(lease, (0, 0))  # the machine was off for a while
    return lost


def _undo_names(done: list[dict[str, Any]], draw: random.Random) -> set[str]:
    names = [i for i, operation in enumerate(done) if operation["name"] != SYNC]
    surely = 0
    for place, i in enumerate(names):
        folder = os.path.dirname(done[i]["paths"][-1])
        if any(later["name"] == SYNC and later["paths"] == [folder] for later in done[i + 1 :]):
            surely = place + 1
    restored = set()
    for i in reversed(names[draw.randint(surely, len(names)) :]):
        name, paths, kept = done[i]["name"], done[i]["paths"], done[i]["kept"]
        match name:
            case "replace" | "rename":
                if os.path.exists(paths[1]):
                    os.replace(paths[1], paths[0])
            case "mkdir":
                shutil.rmtree(paths[0], ignore_errors=True)
            case "link":
                Path(paths[1]).unlink(missing_ok=True)
            case "rmdir":
                os.makedirs(paths[0], exist_ok=True)
        if kept:
            shutil.copy2(kept, paths[-1])
            restored.add(paths[-1])
    return restored


def _lose_content(path: Path, safe: int, may_vanish: bool, draw: random.Random) -> bool:
    content = path.read_bytes()
    torn = draw.randint(safe, len(content))
    match draw.choice(["all", "torn", "zero", "whole", *(["gone"] if may_vanish else [])]):
        case "all":
            path.write_bytes(content[:safe])
        case "torn":
            path.write_bytes(content[:torn])
        case "zero":
            path.write_bytes(content[:torn] + bytes(len(content) - torn))
        case "gone":
            path.unlink()
        case "whole":
            return False
    return True
