"""Files that outlive a power cut: brought to the disk before the move that makes them count.

A move within a folder is atomic, but neither it nor what was written is on the disk until it is asked for: after a
power cut a file may be there and empty. So the content is asked for before the move, and the folder after it.
"""

import errno
import os
from pathlib import Path

from offdiag.lease import ensure_held

# What file systems answer that cannot bring a folder to the disk; theirs are as safe as they ever are.
_UNABLE = (errno.EINVAL, errno.ENOTSUP, errno.EACCES, errno.EBADF)


def write_text(path: Path, text: str) -> None:
    """Write a text file, whole or not at all, also where the power is cut."""
    part = beside(path)
    part.write_text(text, encoding="utf-8")
    move(part, path)


def beside(path: Path) -> Path:
    """Return the name under which a file or a folder is made before it is moved to ``path``."""
    return path.with_name(f"{path.name}.part")


def move(part: Path, path: Path) -> None:
    """Move a file or a folder into place, once all of it is on the disk; a file may take the place of another.

    Raises:
        LeaseLostError: another process has the folder now.
    """
    sync_tree(part)
    ensure_held(path)
    os.replace(part, path)
    sync(path.parent)


def sync_tree(path: Path) -> None:
    """Bring a file, or a folder with all that is in it, to the disk."""
    if path.is_dir():
        for folder, _, files in os.walk(path, topdown=False):
            for name in files:
                sync(Path(folder, name))
            sync(Path(folder))
    else:
        sync(path)


def sync(path: Path) -> None:
    """Bring the content of a file, or the names in a folder, to the disk."""
    opened = os.open(path, os.O_RDONLY)
    try:
        os.fsync(opened)
    except OSError as error:
        if error.errno not in _UNABLE or not path.is_dir():
            raise
    finally:
        os.close(opened)
