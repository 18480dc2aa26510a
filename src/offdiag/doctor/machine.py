"""Examine the machine (versions, device, threads) and the store on its disk; what is found is a ``Finding``."""

import platform
import shutil
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, requires, version
from importlib.util import find_spec
from pathlib import Path

from packaging.requirements import Requirement

from offdiag import __version__
from offdiag.errors import OffdiagError
from offdiag.identity import Json
from offdiag.lease import held
from offdiag.runtime import Runtime, available_cores
from offdiag.store import FORMAT, Store, failure, look_at


@dataclass(frozen=True)
class Finding:
    """One thing that was examined, and whether it is in order.

    Attributes:
        name: what. ok: whether it is as it should be; None where that was not or cannot be judged.
        detail: what was found, with numbers.
        remedy: what to do about it; empty where nothing is to be done.
    """

    name: str
    ok: bool | None
    detail: str
    remedy: str = ""

    @property
    def mark(self) -> str:
        """Return ``ok``, ``NOT OK``, or ``-`` where it cannot be judged."""
        return "-" if self.ok is None else "ok" if self.ok else "NOT OK"

    def to_json(self) -> dict[str, Json]:
        """Return all fields as JSON values."""
        return asdict(self)


OLDEST_PYTHON = (3, 11)


def machine(runtime: Runtime) -> list[Finding]:
    """Return findings on Python, offdiag and what it requires, the device and the threads."""
    return [_python(), *_packages(), _device(runtime), _threads(runtime)]


def _python() -> Finding:
    ok = sys.version_info[:2] >= OLDEST_PYTHON
    remedy = "" if ok else f"use Python {'.'.join(map(str, OLDEST_PYTHON))} or newer"
    return Finding("python", ok, f"{platform.python_version()} on {platform.system()} {platform.machine()}", remedy)


def _packages() -> list[Finding]:
    """Return this package and what it requires; of the extras only the GPU's, which may be missing."""
    findings = [Finding("offdiag", True, __version__)]
    for text in requires("offdiag") or []:
        requirement = Requirement(text)
        required = requirement.marker is None or requirement.marker.evaluate({"extra": ""})
        if required or (requirement.marker and requirement.marker.evaluate({"extra": "gpu"})):
            findings.append(_package(requirement, optional=not required))
    return findings


def _package(requirement: Requirement, *, optional: bool) -> Finding:
    wanted = f"{requirement.name}{requirement.specifier}"
    try:
        found = version(requirement.name)
    except PackageNotFoundError:
        return Finding(requirement.name, None if optional else False, "not installed", f'type: pip install "{wanted}"')
    ok = requirement.specifier.contains(found, prereleases=True)
    remedy = "" if ok else f'expected {requirement.specifier}; type: pip install "{wanted}"'
    return Finding(requirement.name, ok, found, remedy)


def _device(runtime: Runtime) -> Finding:
    if find_spec("torch") is None:
        return Finding("device", False, "torch is not installed", "type: pip install torch")
    import torch

    from offdiag.models.loading import device_of

    try:
        device = device_of(runtime)
    except OffdiagError as error:
        return Finding("device", False, str(error), "choose another device")
    if device.type == "cuda":
        free, total = torch.cuda.mem_get_info(device)
        name = torch.cuda.get_device_name(device)
        return Finding("device", True, f"cuda: {name}, {free / 2**30:.1f} of {total / 2**30:.1f} GiB free")
    if device.type == "mps":
        return Finding("device", True, "mps")
    return Finding("device", True, f"cpu: {torch.backends.cpu.get_cpu_capability()}")


def _threads(runtime: Runtime) -> Finding:
    cores = available_cores()
    ok = runtime.threads <= cores
    remedy = "" if ok else f"use at most {cores} threads: more of them wait for one another"
    return Finding("threads", ok, f"{runtime.threads} threads on {cores} cores", remedy)


# Less free space than this will not hold a converted model and a few trained ones.
ENOUGH_BYTES = 5 * 2**30


def storage(store: Store) -> list[Finding]:
    """Return findings on a store; one that does not exist yet is in order."""
    findings = [_disk(store.root)]
    if not (store.root / "store.json").exists():
        return [*findings, Finding("store", True, f"{store.root} does not exist yet; the first run makes it")]
    try:
        folders = [path for kind in sorted(store.root.iterdir()) if kind.is_dir() for path in sorted(kind.iterdir())]
        return [*findings, *_steps(store, [path for path in folders if path.is_dir()])]
    except PermissionError as error:
        return [
            *findings,
            Finding("store", False, f"cannot read {error.filename}", "make it readable, with chmod"),
        ]


def _steps(store: Store, folders: Sequence[Path]) -> list[Finding]:
    """Return findings on the steps of a store."""
    finished = [folder for folder in folders if (folder / "result.json").exists()]
    damaged = {folder: reason for folder in folders if (reason := "; ".join(look_at(folder, "sizes").damage))}
    broken = [f"{folder}: {reason}" for folder, reason in damaged.items()]
    leases = [folder / "lease.json" for folder in folders if (folder / "lease.json").exists()]
    dead = [path for path in leases if not held(path)]
    rest = [f for f in folders if f not in finished and f not in damaged and not held(f / "lease.json")]
    failed = [folder for folder in rest if (folder / "error.txt").exists()]
    half = [folder for folder in rest if folder not in failed]
    detail = f"{store.root}: format {FORMAT}, {len(finished)} finished steps, {len(leases) - len(dead)} at work"
    return [
        Finding("store", True, detail),
        _list(
            "finished steps",
            broken,
            "damaged",
            "run again, which does them anew",
            bad=False,
        ),
        _list(
            "failed steps",
            [_failure(f) for f in failed],
            "failed",
            "see error.txt there; run again with --lf",
            bad=False,
        ),
        _list("unfinished steps", half, "half-written", "nothing is lost: the next run goes on with them"),
        _list("leases", dead, "dead", "nothing is lost: the next run takes them over"),
    ]


def _disk(root: Path) -> Finding:
    place = next(path for path in (root.absolute(), *root.absolute().parents) if path.is_dir())
    free = shutil.disk_usage(place).free
    ok = free >= ENOUGH_BYTES
    remedy = (
        "" if ok else f"free some space, or give a store on another disk; {ENOUGH_BYTES / 2**30:.0f} GiB are enough"
    )
    return Finding("disk", ok, f"{free / 2**30:.1f} GiB free at {place}", remedy)


def _failure(folder: Path) -> str:
    return f"{folder.parent.name}/{folder.name}: {failure(folder) or 'no traceback'}"


def _list(
    name: str, found: Sequence[object], what: str, remedy: str, *, bad: bool | None = None, most: int = 3
) -> Finding:
    """Return a finding: in order if nothing was ``found``, else ``bad`` (False, or None for unjudged)."""
    if not found:
        return Finding(name, True, f"none {what}")
    listed = "; ".join(str(item) for item in found[:most]) + (" …" if len(found) > most else "")
    return Finding(name, bad, f"{len(found)} {what}: {listed}", remedy)
