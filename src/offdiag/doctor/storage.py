"""Examine the store on disk: format, half-written folders, failures, dead leases, free space."""

import shutil
from collections.abc import Sequence
from pathlib import Path

from offdiag.doctor.finding import Finding
from offdiag.lease import held
from offdiag.store import FORMAT, Store, look_at

# Less free space than this will not hold a converted model and a few trained ones.
ENOUGH_BYTES = 5 * 2**30


def storage(store: Store) -> list[Finding]:
    """Return findings on a store; one that does not exist yet is in order."""
    findings = [_disk(store.root)]
    if not (store.root / "store.json").exists():
        return [*findings, Finding("store", True, f"{store.root} does not exist yet; the first run makes it")]
    folders = sorted(path for path in store.root.glob("*/*") if path.is_dir())
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
        *findings,
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
    lines = (folder / "error.txt").read_text(encoding="utf-8").strip().splitlines()
    return f"{folder.parent.name}/{folder.name}: {lines[-1] if lines else 'no traceback'}"


def _list(
    name: str, found: Sequence[object], what: str, remedy: str, *, bad: bool | None = None, most: int = 3
) -> Finding:
    """Return a finding: in order if nothing was ``found``, else ``bad`` (False, or None for unjudged)."""
    if not found:
        return Finding(name, True, f"none {what}")
    listed = "; ".join(str(item) for item in found[:most]) + (" …" if len(found) > most else "")
    return Finding(name, bad, f"{len(found)} {what}: {listed}", remedy)
