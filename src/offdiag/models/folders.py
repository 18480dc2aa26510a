"""Hash of the content of a model folder."""

import hashlib
import os
from functools import lru_cache
from pathlib import Path

from offdiag.errors import UserError

SAMPLES, SAMPLE_BYTES = 64, 65_536


@lru_cache(maxsize=64)
def content_hash(folder: Path) -> str:
    """Hash of a model folder's files: the small ones whole, of a large one its size and 64 evenly spaced samples.

    Raises:
        UserError: the folder does not hold a model (no ``config.json``).
    """
    if not (folder / "config.json").is_file():
        raise UserError(f"no model in {folder}: expected a folder with config.json, as save_pretrained writes it")
    digest = hashlib.sha256()
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        size = path.stat().st_size
        digest.update(f"{path.relative_to(folder).as_posix()}\0{size}\0".encode())
        with path.open("rb") as file:
            if size <= SAMPLES * SAMPLE_BYTES:
                digest.update(file.read())
                continue
            for i in range(SAMPLES):
                file.seek(i * (size - SAMPLE_BYTES) // (SAMPLES - 1), os.SEEK_SET)
                digest.update(file.read(SAMPLE_BYTES))
    return digest.hexdigest()
