"""Tables that were made elsewhere, as frames of texts: comma-separated ones, and lines of the original's results."""

import csv
import re
from collections.abc import Sequence
from io import StringIO
from typing import TYPE_CHECKING

from offdiag.errors import UserError

if TYPE_CHECKING:
    import pandas as pd

# {model} {base} {cot} {n_digits} {n_shots} {icl_cot}: {accuracy}; a model may be any text, so it is what is left over.
RESULT = re.compile(
    r"(?P<model>.+) (?P<base>[0-9]+) (?P<cot>True|False) (?P<n_digits>[0-9]+) (?P<k>[0-9]+) "
    r"(?P<icl_cot>True|False): (?P<accuracy>\S+)"
)
LINE_FACTORS = ("model", "base", "cot", "n_digits", "icl_cot")


def read_table(text: str) -> "pd.DataFrame":
    """The rows of a table as texts, None where a field is empty; the index is the number of the line.

    A file of lines ``{model} {base} {cot} {n_digits} {n_shots} {icl_cot}: {accuracy}`` gives the columns of
    ``LINE_FACTORS``, ``k`` and ``accuracy``; its booleans are ``True`` and ``False`` and nothing else, lines that
    repeat one another are taken once, and zero-shot lines have no ``icl_cot``, since nothing was shown.
    Everything else is read as comma-separated values below a line of names; blank lines are skipped.

    Raises:
        UserError: no row, names that come twice, a row of another length, a line that is no result, or two lines that
            give different accuracies for the same thing.
    """
    lines = text.removeprefix("\ufeff").splitlines()
    first = next((line for line in lines if line.strip()), None)
    if first is None:
        raise UserError("the table is empty: expected a line of column names and rows below it")
    if RESULT.fullmatch(first.rstrip()) or ("," not in first and re.search(r":\s*\S+\s*$", first)):
        return _read_lines(lines)
    return _read_csv(text.removeprefix("\ufeff"))


def _read_lines(lines: Sequence[str]) -> "pd.DataFrame":
    import pandas as pd

    rows: dict[int, dict[str, str | None]] = {}
    seen: dict[tuple[str | None, ...], int] = {}
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        if (match := RESULT.fullmatch(line.rstrip())) is None:
            raise UserError(
                f"line {number}: {line.strip()[:80]!r} is no result; "
                "expected MODEL BASE True|False DIGITS SHOTS True|False: ACCURACY"
            )
        row: dict[str, str | None] = dict(match.groupdict())
        if int(row["k"] or 0) == 0:
            row["icl_cot"] = None
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
