"""Hash of the content of a model folder: every byte counts, and large files are hashed once.

The digest of a large file is kept in the user's cache (``$XDG_CACHE_HOME/offdiag`` or ``~/.cache/offdiag``, one small
file each, so that writers cannot meet) with its size, times and inode; a change of any of them has it hashed again.
"""

import hashlib
import json
import os
import secrets
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from offdiag.errors import UserError
from offdiag.places import at_home

# Formerly only so many samples of a large file were hashed; smaller files are hashed as they were.
SAMPLES, SAMPLE_BYTES = 64, 65_536
SMALL = SAMPLES * SAMPLE_BYTES

# A file may be written twice between two ticks of its clock (2 s on the coarsest file systems): what is younger than
# this when it is read is hashed anew the next time.
_TICK_NS = 2_000_000_000


class Stamp(NamedTuple):
    """What changes on disk whenever the content of a file does."""

    path: str
    size: int
    modified_ns: int
    changed_ns: int
    inode: int

    @classmethod
    def of(cls, path: Path) -> "Stamp":
        """Return the stamp of a file; links are followed."""
        found = path.stat()
        return cls(str(path), found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino)

    def is_settled(self, now_ns: int) -> bool:
        """Whether any later write must change the stamp."""
        return max(self.modified_ns, self.changed_ns) + _TICK_NS < now_ns


def content_hash(folder: Path) -> str:
    """Hash of all of a model folder's files: their names, sizes and every byte.

    Raises:
        UserError: the folder does not hold a model (no ``config.json``), or a file changed while it was read.
    """
    if not (folder / "config.json").is_file():
        raise UserError(f"no model in {folder}: expected a folder with config.json, as save_pretrained writes it")
    started = time.time_ns()
    stamps = _stamps(folder)
    if all(stamp.is_settled(started) for stamp in stamps):
        return _settled_hash(folder, stamps)
    return _hash(folder, stamps)


def sampled_hash(folder: Path) -> str:
    """Hash of a model folder as it stands in older stores: of a large file its size and 64 evenly spaced samples."""
    digest = hashlib.sha256()
    for path in _files(folder):
        size = path.stat().st_size
        digest.update(_heading(folder, path, size))
        with path.open("rb") as file:
            if size <= SMALL:
                digest.update(file.read())
                continue
            for i in range(SAMPLES):
                file.seek(i * (size - SAMPLE_BYTES) // (SAMPLES - 1), os.SEEK_SET)
                digest.update(file.read(SAMPLE_BYTES))
    return digest.hexdigest()


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def _stamps(folder: Path) -> tuple[Stamp, ...]:
    return tuple(map(Stamp.of, _files(folder)))


def _heading(folder: Path, path: Path, size: int) -> bytes:
    return f"{path.relative_to(folder).as_posix()}\0{size}\0".encode()


@lru_cache(maxsize=64)
def _settled_hash(folder: Path, stamps: tuple[Stamp, ...]) -> str:
    """Return the hash; plans ask for that of one folder hundreds of times."""
    return _hash(folder, stamps)


def _hash(folder: Path, stamps: Sequence[Stamp]) -> str:
    large = [stamp for stamp in stamps if stamp.size > SMALL]
    with ThreadPoolExecutor(max_workers=4) as pool:  # hashing lets other threads run
        digests = dict(zip(large, pool.map(_file_digest, large), strict=True))
    digest = hashlib.sha256()
    for stamp in stamps:
        path = Path(stamp.path)
        digest.update(_heading(folder, path, stamp.size))
        digest.update(bytes.fromhex(digests[stamp]) if stamp in digests else path.read_bytes())
    if _stamps(folder) != tuple(stamps):
        raise UserError(f"the files in {folder} changed while they were read: wait until they are written")
    return digest.hexdigest()


def _file_digest(stamp: Stamp) -> str:
    """Return the SHA-256 of a file, from the cache where its stamp is known there."""
    kept = (
        cache_folder("file-hashes") / f"{hashlib.sha256(stamp.path.encode(errors='surrogateescape')).hexdigest()}.json"
    )
    if (known := _read(kept, stamp)) is not None:
        return known
    started = time.time_ns()
    with open(stamp.path, "rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if stamp.is_settled(started):
        _write(kept, stamp, found)
    return found


def cache_folder(name: str) -> Path:
    """Return the folder of that name in the user's cache; it may not be there yet."""
    base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return at_home(base) / "offdiag" / name


def _read(kept: Path, stamp: Stamp) -> str | None:
    try:
        content = json.loads(kept.read_text(encoding="utf-8"))
        return str(content["sha256"]) if content["stamp"] == list(stamp) else None
    except (OSError, ValueError, KeyError, TypeError):  # not there, or not ours: the file is hashed instead
        return None


def _write(kept: Path, stamp: Stamp, digest: str) -> None:
    mine = kept.with_name(f"{kept.name}.{secrets.token_hex(4)}")
    with suppress(OSError):  # a cache that cannot be written costs time and nothing else
        kept.parent.mkdir(parents=True, exist_ok=True)
        mine.write_text(json.dumps({"stamp": list(stamp), "sha256": digest}), encoding="utf-8")
        os.replace(mine, kept)
