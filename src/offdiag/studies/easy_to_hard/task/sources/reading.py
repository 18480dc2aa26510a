"""Read rows of published files, with their places for one-line errors."""

import csv
import json
from collections.abc import Iterable, Iterator
from io import StringIO
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from pydantic import BaseModel, ValidationError

from offdiag.errors import UserError, complaints
from offdiag.studies.easy_to_hard.task.items import Item

REMEDY = "fetch the official release again"

M = TypeVar("M", bound=BaseModel)


class Located(NamedTuple):
    """A row as it was read: its place in words, its number within its part (from 0), and its value."""

    where: str
    number: int
    value: Any


def read_text(path: Path) -> str:
    """Read the text of a file in UTF-8.

    Raises:
        UserError: the file is missing or not UTF-8.
    """
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise UserError(
            f"no file {path}: expected a file of the official release there; put it there, or name the folder that "
            f"has {path.parent.name}/{path.name} with --set data_dir=FOLDER or OFFDIAG_DATA"
        ) from None
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: byte {error.start} is not UTF-8; {REMEDY}") from None


def read_json(path: Path) -> Any:
    """Read the one JSON value of a file.

    Raises:
        UserError: the file is missing, cut off or no JSON.
    """
    try:
        return json.loads(read_text(path))
    except ValueError as error:
        raise UserError(f"{path}: not JSON ({error}), perhaps cut off; {REMEDY}") from None


def json_lines(path: Path) -> Iterator[Located]:
    """Yield the values of a file with one JSON value per line, from ``row 1`` on."""
    for number, line in enumerate(_some(path, read_text(path).splitlines())):
        where = f"{path}, row {number + 1}"
        try:
            yield Located(where, number, json.loads(line))
        except ValueError as error:
            raise UserError(f"{where}: not JSON ({error}), perhaps cut off; {REMEDY}") from None


def json_list(path: Path) -> Iterator[Located]:
    """Yield the values of a file that is one JSON list."""
    found = read_json(path)
    if not isinstance(found, list):
        raise UserError(f"{path}: found a JSON {type(found).__name__}, expected a list of items; {REMEDY}")
    for number, value in enumerate(_some(path, found)):
        yield Located(f"{path}, row {number + 1}", number, value)


def csv_rows(path: Path, columns: tuple[str, ...]) -> Iterator[Located]:
    """Yield the rows of a CSV file without a header as mappings; a row is one row even if it spans lines."""
    for number, fields in enumerate(_some(path, list(csv.reader(StringIO(read_text(path), newline=""))))):
        where = f"{path}, row {number + 1}"
        if len(fields) != len(columns):
            raise UserError(
                f"{where}: found {len(fields)} columns, expected {len(columns)} ({', '.join(columns)}); {REMEDY}"
            )
        yield Located(where, number, dict(zip(columns, fields, strict=True)))


def checked(model: type[M], row: Located) -> M:
    """Return the row as ``model``.

    Raises:
        UserError: a column is missing or of another type.
    """
    try:
        return model.model_validate(row.value)
    except ValidationError as error:
        raise UserError(
            f"{row.where}: {complaints(error)}; expected {', '.join(model.model_fields)}; {REMEDY}"
        ) from None


def unique(placed: Iterable[tuple[Located, Item]]) -> tuple[Item, ...]:
    """Return the items, each of which must have an id of its own.

    Raises:
        UserError: two items have the same id.
    """
    first: dict[str, str] = {}
    items: list[Item] = []
    for row, item in placed:
        if item.id in first:
            raise UserError(f"{row.where}: id {item.id!r} is also that of {first[item.id]}; {REMEDY}")
        first[item.id] = row.where
        items.append(item)
    return tuple(items)


def _some(path: Path, rows: list[Any]) -> list[Any]:
    if not rows:
        raise UserError(f"{path}: the file has no rows; {REMEDY}")
    return rows
