"""Reading of tables made elsewhere, as frames of text: separated values, or lines in a format of a package."""

import re
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, ClassVar

from offdiag.errors import UserError
from offdiag.files import split_lines, table_rows
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
    """Return the rows of a table as text, None where a field is empty; the index is the line on which a row begins.

    Lines in a :class:`LineFormat` give its columns; lines that repeat one another are taken once. Everything else is
    read as values between commas, semicolons or tabs below a line of names. Blank lines are skipped.

    Raises:
        UserError: no row, names that come twice, a row of another length, a line that is no result, or two lines that
            give different accuracies for the same thing.
    """
    lines = split_lines(text)
    first = next((line for line in lines if line.strip()), None)
    if first is None:
        raise UserError("the table is empty: expected a line of column names and rows below it")
    if first.lstrip().startswith(("{", "[")):
        raise UserError(
            f"found JSON ({first.strip()[:40]!r}): expected a table, with a line of column names above rows"
        )
    known = list(line_formats())
    kind = next((kind for kind in known if kind.pattern.fullmatch(first.rstrip())), None)
    if kind is None and known and "," not in first and _ENDS_IN_A_RESULT.search(first):
        kind = known[0]  # no table either: its message says what a line should be
    return _read_values(lines) if kind is None else _read_lines(lines, kind)


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


def _read_values(lines: Sequence[str]) -> "pd.DataFrame":
    import pandas as pd

    found = {row.line: row.value for row in table_rows(lines, "")}
    texts = {line: [field.strip() or None for field in row.values()] for line, row in found.items()}
    return pd.DataFrame.from_dict(texts, orient="index", columns=list(next(iter(found.values()))), dtype=object)
