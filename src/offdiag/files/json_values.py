"""JSON of others, read strictly: a value is what the file says, or an error.

Python's own reader takes NaN and Infinity for numbers, makes infinity of 1e999, keeps the last of two equal names, and
lets half a character pass (the first half of an emoji alone), which no tokenizer can read. All of these are refused.
"""

import json
import re
from collections.abc import Iterator, Mapping
from math import isfinite
from typing import Any, NoReturn

from offdiag.errors import UserError
from offdiag.files.located import Located
from offdiag.files.text import TextFile, text_lines

_SURROGATE = re.compile(r"[\ud800-\udfff]")
_ESCAPED = re.compile(r"\\u[dD][89a-fA-F]")
_BRACKETS = re.compile(r'"(?:[^"\\]|\\.)*"|[][{}]')
_SPACE = re.compile(r"[ \t\n\r]*")
_SHOWN = 40
LONGEST = 2**28  # bytes of a line
_DEEPEST = 100  # lists and objects inside each other; what is made of a value visits it call by call


def json_lines(file: TextFile, *, undefined: bool = False) -> Iterator[Located]:
    """Yield the values of a file with one JSON value on each line, one at a time; blank lines are skipped.

    ``undefined`` is as for :func:`json_value`.

    Raises:
        UserError: the file cannot be read, has no value, or a line is no JSON.
    """
    number = 0
    for line, text in enumerate(text_lines(file, LONGEST), start=1):
        # where files were joined, the byte order mark of the second stands inside
        bare = text.strip().removeprefix("\ufeff")
        if bare:
            where = f"{file.name}, line {line}"
            yield Located(where, number, line, json_value(bare, where, undefined=undefined))
            number += 1
    if not number:
        raise UserError(f"{file.name} has no rows: expected a JSON value on each line")


def json_list(file: TextFile) -> Iterator[Located]:
    """Yield the items of a file that is one JSON list.

    Raises:
        UserError: the file cannot be read, is no JSON, no list, or an empty one.
    """
    text = file.read()
    if not text.strip():
        raise UserError(f"{file.name} is empty: expected a list of rows: [ … ]")
    place = _behind_space(text, 0)
    if text[place : place + 1] != "[":
        found = json_value(text, file.name)  # no JSON at all is told first
        inside = (
            [name for name, value in found.items() if isinstance(value, list)] if isinstance(found, Mapping) else []
        )
        rows = f"; {inside[0]!r} in it is a list: save that alone" if inside else ""
        raise UserError(f"{file.name}: found a JSON {_kind(found)}, expected a list of rows: [ … ]{rows}")
    place = _behind_space(text, place + 1)
    if text[place : place + 1] == "]":
        raise UserError(f"{file.name}: the list has no rows: expected at least one")
    line, counted, number, end = 1, 0, 0, ","
    while end == ",":
        line, counted = line + text.count("\n", counted, place), place
        value, place = _parsed(text, place, file.name)
        yield Located(f"{file.name}, line {line}", number, line, value)
        place = _behind_space(text, place)
        end = text[place : place + 1]
        if end not in (",", "]"):
            raise UserError(f"{_at(text, place, file.name)}: not JSON (expected , or ] after a row){_cut(text, place)}")
        number, place = number + 1, _behind_space(text, place + 1)
    _check_end(text, place, file.name)


def json_value(text: str, where: str, *, undefined: bool = False) -> Any:
    """Return the one JSON value of a text.

    Args:
        text: one value, with white space around it or not. where: the file, or file and line, for messages.
        undefined: whether NaN and what is beyond a computer's numbers are None, in files that Python's own writer made,
            instead of refused.

    Raises:
        UserError: it is no JSON, or JSON that cannot be taken at its word.
    """
    decoder = _UNDEFINED if undefined else _DECODER
    try:  # most values are plain; what is wrong with the others, and where, is found out below
        value, end = decoder.raw_decode(text)
        if end == len(text) and "\\u" not in text and text.count("[") + text.count("{") <= _DEEPEST:
            return value
    except (ValueError, RecursionError):
        pass
    value, end = _parsed(text, _behind_space(text, 0), where, decoder)
    _check_end(text, end, where)
    return value


class _RefusedError(ValueError):
    """Something that is not what it says, as opposed to a mistake of syntax."""


def _parsed(text: str, place: int, where: str, decoder: json.JSONDecoder | None = None) -> tuple[Any, int]:
    """Return the value that begins at a place of the text, and where it ends."""
    try:
        value, end = (decoder or _DECODER).raw_decode(text, place)
    except json.JSONDecodeError as error:
        said = f"not JSON ({error.msg[0].lower()}{error.msg[1:]})"
        begun = error.msg.startswith("Unterminated string")  # and the error is where it begins
        rest = _cut(text, len(text) if begun else error.pos)
        raise UserError(f"{_at(text, error.pos, where)}: {said}{rest}") from None
    except (_RefusedError, RecursionError) as error:
        said = str(error) if isinstance(error, _RefusedError) else "values are nested too deeply: flatten them"
        raise UserError(f"{_at(text, place, where, of_line=True)}: {said}") from None
    except ValueError:  # Python's limit for the digits of a whole number
        said = "a number has too many digits: write it as a text"
        raise UserError(f"{_at(text, place, where, of_line=True)}: {said}") from None
    if _too_deep(text, place, end):
        said = f"values are nested more than {_DEEPEST} deep: flatten them"
        raise UserError(f"{_at(text, place, where, of_line=True)}: {said}")
    if _ESCAPED.search(text, place, end):
        _check_characters(value, _at(text, place, where, of_line=True))
    return value, end


def _too_deep(text: str, place: int, end: int) -> bool:
    """Return whether a JSON value has more lists and objects inside each other than is taken."""
    if text.count("[", place, end) + text.count("{", place, end) <= _DEEPEST:
        return False
    depth = 0
    for found in _BRACKETS.finditer(text, place, end):
        depth += {"[": 1, "{": 1, "]": -1, "}": -1}.get(found[0], 0)  # 0: a text, brackets in it and all
        if depth > _DEEPEST:
            return True
    return False


def _check_end(text: str, place: int, where: str) -> None:
    end = _behind_space(text, place)
    if end < len(text):
        rest = f"{text[end : end + _SHOWN]!r}"
        raise UserError(f"{_at(text, end, where)}: {rest} stands behind a whole JSON value: expected one value")


def _check_characters(value: Any, where: str, name: str = "") -> None:
    """Refuse half a character anywhere in a value."""
    if isinstance(value, str) and (half := _SURROGATE.search(value)) is not None:
        of = f"{name} has" if name else "a text has"
        raise UserError(
            f"{where}: {of} half a character, \\u{ord(half[0]):04x} as character {half.start() + 1}, which no model "
            "can read: write the whole character, or leave it out"
        )
    if isinstance(value, Mapping):
        for key, item in value.items():
            _check_characters(key, where)
            _check_characters(item, where, f"{name}.{key}" if name else key)
    elif isinstance(value, list):
        for i, item in enumerate(value):
            _check_characters(item, where, f"{name}[{i}]")


def _at(text: str, place: int, where: str, *, of_line: bool = False) -> str:
    """Return the place in words: the line, where a text has several, and the column but ``of_line``."""
    number = 1 + text.count("\n", 0, place)
    line = f", line {number}" if "\n" in text.rstrip() else ""
    column = place - text.rfind("\n", 0, place)
    return f"{where}{line}" if of_line else f"{where}{line}, column {column}"


def _cut(text: str, place: int) -> str:
    """Return the remedy: to make it anew where the text ends with the error, or else to mend it there."""
    if place >= len(text.rstrip()):
        return (
            ": it is not whole; make the file anew if it is cut off, or write each value on one line if it is of lines"
        )
    return f" at {text[place : place + _SHOWN].strip()!r}: mend it"


def _behind_space(text: str, place: int) -> int:
    found = _SPACE.match(text, place)
    return place if found is None else found.end()


def _kind(value: object) -> str:
    return {dict: "object", str: "text", bool: "true or false", type(None): "null"}.get(type(value), "number")


def _constant(name: str) -> NoReturn:
    raise _RefusedError(f"{name} is no JSON number: write null where a value is missing")


def _number(digits: str) -> float:
    if not isfinite(number := float(digits)):
        raise _RefusedError(f"{digits[:_SHOWN]} is beyond the numbers of a computer: write it as a text")
    return number


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise _RefusedError(f"the name {twice!r} is there twice in one object: keep one of them")
    return found


def _finite(digits: str) -> float | None:
    return number if isfinite(number := float(digits)) else None


_DECODER = json.JSONDecoder(parse_constant=_constant, parse_float=_number, object_pairs_hook=_object)
_UNDEFINED = json.JSONDecoder(parse_constant=lambda name: None, parse_float=_finite, object_pairs_hook=_object)
