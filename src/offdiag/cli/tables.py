"""Lines and tables for the terminal: rich tables where there is a terminal, plain columns elsewhere.

All that commands print goes through here, since names, notes and answers come from stores, models and files of others:
a terminal must not obey them.
"""

import json
import os
import sys
from collections.abc import Callable, Sequence
from itertools import groupby
from shutil import get_terminal_size
from textwrap import wrap
from typing import Any

import typer

from offdiag.errors import printable
from offdiag.strict_json import dumps

PROSE = 24  # least width of a column of prose


def say(*lines: str, err: bool = False) -> None:
    """Print lines, control characters escaped, a line end inside a line, too; on standard error if ``err``."""
    for line in lines or ("",):
        typer.echo(printable(line), err=err)


def show_table(
    title: str,
    columns: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    right: Sequence[str] = (),
    prose: Sequence[str] = (),
) -> None:
    """Print a table.

    On a terminal it is a rich one, in which columns named in ``prose`` are folded to fit; names of things are never
    broken, so that they can be copied. Columns named in ``right`` are set flush right.
    """
    columns, rows = list(map(printable, columns)), [list(map(printable, row)) for row in rows]
    if not sys.stdout.isatty():
        say(*title.split("\n"), *aligned(columns, rows, right))
        return
    from rich import box
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    heading = "\n".join(map(printable, title.split("\n")))
    table = Table(title=escape(heading), title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, pad_edge=False)
    least = 0
    for name, width in zip(columns, widths(columns, rows), strict=True):
        folded = name in prose
        least += 3 + (min(width, PROSE) if folded else width)
        table.add_column(
            name, justify="right" if name in right else "left", no_wrap=not folded, overflow="fold",
            min_width=None if folded else width,
        )  # fmt: skip
    for row in rows:
        table.add_row(*(escape(field) for field in row))
    Console(no_color="NO_COLOR" in os.environ, width=max(terminal_width(), least)).print(table)


def show_stacked(
    title: str,
    columns: Sequence[str],
    rows: Sequence[Sequence[str]],
    narrow: Sequence[str],
    heading: Callable[[dict[str, str]], str],
    *,
    right: Sequence[str] = (),
) -> None:
    """Print a table; where it is wider than the terminal (80 columns on a pipe), its rows below headings.

    Columns that do not fit beside each other even so follow in further blocks of the same rows.

    Args:
        title, columns, rows, right: as in :func:`show_table`.
        narrow: the columns that stand below a heading. heading: of a row; told once for rows that follow each other.
    """
    if fits(columns, rows):
        show_table(title, columns, rows, right=right)
        return
    named = [dict(zip(columns, row, strict=True)) for row in rows]
    say(*title.split("\n"))
    for block in _blocks(narrow, [[printable(row[name]) for name in narrow] for row in named], terminal_width() - 2):
        header, *lines = aligned(block, [[printable(row[name]) for name in block] for row in named], right)
        say("", f"  {header}")
        for above, group in groupby(zip(named, lines, strict=True), key=lambda pair: heading(pair[0])):
            say(above, *(f"  {line}" for _, line in group))


def fits(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> bool:
    """Return whether a table is no wider than the terminal (80 columns on a pipe)."""
    between = 3 if sys.stdout.isatty() else 2
    return sum(widths(columns, rows)) + between * len(columns) <= terminal_width() + between


def _blocks(columns: Sequence[str], rows: Sequence[Sequence[str]], width: int) -> list[list[str]]:
    """Return the columns in blocks that fit a width; one that is wider by itself stands alone."""
    blocks: list[list[str]] = [[]]
    left = width
    for name, wide in zip(columns, widths(columns, rows), strict=True):
        if blocks[-1] and wide > left:
            blocks.append([])
            left = width
        blocks[-1].append(name)
        left -= wide + 2
    return blocks


def folded(note: str, indent: int = 2) -> list[str]:
    """Return a note as lines that fit the terminal, or 80 columns on a pipe: machines read --json."""
    return wrap(
        printable(note), terminal_width(), initial_indent=" " * indent, subsequent_indent=" " * (indent + 2),
        break_long_words=False, break_on_hyphens=False,
    )  # fmt: skip


def terminal_width() -> int:
    """Return the width of the terminal in characters."""
    return get_terminal_size().columns


def show_json(value: Any) -> None:
    """Print JSON, indented."""
    typer.echo(json_text(value, indent=1))


def json_text(value: Any, indent: int | None = None) -> str:
    """Return JSON with letters of all scripts, but with control characters escaped."""
    text = dumps(value, indent=indent, ensure_ascii=False)
    return "".join(c if c.isprintable() or c == "\n" else json.dumps(c)[1:-1] for c in text)


def widths(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> list[int]:
    """Return the width of the widest field of each column."""
    return [max(len(field) for field in column) for column in zip(columns, *rows, strict=True)]


def aligned(columns: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[str] = ()) -> list[str]:
    """Return the lines of a table in plain columns, its header first."""
    lines = []
    wide = widths(columns, rows)
    for row in [list(columns), *rows]:
        fields = [
            field.rjust(width) if name in right else field.ljust(width)
            for name, field, width in zip(columns, row, wide, strict=True)
        ]
        lines.append("  ".join(fields).rstrip())
    return lines
