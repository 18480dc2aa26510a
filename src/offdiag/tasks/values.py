"""Texts for the values that a module made when it was imported, and the files beside it that its code names.

Code says what a value is only where it is written down; what was read from a file is known by the value.
"""

import dataclasses
import functools
import hashlib
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path, PurePath
from typing import Any

from offdiag.strict_json import dumps

UNKNOWN = "?"
_DEEPEST = 12


def described(value: object, folder: str = "", is_ours: Callable[[object], bool] = lambda value: False) -> str:
    """Return plain data as a text that is the same in another process; ``?`` stands for all else.

    Data are numbers, texts, containers, patterns, arrays and tables, and objects of classes that are ``is_ours``. What
    says where files lie (a path, a text with the ``folder`` in it) is no data.
    """

    def plain(one: object, depth: int) -> Any:
        if depth > _DEEPEST:
            return UNKNOWN
        inside = functools.partial(plain, depth=depth + 1)
        match one:
            case None | bool() | int() | float():
                return one
            case str():
                return UNKNOWN if folder and folder in one else one
            case bytes() | bytearray():
                return {"bytes": hashlib.sha256(one).hexdigest()}
            case re.Pattern():
                return {"pattern": inside(one.pattern), "flags": one.flags}
            case functools.partial():
                return {"args": inside(one.args), "keywords": inside(one.keywords)}
            case list() | tuple():
                return list(map(inside, one))
            case set() | frozenset():
                return sorted(map(inside, one), key=dumps)
            case Mapping() if all(isinstance(key, str) for key in one):
                return {key: inside(item) for key, item in one.items()}
            case Mapping():
                return sorted(([inside(key), inside(item)] for key, item in one.items()), key=dumps)
            case PurePath() | type():
                return UNKNOWN
        if hasattr(one, "dtype") and hasattr(one, "tobytes"):  # an array; pandas' tables have no such bytes
            return [str(one.dtype), str(getattr(one, "shape", "")), hashlib.sha256(one.tobytes()).hexdigest()]
        if callable(to_json := getattr(one, "to_json", None)):
            return str(to_json())
        if is_ours(one):
            return {"of": type(one).__qualname__, **inside(_fields(one))}
        return UNKNOWN

    try:
        return dumps(plain(value, 0), sort_keys=True)
    except (TypeError, ValueError, RecursionError):
        return UNKNOWN


def _fields(value: object) -> dict[str, object]:
    if dataclasses.is_dataclass(value):
        return {one.name: getattr(value, one.name, None) for one in dataclasses.fields(value)}
    return dict(getattr(value, "__dict__", {}))


def files_named(texts: Iterable[str], folder: Path) -> list[Path]:
    """Return the files that some texts name: in ``folder``, or in a folder that another of the texts names."""
    names = sorted({text for text in texts if text.strip("./ ") and "\n" not in text and len(text) < 200})
    places = [folder, *(folder / name for name in names if _is(Path.is_dir, folder / name))]
    found = {place / name for place in places for name in names if _is(Path.is_file, place / name)}
    return sorted(path for path in found if path.suffix not in (".py", ".pyc"))


def file_hash(path: Path) -> str:
    """Return the SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _is(kind: Callable[[Path], bool], path: Path) -> bool:
    try:
        return kind(path)
    except (OSError, ValueError):  # no name that a file can have
        return False
