"""Tables in text: comma-, semicolon- or tab-separated values, with quotes as in RFC 4180."""

import csv
import re
from collections.abc import Iterable, Iterator, Sequence

from offdiag.errors import UserError
from offdiag.files.located import Located

SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs"}
_QUOTED = re.compile(r'"(?:[^"]|"")*"')
_HINT = re.compile(r"sep=(.)\s*")  # the first line of a table for Excel
_LONGEST = 2**31 - 1  # characters of a field; Python's own limit of 131,072 is shorter than a passage


def table_rows(lines: Iterable[str], where: str, columns: Sequence[str] = ()) -> Iterator[Located]:
    """Yield the rows of a table, one at a time, as mappings from column to text.

    The separator is the one of ``, ; tab`` that the first line shows. A row may span lines, where a field in quotes
    does; blank lines are skipped.

    Args:
        lines: with their line ends, see :func:`offdiag.files.text_lines`. where: the file, for messages; may be empty.
        columns: the names, of a table without a header; else the first row has them.

    Raises:
        UserError: two columns of one name, a row of another length, a quote that never ends, or no row.
    """
    csv.field_size_limit(_LONGEST)
    names, number = list(columns), 0
    for line, fields in _fields(lines, where, len(columns)):
        place = f"{where}, line {line}".lstrip(", ")
        if not names:
            names = [name.strip() for name in fields]
            _check_names(names, place)
            continue
        if len(fields) != len(names):
            raise UserError(
                f"{place} has {len(fields)} fields, expected {len(names)} ({', '.join(names)}): put a field that has "
                "the separator or a line end in it into double quotes"
            )
        yield Located(place, number, line, dict(zip(names, fields, strict=True)))
        number += 1
    if not number:
        known = f"the table has the columns {', '.join(names)} and no row" if names else "the table is empty"
        below = "expected rows below it" if names else "expected a line of column names and rows below it"
        raise UserError(": ".join(filter(None, (where, known, below))))


def _fields(lines: Iterable[str], where: str, wanted: int) -> Iterator[tuple[int, list[str]]]:
    """Yield the fields of each row with the line on which it begins."""
    source, skipped = iter(lines), 0
    first = next(source, "")
    while first and not first.strip():
        first, skipped = next(source, ""), skipped + 1
    if hint := _HINT.fullmatch(first):
        first, skipped = next(source, ""), skipped + 1
    separator = hint[1] if hint else _separator(first, where, wanted)
    reader = csv.reader(_then(first, source), strict=True, delimiter=separator)
    begun = 1
    try:
        for fields in reader:
            if any(field.strip() for field in fields):
                if fields[0].startswith("\ufeff"):  # left out of the first line, so this is another
                    place = f"{where}, line {begun + skipped}".lstrip(", ")
                    raise UserError(f"{place} begins with a byte order mark: two files were joined; read them apart")
                yield begun + skipped, fields
            begun = reader.line_num + 1
    except csv.Error as error:
        place = f"{where}, line {begun + skipped}".lstrip(", ")
        if "unexpected end" in str(error):
            raise UserError(f'{place}: a quote (") is opened in this row and never closed: close it') from None
        raise UserError(f"{place}: not a table ({error}): write a quote inside a quoted field twice") from None


def _separator(line: str, where: str, wanted: int) -> str:
    """Return the separator of the first line: the one that gives ``wanted`` fields, or else the most."""
    bare = _QUOTED.sub("", line)
    counts = {separator: bare.count(separator) for separator in SEPARATORS}
    if wanted:
        return next((separator for separator, n in counts.items() if n == wanted - 1), ",")
    most = max(counts.values())
    best = [separator for separator, n in counts.items() if n == most]
    if most and len(best) > 1:
        found = " or ".join(SEPARATORS[separator] for separator in best)
        place = f"{where}, line 1".lstrip(", ")
        raise UserError(f"{place}: {found} may separate the columns {line.strip()!r}: put names with them in quotes")
    return best[0]


def _then(first: str, others: Iterator[str]) -> Iterator[str]:
    yield first
    yield from others


def _check_names(names: Sequence[str], place: str) -> None:
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise UserError(f"{place}: column {twice[0]!r} is there twice: expected each name once")
