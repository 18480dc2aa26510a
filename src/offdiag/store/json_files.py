"""JSON files of the store: an object each, whole or not at all."""

import os
from pathlib import Path
from typing import Any

from offdiag.durable import beside, move
from offdiag.errors import StoreError, not_allowed
from offdiag.lease import ensure_held
from offdiag.strict_json import dumps, loads


def read_json(path: Path, remedy: str | None = None) -> dict[str, Any]:
    """Read the object in a JSON file.

    Raises:
        StoreError: it cannot be read; the message says what to delete, or the other ``remedy``.
        UserError: this person may not read it, so that nothing is known of it.
    """
    remedy = remedy or f"delete {path.parent} and run again"
    if path.exists() and not path.is_file():  # a pipe would be waited for
        raise StoreError(f"cannot read {path} (it is no file): {remedy}")
    try:
        content = loads(path.read_text(encoding="utf-8"))
    except PermissionError as error:
        raise not_allowed(error, path) from error
    except (OSError, ValueError) as error:
        raise StoreError(f"cannot read {path} ({error}): {remedy}") from error
    if not isinstance(content, dict):
        raise StoreError(f"{path} holds no JSON object: {remedy}")
    return content


def write_json(path: Path, content: dict[str, Any], *, to_disk: bool = True) -> None:
    """Write an object, whole or not at all: under a temporary name, which is then moved into place.

    Args:
        path: of the file. content: the object. to_disk: whether it must outlive a power cut, too, which takes some
            milliseconds.
    """
    ensure_held(path)
    part = beside(path)
    part.write_text(dumps(content, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    if to_disk:
        move(part, path)
    else:
        os.replace(part, path)
