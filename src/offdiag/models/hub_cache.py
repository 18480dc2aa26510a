"""What of the Hugging Face hub lies in this machine's cache: the commit of a revision, and its folder.

The layout of the cache is documented: ``models--org--name/refs/REVISION`` holds a commit, and
``models--org--name/snapshots/COMMIT`` the files of it. Nothing here asks the network or loads the hub's client.
"""

import re
from pathlib import Path
from typing import NamedTuple

from offdiag.errors import UserError

_NAME = re.compile(r"(?:[\w-][\w.-]*/)?[\w-][\w.-]*")
_COMMIT = re.compile(r"[0-9a-f]{40}")
MAIN = "main"


class Cached(NamedTuple):
    """A model in the cache.

    Attributes:
        commit: of the revision. folder: its files, perhaps not all of them.
        since: when the revision began to mean this commit here, in seconds since 1970.
    """

    commit: str
    folder: Path
    since: float


def check_hub_name(name: str) -> None:
    """Check that a name is one of the hub, ``org/name`` or ``name``, and no path of this machine.

    Raises:
        UserError: it is not.
    """
    looks_like_a_path = name.startswith((".", "/", "~", "\\")) or "\\" in name or name.count("/") > 1
    if looks_like_a_path:
        raise UserError(f"model {name!r} is a path and no name on the hub; for a folder type dir:{name}")
    if not _NAME.fullmatch(name) or "--" in name or ".." in name or name.endswith((".git", "-", ".")):
        raise UserError(f"model {name!r} is no name on the hub: expected hub:org/name; for a folder type dir:PATH")


def is_commit(revision: str | None) -> bool:
    """Whether a revision is a whole commit hash, which can never mean other weights."""
    return revision is not None and _COMMIT.fullmatch(revision) is not None


def cached(name: str, revision: str | None) -> Cached | None:
    """Return a model of the hub as the cache has it; None where it is not there."""
    from huggingface_hub import constants

    home = Path(constants.HF_HUB_CACHE) / f"models--{name.replace('/', '--')}"
    wanted = revision or MAIN
    ref = home / "refs" / wanted
    try:
        commit = wanted if is_commit(wanted) else ref.read_text(encoding="utf-8").strip()
        folder = home / "snapshots" / commit
        since = (folder if is_commit(wanted) else ref).stat().st_mtime
    except (OSError, ValueError):
        return None
    return Cached(commit, folder, since) if _COMMIT.fullmatch(commit) and folder.is_dir() else None
