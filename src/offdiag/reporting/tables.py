"""The files beside the page: tables as CSV, and the cells as a LaTeX table."""

import re
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from offdiag.errors import UserError
from offdiag.reporting.squares import Square
from offdiag.reporting.wording import visible
from offdiag.results import Results

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
    results: Results, squares: tuple[Square, ...], tables: Mapping[str, pd.DataFrame], folder: Path
) -> None:
    """Write all frames of the results and each extra table as CSV into ``folder``, and ``cells.tex``.

    Raises:
        UserError: an extra table's name is taken or is no file name.
    """
    folder.mkdir(parents=True, exist_ok=True)
    records = results.records.assign(flags=results.records["flags"].map(_joined))
    own = {"cells": results.cells, "records": records, "steps": results.steps, **results.measurements}
    for name in tables:
        if name in own:
            raise UserError(f"table name {name!r} is taken by the report itself: give the table another name")
        check_name(name)
    for name, table in {**own, **tables}.items():
        table.to_csv(folder / f"{name}.csv", index=False, lineterminator="\n", errors="backslashreplace")
    (folder / "cells.tex").write_text(latex_table(squares), encoding="utf-8", newline="\n")


def check_name(name: str) -> None:
    """Refuse a name that cannot be a file's.

    Raises:
        UserError: it holds something else than letters, digits, ``_``, ``-`` and inner dots.
    """
    if not re.fullmatch(r"[\w-]+(\.[\w-]+)*", name):
        raise UserError(f"name {name!r} of a table or figure cannot name a file: use letters, digits, '_', '-' and '.'")


def latex(text: str) -> str:
    r"""``text`` with everything escaped that LaTeX would read as a command; white space on one line.

    Two hyphens stay two, and a first ``[`` or ``*`` is not taken for an argument of the ``\\`` before it.
    """
    escaped = " ".join(re.sub("-(?=-)", "-\0", visible(text)).translate(_LATEX).split())
    return "{}" + escaped if escaped.startswith(("[", "*")) else escaped


def latex_table(squares: tuple[Square, ...]) -> str:
    r"""A booktabs table, one line a cell: arm, evaluation, n, accuracy with its interval, difference with its interval.

    It needs ``\usepackage{booktabs}`` and ``\usepackage[T1]{fontenc}``, and ``longtable`` for more than 40 cells.
    """
    table = pd.DataFrame(
        [
            {
                "Arm": square.arm,
                "Evaluation": square.evaluation,
                "n": square.count.removeprefix("n = "),
                "Accuracy (%)": f"{square.accuracy} [{square.interval}]" if square.shade is not None else square.state,
                "Difference (points)": square.difference or "–",
            }
            for square in squares
        ],
        columns=["Arm", "Evaluation", "n", "Accuracy (%)", "Difference (points)"],
    )
    escaped = table.map(latex).rename(columns=latex)
    return escaped.to_latex(index=False, escape=False, column_format="llrll", longtable=len(escaped) > 40)


def _joined(flags: object) -> object:
    return " ".join(flags) if isinstance(flags, list | tuple | np.ndarray) else flags
