"""Reading of tables made elsewhere, as frames of text: comma-separated values, or lines in a format of a package."""

import csv
import re
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from io import StringIO
from typing import TYPE_CHECKING, ClassVar

from offdiag.errors import UserError
from offdiag.registry import Registry

if TYPE_CHECKING:
    import pandas as pd

_ENDS_IN_A_RESULT = re.compile(r":\s*\S+\s*$")


class LineFormat(ABC):
    """A file format with one accuracy per line, such as the log of another program.

    Subclass it and name the class in the entry points ``offdiag.line_formats`` of your package.

    Attributes:
        name: as registered.
        pattern: matches a whole line; its named groups are the columns, ``k`` and ``accuracy`` among them.
        expected: the form of a line in words, for messages.
        series: the columns that tell curves over k apart.
    """

    name: ClassVar[str]
    pattern: ClassVar[re.Pattern[str]]
    expected: ClassVar[str]
    series: ClassVar[tuple[str, ...]]

    @classmethod
    @abstractmethod
    def row(cls, match: re.Match[str]) -> dict[str, str | None]:
        """Return the columns of a line: the texts of the groups, None where a text says nothing."""


LINE_FORMATS = Registry[type[LineFormat]]("line format", "offdiag.line_formats", LineFormat, named_by="name")


def line_formats() -> Iterator[type[LineFormat]]:
    """Yield the formats of all packages that can be loaded, by name."""
    yield from (kind for _, kind in LINE_FORMATS.usable() if isinstance(kind, type))


def read_table(text: str) -> "pd.DataFrame":
    """Return the rows of a table as text, None where a field is empty; the index is the number of the line.

    Lines in a :class:`LineFormat` give its columns; lines that repeat one another are taken once. Everything else is
    read as comma-separated values below a line of names. Blank lines are skipped.

    Raises:
        UserError: no row, names that come twice, a row of another length, a line that is no result, or two lines that
            give different accuracies for the same thing.
    """
    lines = text.removeprefix("\ufeff").splitlines()
    first = next((line for line in lines if line.strip()), None)
    if first is None:
        raise UserError("the table is empty: expected a line of column names and rows below it")
    known = list(line_formats())
    kind = next((kind for kind in known if kind.pattern.fullmatch(first.rstrip())), None)
    if kind is None and known and "," not in first and _ENDS_IN_A_RESULT.search(first):
        kind = known[0]  # no table either: its message says what a line should be
    return _read_csv(text.removeprefix("\ufeff")) if kind is None else _read_lines(lines, kind)


def _read_lines(lines: Sequence[str], kind: type[LineFormat]) -> "pd.DataFrame":
    import pandas as pd

    rows: dict[int, dict[str, str | None]] = {}
    seen: dict[tuple[str | None, ...], int] = {}
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        if (match := kind.pattern.fullmatch(line.rstrip())) is None:
            raise UserError(f"line {number}: {line.strip()[:80]!r} is no result; expected {kind.expected}")
        row = kind.row(match)
        key = tuple(value for name, value in row.items() if name != "accuracy")
        first = seen.setdefault(key, number)
        if first == number:
            rows[number] = row
        elif rows[first]["accuracy"] != row["accuracy"]:
            raise UserError(
                f"lines {first} and {number} give {rows[first]['accuracy']} and {row['accuracy']} "
                "for the same evaluation: delete the one that is wrong"
            )
    return pd.DataFrame.from_dict(rows, orient="index", dtype=object)


def _read_csv(text: str) -> "pd.DataFrame":
    import pandas as pd

    try:
        reader = csv.reader(StringIO(text, newline=""), strict=True)
        header = [name.strip() for name in next(row for row in reader if any(row))]
        _check_names(header)
        rows = {}
        for fields in reader:
            if not any(field.strip() for field in fields):
                continue
            if len(fields) != len(header):
                raise UserError(f"line {reader.line_num} has {len(fields)} fields: expected {len(header)}, as above it")
            rows[reader.line_num] = [field.strip() or None for field in fields]
    except csv.Error as error:
        raise UserError(f"line {reader.line_num}: not comma-separated values ({error})") from None
    if not rows:
        raise UserError(f"the table has the columns {', '.join(header)} and no row: expected one for each k")
    return pd.DataFrame.from_dict(rows, orient="index", columns=header, dtype=object)


def _check_names(header: Sequence[str]) -> None:
    twice = sorted({name for name in header if header.count(name) > 1})
    if twice:
        raise UserError(f"column {twice[0]!r} is there twice: expected each name once")
