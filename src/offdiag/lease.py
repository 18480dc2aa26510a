"""A lease file with a heartbeat, which keeps two runners off one folder.

Nobody's clock is compared with another's to say whether a holder lives:

* A holder on this machine is looked up by its process and the start of that process. As long as it lives its lease is
  never taken, even if it is stopped. One of an earlier boot of this machine is dead.
* Any other holder (another machine, another PID namespace) lives as long as its heartbeat moves. It is dead when the
  file has looked the same for ``EXPIRY_S`` of the onlooker's own clock.

So a machine that slept may find its lease in other hands. It must not write any more: all that write into a leased
folder call :func:`ensure_held` first.
"""

import json
import os
import secrets
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

from offdiag.errors import StoreError

# A shared file system may show a heartbeat a minute late.
HEARTBEAT_S, EXPIRY_S = 5.0, 180.0
JOB = "OFFDIAG_JOB"  # names the job of this process where no batch system does


class LeaseLostError(StoreError):
    """The lease is in other hands: whoever held it may not write any more."""


@dataclass(frozen=True)
class Holder:
    """A process that holds a lease.

    Attributes:
        host: name of its machine. pid: its number. nonce: tells one lease from the next one of the same process.
        place: the boot and the PID namespace in which ``pid`` means this process, and the machine where it says which
            one it is; empty in earlier leases.
        started: when it began, in ticks since boot; None where the system does not tell.
        job: see :func:`job`.
    """

    host: str
    pid: int
    nonce: str
    place: str = ""
    started: int | None = None
    job: str = ""

    def __str__(self) -> str:
        return f"{self.host} pid {self.pid}" + (f" job {self.job}" if self.job else "")


class _Look(NamedTuple):
    """What a lease file looks like: its holder, None where it is torn, and a stamp that each heartbeat changes."""

    holder: Holder | None
    stamp: tuple[int, int]

    @property
    def name(self) -> str:
        return "torn" if self.holder is None else self.holder.nonce


@contextmanager
def lease(path: Path) -> Iterator[bool]:
    """Hold the lease file for the time of the block; yield False if another process has it."""
    mine = myself()
    with _HEART.knowing(mine):
        if not _acquire(path, mine, EXPIRY_S):
            yield False
            return
        _HEART.add(path, mine)
        try:
            yield True
        finally:
            _HEART.remove(path)
            if _is_held_by(path, mine):
                for left in path.parent.glob(f"{path.name}.*"):  # by processes that were killed on their way to it
                    left.unlink(missing_ok=True)
                path.unlink(missing_ok=True)


def myself() -> Holder:
    """Return this process as a holder of its next lease."""
    me = os.getpid()
    return Holder(socket.gethostname(), me, secrets.token_hex(8), _place(), _started(me), job())


def held(path: Path) -> bool:
    """Return whether a process holds the lease file and is not known to be dead."""
    look = _look(path)
    return look is not None and not _dead(path, look, EXPIRY_S)


def holder(path: Path) -> Holder | None:
    """Return who holds the lease file; None if nobody does, or if it cannot be read."""
    look = _look(path)
    return None if look is None or _dead(path, look, EXPIRY_S) else look.holder


def ensure_held(path: Path) -> None:
    """Make sure that ``path`` may be written: neither it nor a folder above it has a lease that this process has lost.

    Raises:
        LeaseLostError: it has.
    """
    for folder in (path, *path.parents):
        if (ours := _HEART.held.get(folder)) is not None and not _is_held_by(*ours):
            raise LeaseLostError(f"{folder} was taken over by another process: nothing more is written there")


class _Heart:
    """One thread that keeps all leases of this process fresh, as long as there are any."""

    def __init__(self) -> None:
        self.held: dict[Path, tuple[Path, Holder]] = {}  # by folder
        self.nonces: set[str] = set()
        self._lock, self._stop = threading.Lock(), threading.Event()
        self._thread: threading.Thread | None = None

    @contextmanager
    def knowing(self, mine: Holder) -> Iterator[None]:
        """Remember a nonce of this process: a lease of this process with any other one was left behind."""
        self.nonces.add(mine.nonce)
        try:
            yield
        finally:
            self.nonces.discard(mine.nonce)

    def add(self, path: Path, mine: Holder) -> None:
        with self._lock:
            self.held[path.parent] = (path, mine)
            if self._thread is None:
                self._stop = threading.Event()
                self._thread = threading.Thread(target=self._beat, args=(self._stop,), daemon=True)
                self._thread.start()

    def remove(self, path: Path) -> None:
        with self._lock:
            del self.held[path.parent]
            if self.held or self._thread is None:
                return
            thread, self._thread = self._thread, None
            self._stop.set()
        thread.join()

    def _beat(self, stop: threading.Event) -> None:
        while not stop.wait(HEARTBEAT_S):
            for path, mine in list(self.held.values()):
                with suppress(OSError):
                    if _is_held_by(path, mine):  # never the heart of another's lease
                        os.utime(path)


_HEART = _Heart()
# When this process first saw a lease file as it still is: its stamp, and the time of our own clock.
_SEEN: dict[Path, tuple[tuple[int, int], float]] = {}


def _acquire(path: Path, mine: Holder, patience: float) -> bool:
    """Put ``mine`` at ``path`` if nothing is there or the holder is dead for ``patience`` seconds.

    A dead lease is replaced by one of all that want it: by who holds the guard, a lease that is named after the dead
    one. Its holder may be killed, too, and then the same holds for the guard.
    """
    look = _look(path)
    if look is None:
        return _publish(path, mine)
    if not _dead(path, look, patience):
        return False
    guard = path.with_name(f"{path.name}.{look.name}.guard")
    if not _acquire(guard, mine, HEARTBEAT_S):
        return False
    try:
        if _look(path) != look:  # somebody was quicker, or it lives
            return False
        os.replace(_draft(path, mine), path)
        return True
    except FileNotFoundError:  # the draft was swept away by who has the lease meanwhile
        return False
    finally:
        _SEEN.pop(path, None)
        guard.unlink(missing_ok=True)


def _publish(path: Path, mine: Holder) -> bool:
    """Make the file, whole at once, unless it is there."""
    draft = _draft(path, mine)
    try:
        os.link(draft, path)
        return True
    except FileExistsError:
        return draft.exists() and draft.stat().st_nlink > 1  # a network file system may have done it unheard
    except FileNotFoundError:  # the draft was swept away by who has the lease
        return False
    except OSError:  # a file system without links
        try:
            with path.open("x", encoding="utf-8") as file:
                file.write(draft.read_text(encoding="utf-8"))
            return True
        except FileExistsError:
            return False
    finally:
        draft.unlink(missing_ok=True)


def _draft(path: Path, mine: Holder) -> Path:
    draft = path.with_name(f"{path.name}.{mine.nonce}.draft")
    draft.write_text(json.dumps(asdict(mine)), encoding="utf-8")
    return draft


def _look(path: Path) -> _Look | None:
    """Read a lease file; None if there is none. It is opened, since only that shows its true state on NFS."""
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            status, text = os.fstat(file.fileno()), file.read()
    except FileNotFoundError:
        return None
    stamp = (status.st_ino, status.st_mtime_ns)
    try:
        return _Look(Holder(**json.loads(text)), stamp)
    except (ValueError, TypeError):
        return _Look(None, stamp)


def _is_held_by(path: Path, mine: Holder) -> bool:
    look = _look(path)
    return look is not None and look.holder == mine


def _dead(path: Path, look: _Look, patience: float) -> bool:
    """Return whether the holder is gone; a torn lease, which nobody writes, is left alone for a heartbeat."""
    if look.holder is not None and _is_of_another_boot(look.holder):
        return True
    if look.holder is not None and _is_here(look.holder) and (alive := _alive(look.holder)) is not None:
        return not alive
    now = _clock()
    stamp, since = _SEEN.get(path, (None, now))
    if stamp != look.stamp:
        _SEEN[path] = (look.stamp, since := now)
    return now - since >= (HEARTBEAT_S if look.holder is None else patience)


def _is_here(other: Holder) -> bool:
    here = _place().split()[:2]
    return other.place.split()[:2] == here if other.place else other.host == socket.gethostname()


def _is_of_another_boot(other: Holder) -> bool:
    """Return whether a holder was a process of this very machine before it was started anew."""
    theirs, ours = other.place.split(), _place().split()
    known = len(theirs) == len(ours) == 3  # boot, namespace, machine
    return known and other.host == socket.gethostname() and theirs[2] == ours[2] and theirs[0] != ours[0]


def _alive(other: Holder) -> bool | None:
    """Return whether a process of this machine lives; None where its number is in use, perhaps by another one."""
    if other.pid == os.getpid():
        return other.nonce in _HEART.nonces
    try:
        os.kill(other.pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    started = _started(other.pid)
    return None if started is None or other.started is None else started == other.started


def _started(pid: int) -> int | None:
    """Return when a process started, -1 for a zombie; None where the system does not tell."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
        return -1 if fields[0] in "ZX" else int(fields[19])
    except (OSError, IndexError, ValueError):
        return None


@lru_cache(maxsize=1)
def _place() -> str:
    """Return where process numbers mean what they mean here: this boot and this PID namespace; and which machine."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="utf-8").strip()
        return f"{boot} {Path('/proc/self/ns/pid').stat().st_ino} {_machine()}".strip()
    except OSError:  # no Linux
        return socket.gethostname()


def _machine() -> str:
    """Return a name that outlives a boot of this machine; empty where it has none, as in many containers.

    The machine's own number is not to be shown to others, and a store is.
    """
    with suppress(OSError):
        number = Path("/etc/machine-id").read_text(encoding="utf-8").strip()
        return sha256(f"offdiag {number}".encode()).hexdigest()[:16] if number else ""
    return ""


def job() -> str:
    """Return the name of the batch system's job that this process is, empty without one."""
    if said := os.environ.get(JOB):
        return said
    array, task = os.environ.get("SLURM_ARRAY_JOB_ID"), os.environ.get("SLURM_ARRAY_TASK_ID")
    return f"{array}_{task}" if array and task else os.environ.get("SLURM_JOB_ID", "")


def _clock() -> float:
    return time.monotonic()
