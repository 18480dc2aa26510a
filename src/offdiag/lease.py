"""A lease file with a heartbeat, which keeps two runners off one folder."""

import json
import os
import secrets
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

HEARTBEAT_S, EXPIRY_S = 5.0, 60.0


@contextmanager
def lease(path: Path) -> Iterator[bool]:
    """Hold the lease file for the time of the block; yield False if another live process has it.

    A lease is dead when its process is (on this host) or when its heartbeat is older than a minute (anywhere).
    """
    if _dead(path):
        _bury(path)
    nonce = secrets.token_hex(8)
    try:
        with path.open("x", encoding="utf-8") as file:
            json.dump({"host": socket.gethostname(), "pid": os.getpid(), "nonce": nonce}, file)
    except FileExistsError:
        yield False
        return
    stop = threading.Event()
    thread = threading.Thread(target=_beat, args=(path, stop), daemon=True)
    thread.start()
    try:
        yield True
    finally:
        stop.set()
        thread.join()
        if _read(path).get("nonce") == nonce:
            path.unlink(missing_ok=True)


def held(path: Path) -> bool:
    """Return whether a live process holds the lease file."""
    return path.exists() and not _dead(path)


def _beat(path: Path, stop: threading.Event) -> None:
    while not stop.wait(HEARTBEAT_S):
        with suppress(OSError):
            os.utime(path)


def _read(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def _dead(path: Path) -> bool:
    """Return whether the file exists but its holder is gone."""
    try:
        age = time.time() - path.stat().st_mtime
    except FileNotFoundError:
        return False
    if age > EXPIRY_S:
        return True
    holder = _read(path)
    return holder.get("host") == socket.gethostname() and not _running(holder.get("pid"))


def _running(pid: object) -> bool:
    if not isinstance(pid, int):
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return not _zombie(pid)


def _zombie(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except (OSError, IndexError):
        return False


def _bury(path: Path) -> None:
    """Remove a dead lease, one runner at a time, so that nobody removes a new one."""
    guard = path.with_name(f"{path.name}.guard")
    try:
        guard.touch(exist_ok=False)
    except FileExistsError:
        if _dead(guard):  # its runner was killed in the act
            guard.unlink(missing_ok=True)
        return
    try:
        if _dead(path):
            path.unlink(missing_ok=True)
    finally:
        guard.unlink(missing_ok=True)
