"""Manifests: size and checksums of each file of a folder, by which damage is found.

That of a finished step stands in its ``result.json`` under ``files``, that of a checkpoint in its marker. CRC-32 is the
cheap checksum, which is taken whenever a file is read (it finds every flipped bit, and takes a seventh of the time of
the other on a processor without instructions for that); SHA-256 is for ``offdiag store verify``.
"""

import hashlib
import os
import zlib
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal, NamedTuple, TypeAlias

from offdiag.errors import not_allowed
from offdiag.identity import Json

# How closely files are looked at: their sizes, and the content of those that were written after the step was finished;
# the content of all by its cheap checksum, as whoever reads them does; or by SHA-256.
Care: TypeAlias = Literal["sizes", "reading", "whole"]

_BLOCK = 2**20


class _Stamp(NamedTuple):
    """What tells whether a file is the one that was looked at before."""

    size: int
    modified: int
    changed: int
    inode: int


def manifest_of(folder: Path, but: tuple[str, ...] = (), *, sha256: bool = True) -> dict[str, Json]:
    """Return size and checksums of the files below a folder, by their path in it.

    Args:
        folder: where they are. but: how the names begin of files that do not count, directly in the folder.
        sha256: whether the expensive checksum is taken, too.
    """
    return {path.relative_to(folder).as_posix(): measured(path, sha256=sha256) for path in sorted(_files(folder, but))}


def damages(folder: Path, manifest: object, care: Care, finished: int) -> Iterator[str]:
    """Yield a line on each file of a folder that is not as its manifest says; files that it does not name are free.

    Args:
        folder, manifest: what is looked at, and what it should be. care: how closely.
        finished: when the folder was, in nanoseconds; a file that was written later is suspicious.

    Raises:
        UserError: this person may not read a file, so that nothing is known of it.
    """
    if not isinstance(manifest, Mapping):
        yield "the list of files cannot be read"
        return
    for name, said in manifest.items():
        if not isinstance(said, Mapping) or (problem := _damage(folder / name, said, care, finished)):
            yield f"{name} {problem if isinstance(said, Mapping) else 'is listed without its size'}"


def _damage(path: Path, said: Mapping[str, Any], care: Care, finished: int) -> str:
    """Return what is wrong with a file, or nothing."""
    try:
        found = path.stat()
    except PermissionError as error:
        raise not_allowed(error, path) from error
    except OSError:
        return "is missing"
    if found.st_size != said.get("bytes"):
        return f"has {found.st_size} bytes, expected {said.get('bytes')}"
    if care == "sizes" and found.st_mtime_ns <= finished:
        return ""
    stamp = _Stamp(found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino)
    try:
        same = _crc32(path, stamp) == said.get("crc32") if care != "whole" else _sha256(path) == said.get("sha256")
    except PermissionError as error:
        raise not_allowed(error, path) from error
    except OSError as error:
        return f"cannot be read ({error.strerror})"
    return "" if same else "has another content than when it was finished"


def measured(path: Path, *, sha256: bool = True, most: int | None = None) -> dict[str, Json]:
    """Return size and checksums of a file, or of its first ``most`` bytes."""
    crc, sha, size = 0, hashlib.sha256(), 0
    with path.open("rb") as file:
        while block := file.read(_BLOCK if most is None else min(_BLOCK, most - size)):
            crc, size = zlib.crc32(block, crc), size + len(block)
            if sha256:
                sha.update(block)
    return {"bytes": size, "crc32": f"{crc:08x}", **({"sha256": sha.hexdigest()} if sha256 else {})}


def _files(folder: Path, but: tuple[str, ...]) -> Iterator[Path]:
    for place, _, names in os.walk(folder):
        for name in names:
            if not (Path(place) == folder and name.startswith(but)):
                yield Path(place, name)


@lru_cache(maxsize=65_536)
def _crc32(path: Path, stamp: _Stamp) -> str:
    """Return the cheap checksum of a file, once in a process for as long as the file is the same."""
    return str(measured(path, sha256=False)["crc32"])


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
