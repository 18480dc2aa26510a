"""Conversion of columns of text to numbers and booleans; an error names the line."""

import math
import re
from typing import TYPE_CHECKING, Any

from offdiag.analyses.selection import require
from offdiag.errors import UserError

if TYPE_CHECKING:
    import pandas as pd

TRUTHS = {"true": True, "1": True, "false": False, "0": False}
_WITH_COMMA = re.compile(r"\s*[+-]?\d+,\d+(?:[eE][+-]?\d+)?\s*")
_PERHAPS_THOUSANDS = re.compile(r"\s*[+-]?[1-9]\d{0,2},\d{3}\s*")


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

    A decimal comma (``0,5``) counts as a point where all of the column is written so.

    Raises:
        UserError: no such column, an empty field without ``gaps``, text that is no number, one outside the range, or
            commas that may be either decimal commas or those of thousands.
    """
    import pandas as pd

    require(table, column)
    found = []
    for (line, text), with_point in zip(table[column].items(), _with_points(table[column]), strict=True):
        value = math.nan if gaps and text is None else _number(with_point)
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


def _with_points(texts: "pd.Series[Any]") -> "pd.Series[Any]":
    """Return the column with points for its decimal commas."""
    known = {line: text for line, text in texts.items() if isinstance(text, str)}
    commas = {line: text for line, text in known.items() if _WITH_COMMA.fullmatch(text)}
    if not commas:
        return texts
    line, text = next(iter(commas.items()))
    point = next((line for line, other in known.items() if "." in other), None)
    if point is not None:
        raise UserError(
            f"line {line}: {texts.name} is {text!r}, and {known[point]!r} on line {point}: write points in all"
        )
    if all(_PERHAPS_THOUSANDS.fullmatch(text) for text in commas.values()):
        plain = text.replace(",", "")
        raise UserError(
            f"line {line}: {texts.name} is {text!r}, which may be {text.replace(',', '.')} or {plain}: write one"
        )
    return texts.map(lambda text: text.replace(",", ".") if isinstance(text, str) else text)


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
