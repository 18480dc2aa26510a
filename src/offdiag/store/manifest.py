"""The manifest of a finished step: size and checksums of each of its files, by which damage is found.

It stands in ``result.json`` under ``files``. CRC-32 is the cheap one, which is taken whenever a file is read (it finds
every flipped bit, and costs a tenth of the other); SHA-256 is for ``offdiag store verify``.
"""

import hashlib
import os
import zlib
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal, NamedTuple, TypeAlias

from offdiag.identity import Json

# How closely files are looked at: their sizes, and the content of those that were written after the step was finished;
# the content of all by its cheap checksum, as whoever reads them does; or by SHA-256.
Care: TypeAlias = Literal["sizes", "reading", "whole"]

RESULT = "result.json"
_OF_WORK = ("lease.json", RESULT, "error.txt", "damaged.json")  # files of the store itself, by how their names begin
_BLOCK = 2**20


class _Stamp(NamedTuple):
    """What tells whether a file is the one that was looked at before."""

    size: int
    modified: int
    changed: int
    inode: int


def manifest_of(folder: Path) -> dict[str, Json]:
    """Return size and checksums of all files that a step made in its folder, by their path below it."""
    return {path.relative_to(folder).as_posix(): _measured(path) for path in sorted(_files(folder))}


def damages(folder: Path, manifest: object, care: Care) -> Iterator[str]:
    """Yield a line on each file of a folder that is not as its manifest says; files that it does not name are free."""
    finished = os.stat(folder / RESULT).st_mtime_ns
    if not isinstance(manifest, Mapping):
        yield f"{RESULT} has no list of files that can be read"
        return
    for name, said in manifest.items():
        if not isinstance(said, Mapping) or (problem := _damage(folder / name, said, care, finished)):
            yield f"{name} {problem if isinstance(said, Mapping) else 'is listed without its size'}"


def _damage(path: Path, said: Mapping[str, Any], care: Care, finished: int) -> str:
    """Return what is wrong with a file, or nothing."""
    try:
        found = path.stat()
    except OSError:
        return "is missing"
    if found.st_size != said.get("bytes"):
        return f"has {found.st_size} bytes, expected {said.get('bytes')}"
    if care == "sizes" and found.st_mtime_ns <= finished:
        return ""
    stamp = _Stamp(found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino)
    try:
        same = _crc32(path, stamp) == said.get("crc32") if care != "whole" else _sha256(path) == said.get("sha256")
    except OSError as error:
        return f"cannot be read ({error.strerror})"
    return "" if same else "has another content than when it was finished"


def _files(folder: Path) -> Iterator[Path]:
    for place, _, names in os.walk(folder):
        for name in names:
            if not (Path(place) == folder and name.startswith(_OF_WORK)):
                yield Path(place, name)


def _measured(path: Path) -> dict[str, Json]:
    crc, sha, size = 0, hashlib.sha256(), 0
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            crc, size = zlib.crc32(block, crc), size + len(block)
            sha.update(block)
    return {"bytes": size, "crc32": f"{crc:08x}", "sha256": sha.hexdigest()}


@lru_cache(maxsize=65_536)
def _crc32(path: Path, stamp: _Stamp) -> str:
    """Return the cheap checksum of a file, once in a process for as long as the file is the same."""
    crc = 0
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            crc = zlib.crc32(block, crc)
    return f"{crc:08x}"


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
