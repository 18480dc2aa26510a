"""What a finished step's folder says of itself, and whether that holds."""

import os
import zlib
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from offdiag.errors import StoreError
from offdiag.identity import fingerprint
from offdiag.manifest import Care, damages
from offdiag.provenance import NOTES
from offdiag.steps.step import FinishedStep
from offdiag.store.json_files import read_json
from offdiag.strict_json import dumps

RESULT = "result.json"
SET_ASIDE = "damaged.json"  # says why the result in its folder must not be used; the next run does the step again
ERROR = "error.txt"
SEE_TRACEBACK = "(traceback: above)"  # ends its last line where the traceback says more than that
OF_THE_STORE = ("lease.json", RESULT, ERROR, SET_ASIDE, NOTES)  # files that no step makes, by how their names begin


class Finished(NamedTuple):
    """What was found in a folder.

    Attributes:
        result: the content of ``result.json``; None where there is none that can be read. damage: a line on each thing
            that is wrong; what has any must not be used.
        listed: whether the result lists its files, as those of earlier versions do not: theirs are taken as they are.
    """

    result: dict[str, Any] | None
    damage: tuple[str, ...] = ()
    listed: bool = False


def look_at(folder: Path, care: Care) -> Finished:
    """Return what a folder says of its step, looked at with ``care``; nothing of one that is not finished."""
    if (folder / SET_ASIDE).exists():
        return Finished(None, (_why_set_aside(folder / SET_ASIDE),))
    if not (folder / RESULT).exists():
        return Finished(None)
    try:
        result = read_json(folder / RESULT)
    except StoreError:
        return Finished(None, (f"{RESULT} is empty, cut off or no JSON",))
    if not isinstance(result.get("summary"), dict) or not isinstance(result.get("provenance", {}), dict):
        return Finished(None, (f"{RESULT} has no summary",))
    if "crc32" in result and result["crc32"] != checksum(result):
        return Finished(None, (f"{RESULT} has another content than when it was finished",))
    listed = "files" in result
    finished = (folder / RESULT).stat().st_mtime_ns
    found = damages(folder, result["files"], care, finished) if listed else _torn(folder / "cell.json")
    return Finished(result, tuple(found), listed)


def checksum(result: Mapping[str, Any]) -> str:
    """Return the CRC-32 of the content of a ``result.json``, which stands in it."""
    text = dumps({name: value for name, value in result.items() if name != "crc32"}, sort_keys=True)
    return f"{zlib.crc32(text.encode()):08x}"


def verify(folder: Path) -> Finished:
    """Return what a folder says of its step, with everything checked that can be: each byte, and the fingerprints.

    Of a result that lists no files (``listed`` is False) only the two JSON files can be checked.
    """
    found = look_at(folder, "whole")
    if found.result is None:
        return found
    try:
        cell = read_json(folder / "cell.json")
    except StoreError:
        return found._replace(damage=tuple(dict.fromkeys((*found.damage, "cell.json is missing or no JSON"))))
    wrong = []
    if fingerprint(cell.get("identity")) != cell.get("fingerprint"):
        wrong.append("cell.json has an identity that is not that of its fingerprint")
    if found.result.get("fingerprint") != cell.get("fingerprint"):
        wrong.append(f"{RESULT} and cell.json have different fingerprints")
    if folder.name.rpartition("-")[2] != str(cell.get("fingerprint"))[:8]:
        wrong.append("the folder's name does not end with its fingerprint")
    return found._replace(damage=(*found.damage, *wrong))


def finished_steps(root: Path, kind: str, fits: Callable[[str], bool]) -> Iterator[FinishedStep]:
    """Yield the finished steps of a kind below a store's root whose folders' names fit, the newest first.

    A folder that cannot be read, or was set aside, is left out; whether its files are whole is asked of each.
    """
    try:
        folders = [root / kind / name for name in os.listdir(root / kind) if fits(name)]
    except OSError:
        return
    at = {folder: _modified(folder / RESULT) for folder in folders}
    for folder in sorted((f for f in folders if at[f]), key=lambda f: (at[f], f.name), reverse=True):
        found = look_at(folder, "sizes")
        if found.result is None or found.damage:
            continue
        try:
            cell = read_json(folder / "cell.json")
        except StoreError:
            continue
        if isinstance(cell.get("identity"), dict):
            yield FinishedStep(
                folder, cell["identity"], str(cell.get("fingerprint")), found.result["summary"],
                found.result.get("provenance", {}), partial(_is_whole, folder),
            )  # fmt: skip


def _is_whole(folder: Path) -> bool:
    found = verify(folder)
    return found.listed and not found.damage


def _modified(path: Path) -> int:
    """Return when a file was written, in nanoseconds; 0 where there is none."""
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0


def failure(folder: Path) -> str:
    """Return why the last try of a step failed, in one line, with the file that has its traceback if that says more."""
    path = folder / ERROR
    lines = path.read_text(encoding="utf-8", errors="replace").strip().splitlines() if path.exists() else []
    if not lines:
        return ""
    said = lines[-1].removesuffix(SEE_TRACEBACK)
    return lines[-1] if said == lines[-1] else f"{said}(traceback: {path})"


def _torn(cell: Path) -> list[str]:
    """Return a line if the description of a step was cut off, as by a power cut; one that is not there may be."""
    try:
        with cell.open("rb") as file:
            file.seek(-2, 2)
            whole = file.read() == b"}\n"
    except FileNotFoundError:
        return []
    except OSError:
        whole = False
    return [] if whole else ["cell.json is empty or cut off"]


def _why_set_aside(path: Path) -> str:
    try:
        return str(read_json(path).get("why"))
    except StoreError:
        return "it was found damaged by a run that was killed"
