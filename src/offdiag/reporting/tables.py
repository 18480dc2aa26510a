"""Write the tables of a report: all as CSV, and those that a paper could print as LaTeX."""

import re
from collections.abc import Iterable, Mapping
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from offdiag.errors import UserError, check_report_name
from offdiag.markup import visible
from offdiag.reporting.cell_texts import CellText
from offdiag.results import Results

PAGE, LONGEST = 40, 200  # rows of a page, and of a table that is written as LaTeX

_AT_ONCE = 10_000  # rows of a CSV table
_BEGIN_FORMULAS = ("=", "+", "@", "-", "\t", "\r")
_NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?")

_LATEX = str.maketrans(
    {
        "\\": r"\textbackslash{}",
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
        "<": r"\textless{}",
        ">": r"\textgreater{}",
        "|": r"\textbar{}",
        '"': r"\textquotedbl{}",
        "−": "$-$",
        "–": "--",
        "⟨": r"\textless{}",
        "⟩": r"\textgreater{}",
        "\0": "{}",
        **{mark: f"\\{mark}" for mark in "&%$#_{}"},
    }
)


def write_tables(
    results: Results, texts: tuple[CellText, ...], tables: Mapping[str, pd.DataFrame], folder: Path
) -> None:
    """Write all frames of the results and each extra table as CSV into ``folder``.

    ``cells.tex`` and each extra table that is not too long for a paper are written as LaTeX, too.

    Raises:
        UserError: an extra table's name is taken or is no file name.
    """
    folder.mkdir(parents=True, exist_ok=True)
    own = {"cells": results.cells, "steps": results.steps, **results.measurements}
    for name in tables:
        if name in own or name == "records":
            raise UserError(f"table name {name!r} is taken by the report itself: give the table another name")
        check_report_name("table", name)
    for name, table in {**own, **tables}.items():
        _write_csv([table], folder / f"{name}.csv")
    empty = results.held.of(())  # so that the header is there where there is no record
    parts = (part.assign(flags=part["flags"].map(_joined)) for part in results.held.parts())
    _write_csv(chain([empty], parts), folder / "records.csv")
    for name, table in tables.items():
        (folder / f"{name}.tex").unlink(missing_ok=True)
        if len(table) <= LONGEST:
            (folder / f"{name}.tex").write_text(plain_latex_table(table), encoding="utf-8", newline="\n")
    (folder / "cells.tex").write_text(latex_table(texts), encoding="utf-8", newline="\n")


def _write_csv(tables: Iterable[pd.DataFrame], path: Path) -> None:
    """Write tables of the same columns below each other, some thousand rows at a time, so that none is held twice."""
    with path.open("w", encoding="utf-8", errors="backslashreplace", newline="") as file:
        for table in tables:
            for start in range(0, max(1, len(table)), _AT_ONCE):
                part = defused(table.iloc[start : start + _AT_ONCE])
                part.to_csv(file, index=False, lineterminator="\n", header=file.tell() == 0)


def defused(table: pd.DataFrame) -> pd.DataFrame:
    """Return the table with an apostrophe before each text that a spreadsheet would take for a formula.

    Those are texts, of cells and headers, that begin with ``=``, ``+`` or ``@``; and with ``-``, a tab or a carriage
    return, unless they are numbers.
    """
    texts = table.select_dtypes(exclude=["number", "bool"]).columns
    if not table.columns.is_unique:
        return table.map(_defused)
    return table.assign(**{name: _column_defused(table[name]) for name in texts}).rename(columns=_defused)


def _column_defused(column: "pd.Series[Any]") -> "pd.Series[Any]":
    """Return a column as objects: pandas' own strings hold no lone surrogates, which a completion may have."""
    if column.dtype == object:
        return pd.Series(map(_defused, column), column.index, dtype=object)
    codes, values = pd.factorize(column)  # names of cells and the like, each many times
    each = np.array([*map(_defused, values), None], dtype=object)  # the last is for those that are missing
    return pd.Series(each[codes], column.index, dtype=object)


def _defused(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    harmless = not value.startswith(_BEGIN_FORMULAS) or (value[0] in "-\t\r" and _NUMBER.fullmatch(value.strip()))
    # A carriage return alone is not put in quotes by Python, and begins a row for all who read the table.
    text = value.replace("\r\n", "\n").replace("\r", "\n") if "\r" in value else value
    return text if harmless else f"'{text}"


def latex(text: str) -> str:
    r"""Return ``text`` with all LaTeX commands escaped and white space on one line.

    Two hyphens stay two, and a first ``[`` or ``*`` is not taken for an argument of the ``\\`` before it.
    """
    escaped = " ".join(re.sub("-(?=-)", "-\0", visible(text)).translate(_LATEX).split())
    return "{}" + escaped if escaped.startswith(("[", "*")) else escaped


def latex_table(texts: tuple[CellText, ...]) -> str:
    r"""Return a booktabs table, one line per cell: arm, evaluation, n, accuracy and difference with intervals.

    It needs ``\usepackage{booktabs}`` and ``\usepackage[T1]{fontenc}``, and ``longtable`` for more than 40 cells.
    """
    table = pd.DataFrame(
        [
            {
                "Arm": cell.arm,
                "Evaluation": cell.evaluation,
                "n": cell.count.removeprefix("n = "),
                "Accuracy (%)": f"{cell.accuracy} [{cell.interval}]" if cell.shade is not None else cell.state,
                "Difference (points)": cell.difference or "–",
            }
            for cell in texts
        ],
        columns=["Arm", "Evaluation", "n", "Accuracy (%)", "Difference (points)"],
    )
    return _booktabs(table, "llrll")


def plain_latex_table(table: pd.DataFrame) -> str:
    """Return any table as LaTeX: fractions with three decimals, missing values empty, hidden characters shown."""
    numeric = [pd.api.types.is_numeric_dtype(kind) for kind in table.dtypes]
    texts = table.astype(object).where(table.notna(), None).map(_text)
    return _booktabs(texts, "".join("r" if number else "l" for number in numeric))


def _booktabs(texts: pd.DataFrame, alignment: str) -> str:
    """Return rows as booktabs lines; written here, since pandas takes a minute for some ten thousand."""
    head = f"{_line_of(texts.columns)}\n\\midrule\n"
    body = "".join(f"{_line_of(row)}\n" for row in texts.itertuples(index=False, name=None))
    if len(texts) <= PAGE:
        return f"\\begin{{tabular}}{{{alignment}}}\n\\toprule\n{head}{body}\\bottomrule\n\\end{{tabular}}\n"
    return (
        f"\\begin{{longtable}}{{{alignment}}}\n\\toprule\n{head}\\endfirsthead\n\\toprule\n{head}\\endhead\n\\midrule\n"
        f"\\multicolumn{{{texts.shape[1]}}}{{r}}{{Continued on next page}} \\\\\n\\midrule\n\\endfoot\n"
        f"\\bottomrule\n\\endlastfoot\n{body}\\end{{longtable}}\n"
    )


def _line_of(texts: Iterable[str]) -> str:
    return " & ".join(map(latex, texts)) + r" \\"


def _text(value: object) -> str:
    if value is None:
        return ""
    return f"{value:.3f}" if isinstance(value, float) and not value.is_integer() else visible(f"{value}")


def _joined(flags: object) -> object:
    return " ".join(flags) if isinstance(flags, list | tuple | np.ndarray) else flags
