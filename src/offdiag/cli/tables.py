"""Tables for the terminal: rich ones where there is a terminal, plain columns elsewhere."""

import json
import math
import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    import pandas as pd


def show_table(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]], *, right: Sequence[str] = ()) -> None:
    """Print a table; columns named in ``right`` are set flush right."""
    if not sys.stdout.isatty():
        _plain(title, columns, rows, right)
        return
    from rich import box
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        table.add_column(column, justify="right" if column in right else "left", overflow="fold")
    for row in rows:
        table.add_row(*(escape(field) for field in row))
    Console(no_color="NO_COLOR" in os.environ).print(table)


def show_json(value: Any) -> None:
    """Print JSON, indented."""
    typer.echo(json.dumps(value, indent=1, ensure_ascii=False))


def percent(value: Any) -> str:
    """``0.425`` as ``42.5``; an em dash where there is no number."""
    return "—" if _absent(value) else f"{100 * value:.1f}"


def interval(low: Any, high: Any) -> str:
    """Two percentages in brackets."""
    return "" if _absent(low) or _absent(high) else f"[{percent(low)}, {percent(high)}]"


def results_rows(cells: "pd.DataFrame") -> list[list[str]]:
    """The cells as rows of text: what was asked of whom, accuracy and change, each with its interval."""
    rows = []
    for cell in cells.to_dict(orient="records"):
        done = cell["state"] == "done"
        change = "" if _absent(cell["difference"]) else f"{100 * cell['difference']:+.1f}"
        rows.append([
            str(cell["arm"]), str(cell["eval"]), str(cell["prompt"]), f"{cell['n']}/{cell['n_planned']}",
            percent(cell["accuracy"]) if done else str(cell["state"]),
            interval(cell["ci_low"], cell["ci_high"]) if done else "",
            percent(cell["unparsed_rate"]) if done else "",
            f"{change} {interval(cell['diff_low'], cell['diff_high'])}".strip(),
        ])  # fmt: skip
    return rows


RESULT_COLUMNS = ["arm", "evaluated on", "prompt", "n", "accuracy %", "95 %", "unparsed %", "vs untuned, points"]


def show_results(title: str, cells: "pd.DataFrame") -> None:
    """Print the results table of a study."""
    show_table(title, RESULT_COLUMNS, results_rows(cells), right=["n", "accuracy %", "unparsed %"])


def _absent(value: Any) -> bool:
    import pandas as pd

    return bool(pd.isna(value)) or (isinstance(value, float) and math.isnan(value))


def _plain(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[str]) -> None:
    widths = [max(len(field) for field in column) for column in zip(columns, *rows, strict=True)]
    typer.echo(title)
    for row in [list(columns), *rows]:
        fields = [
            field.rjust(width) if name in right else field.ljust(width)
            for name, field, width in zip(columns, row, widths, strict=True)
        ]
        typer.echo("  ".join(fields).rstrip())
