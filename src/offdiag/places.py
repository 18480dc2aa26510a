"""Places on a disk as people type them: ``~`` is read, and a file that stands in the way of a folder is found."""

import os
from pathlib import Path


def at_home(path: str | Path) -> Path:
    """Return a path with ``~`` and ``~name`` read, as shells do; they do not in ``--store=~/x`` or in a settings file.

    That of a person who is not known stays as it is, and is no folder.

    >>> print(at_home("~nobody-of-that-name/x"))
    ~nobody-of-that-name/x
    """
    return Path(os.path.expanduser(path))


def in_the_way(folder: Path) -> Path | None:
    """Return the file at or above a folder that is yet to be made, so that it cannot be made; None if there is none.

    >>> print(in_the_way(Path("/dev/null/x")), in_the_way(Path("/")))
    /dev/null None
    """
    for part in (folder, *folder.absolute().parents):
        try:
            found = part.exists()
        except OSError:  # a name that is too long is told by who makes it
            continue
        if found:
            return None if part.is_dir() else part
    return None
