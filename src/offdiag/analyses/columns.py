"""Conversion of columns of text to numbers and booleans; an error names the line."""

import math
from typing import TYPE_CHECKING

from offdiag.analyses.selection import require
from offdiag.errors import UserError

if TYPE_CHECKING:
    import pandas as pd

TRUTHS = {"true": True, "1": True, "false": False, "0": False}


def numbers(
    table: "pd.DataFrame",
    column: str,
    low: float = -math.inf,
    high: float = math.inf,
    *,
    gaps: bool = False,
    whole: bool = False,
) -> "pd.Series[float]":
    """Return the column as finite (``whole``) numbers from ``low`` to ``high``; with ``gaps`` an empty field is NaN.

    Raises:
        UserError: no such column, an empty field without ``gaps``, text that is no number, or one outside the range.
    """
    import pandas as pd

    require(table, column)
    found = []
    for line, text in table[column].items():
        value = math.nan if gaps and text is None else _number(text)
        inside = math.isfinite(value) and low <= value <= high and (value.is_integer() or not whole)
        if not (inside or (gaps and text is None)):
            raise UserError(f"line {line}: {column} is {_shown(text)}, expected {_wanted(low, high, whole=whole)}")
        found.append(value)
    return pd.Series(found, index=table.index, dtype=float)


def truths(table: "pd.DataFrame", column: str) -> "pd.Series[bool]":
    """Return the column as booleans: ``True``, ``False``, ``1`` and ``0``, nothing else.

    Raises:
        UserError: no such column, or another text.
    """
    import pandas as pd

    require(table, column)
    found = []
    for line, text in table[column].items():
        if str(text).lower() not in TRUTHS:
            raise UserError(f"line {line}: {column} is {_shown(text)}, expected True or False (or 1 or 0)")
        found.append(TRUTHS[str(text).lower()])
    return pd.Series(found, index=table.index, dtype=bool)


def _number(text: object) -> float:
    """Return the number in a text, NaN if it is none."""
    try:
        return float(str(text).replace("_", "x"))  # Python's own "1_000" is no number of a table
    except ValueError:
        return math.nan


def _shown(text: object) -> str:
    return "empty" if text is None else f"{str(text)[:40]!r}"


def _wanted(low: float, high: float, *, whole: bool) -> str:
    kind = "a whole number" if whole else "a number"
    if math.isinf(high):
        return kind if math.isinf(low) else f"{kind} of at least {low:g}"
    return f"{kind} from {low:g} to {high:g}"
