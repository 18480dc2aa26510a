"""Errors for people: one line that says what, where, what was expected and what to type next."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from pydantic import ValidationError
    from pydantic_core import ErrorDetails


class OffdiagError(Exception):
    """A failure that is explained in one line; the command line exits with 1, without a traceback."""

    exit_code = 1


class UserError(OffdiagError):
    """A mistake in what the user typed or wrote; the command line exits with 2.

    Write the message as one line: what was found, where, what was expected, what to type next.
    """

    exit_code = 2


class TooLongError(UserError):
    """Prompts, with their answers, are longer than a model's context.

    Attributes:
        places: of these prompts among all that were asked.
    """

    def __init__(self, message: str, places: Sequence[int] = ()) -> None:
        super().__init__(message)
        self.places = tuple(places)


class NoDataError(UserError):
    """Data are needed that are not built in, and no folder or hub is given for them."""


class NotPlannedError(UserError):
    """The cells or measurements that an analysis or a figure reads are not part of what was planned.

    A report says so in place of the table or the figure, since a parameter may leave out what one of many reads.
    """


class StoreError(OffdiagError):
    """The store cannot be read or written as it stands; the message names the path and the remedy."""


def not_allowed(error: PermissionError, path: "Path") -> UserError:
    """Return the error that says that this person may not read a file, so that nothing is known of it."""
    return UserError(f"cannot read {path} ({error.strerror}): give yourself the right to, with chmod")


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return ``did you mean grade? `` for ``grad``, or nothing where no known name is near."""
    near = nearest(name, known)
    return f"did you mean {near}? " if near else ""


def nearest(name: str, known: Iterable[str]) -> str:
    """Return the known name that a mistyped one must mean; an empty text where it could be anything.

    >>> nearest("pln", ["plan", "run"]), nearest("clean", ["plan", "run"])
    ('plan', '')
    """
    return "".join(get_close_matches(name, list(known), n=1, cutoff=_NEAR))


def some(n: int, one: str, many: str = "") -> str:
    """Return a number with the words that fit it: ``1 row`` or ``2 rows``; ``many`` is ``one`` with an s if empty."""
    return f"{n} {one if n == 1 else many or f'{one}s'}"


def unfit(name: object) -> str | None:
    """Return why something cannot be the name of a file or folder, so that it stays where it is put; None if it can."""
    if not isinstance(name, str):
        return f"it is {type(name).__name__}, not a text"
    if not name.strip() or len(name) > _LONGEST_NAME:
        return f"it has {len(name.strip())} characters, expected 1 to {_LONGEST_NAME}"
    if name.startswith((".", "-")):
        return f"it begins with {name[0]!r}"
    wrong = next((c for c in name if c in "/\\:" or not c.isprintable()), None)
    return None if wrong is None else f"it has {wrong!r}"


def check_report_name(kind: str, name: object) -> None:
    """Check that a table or figure has a name that can be a file of the report.

    Raises:
        UserError: it holds something else than letters, digits, ``_``, ``-`` and inner dots.
    """
    if not isinstance(name, str) or not re.fullmatch(r"[\w-]+(\.[\w-]+)*", name) or unfit(name):
        raise UserError(f"name {name!r} of a {kind} cannot name a file: use letters, digits, '_', '-' and '.'")


def printable(text: str) -> str:
    r"""Return the text with characters that a terminal would obey, or that turn text about, escaped: ``\x1b``."""
    return text if text.isprintable() else "".join(c if c.isprintable() else _escaped(c) for c in text)


def _escaped(character: str) -> str:
    code = ord(character)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def complaints(error: "ValidationError", options: Mapping[str, str] | None = None) -> str:
    """Return what pydantic found, in one line, for the message of a :class:`UserError`.

    ``options`` are names of options of the command line, by the fields that they set.
    """
    return "; ".join(_complaint(item, options or {}) for item in error.errors(include_url=False))


def refused(option: str, error: ValueError) -> str:
    """Return in one line why a value of an option of the command line is refused, with the value."""
    items = error.errors(include_url=False) if hasattr(error, "errors") else []
    if len(items) != 1:
        return f"{option}: {reworded(str(error))}"
    kind, found, said = items[0]["type"], _shown(items[0]["input"]), reworded(items[0]["msg"])
    return f"{option}: {said}" if kind == "value_error" else f"{option} {found} {_EXPECTED.get(kind, said)}"


def reworded(message: str) -> str:
    """Return a message of pydantic in one line, without its jargon."""
    return " ".join(message.replace("Value error, ", "").replace("Input should be", "should be").split())


# What a person has to type instead, where pydantic's own words speak of Python.
_EXPECTED = {
    "int_type": "should be a whole number",
    "int_parsing": "should be a whole number",
    "int_from_float": "should be a whole number",
    "float_type": "should be a number",
    "float_parsing": "should be a number",
    "bool_type": "should be true or false",
    "bool_parsing": "should be true or false",
    "string_type": "should be text",
    "tuple_type": "should be a sequence, such as 8,10",
    "extra_forbidden": "is no parameter",
}
_OF_PARTS = ("model_type", "model_attributes_type", "dict_type")
_LONGEST = 60
_NEAR = 0.7  # share of letters in common: "clean" and "plan" have 0.67, most slips 0.8 or more
_LONGEST_NAME = 200  # characters of a name for a file, which may be 255 bytes


def _complaint(item: "ErrorDetails", options: Mapping[str, str]) -> str:
    name, kind, found = _dotted(item["loc"]), item["type"], item["input"]
    option = options.get(str(item["loc"][0]), "") if item["loc"] else ""
    if kind == "missing":
        return f"{name} is missing"
    if not name:
        return reworded(item["msg"])  # of the parameters together
    if kind in _OF_PARTS:
        return f"{name} is made of parts: set them one by one, as {name}.PART=VALUE"
    shown = _shown(found)
    said = _EXPECTED.get(kind, reworded(item["msg"]))
    return f"--{option.replace('_', '-')} {shown} {said}" if option else f"{name}={shown} {said}"


def _shown(found: object) -> str:
    text = found if isinstance(found, str) else json.dumps(found, default=lambda value: type(value).__name__)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def _dotted(path: tuple[int | str, ...]) -> str:
    """Return the place of an error as people write it: ``recipe.rank``, ``shots[1]``."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).lstrip(".")
