"""The command ``compare``: a study's own numbers beside published ones."""

import math
import sys
from itertools import groupby
from typing import TYPE_CHECKING, Any

import typer

from offdiag.cli.tables import aligned, printable, show_json, show_table, terminal_width, widths

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = ["quantity", "of", "published of", "published", "measured of", "measured", "measured - published", "source"]
FRACTIONS = ("accuracy", "difference", "plateau")
NO_BOUND = (math.inf, -math.inf)  # JSON has no word for them
ORIGINS = {
    "original": "",
    "recomputed": " (recomputed)",
    "secondary": " (second hand)",
    "not found": ": not found in any source that could be reached",
}


def show_comparison(title: str, frame: "pd.DataFrame", *, as_json: bool) -> None:
    """Print the frame of :func:`offdiag.compare`."""
    plain = frame.astype(object).where(frame.notna(), None).to_dict(orient="records")
    rows = [{str(name): value for name, value in row.items()} for row in plain]
    if as_json:
        show_json([{name: None if value in NO_BOUND else value for name, value in row.items()} for row in rows])
        return
    _show_rows(title, [[printable(field) for field in _worded(row)] for row in rows])
    known = [row for row in rows if row["published"] is not None]
    both = [row for row in known if row["measured"] is not None]
    typer.echo(
        f"\n{len(known)} published numbers, {len(both)} of them measured here; "
        f"{len(rows) - len(known)} that no reachable source gives.\n"
        "A difference is that of model, wording and method at once, as far as they differ."
    )


def _show_rows(title: str, rows: list[list[str]]) -> None:
    """On a terminal too narrow for the table, who is compared by whose account is a heading above the numbers."""
    if not sys.stdout.isatty() or sum(widths(COLUMNS, rows)) + 3 * len(COLUMNS) <= terminal_width():
        show_table(title, COLUMNS, rows)
        return
    inner = [COLUMNS.index(name) for name in ("quantity", "published", "measured", "measured - published", "of")]
    title, heading, *lines = aligned(title, [COLUMNS[i] for i in inner], [[row[i] for i in inner] for row in rows])
    typer.echo(f"{title}\n\n  {heading}")
    for above, group in groupby(zip(rows, lines, strict=True), key=lambda pair: _heading(pair[0])):
        typer.echo(above)
        for _, line in group:
            typer.echo(f"  {line}")


def _heading(row: list[str]) -> str:
    theirs, ours, source = (row[COLUMNS.index(name)] for name in ("published of", "measured of", "source"))
    return f"{theirs} beside {ours or 'nothing'} | {source}"


def _worded(row: dict[str, Any]) -> list[str]:
    percent = row["quantity"] in FRACTIONS
    measured = _number(row, "measured", percent=percent)
    called = f" ({row['called']})" if row["called"] else ""
    return [
        f"{row['quantity']}{called}", row["of"].replace("eval_", ""),
        row["published_model"], _number(row, "published", percent=percent), row["measured_model"],
        row["measured_state"] if row["measured"] is None else measured,
        _number(row, "difference", percent=percent, sign="+"),
        f"{row['source']}{ORIGINS[row['provenance']]}" + (f"; {row['note']}" if row["note"] else ""),
    ]  # fmt: skip


def _number(row: dict[str, Any], name: str, *, percent: bool, sign: str = "") -> str:
    """``64.8 % [58.7, 70.5] n=250``, ``1.83 [1.71, 1.95]``, or nothing."""
    value, low, high = row[name], row[f"{name}_low"], row[f"{name}_high"]
    if value is None:
        return ""
    unit = " points" if percent and sign else " %" if percent else ""
    scale, digits = (100, ".1f") if percent else (1, ".3g")
    text = f"{scale * value:{sign}{digits}}{unit}"
    if low is not None:
        text += f" [{_end(scale * low, digits)}, {_end(scale * high, digits)}]"
    n = row.get(f"{name}_n")
    return text if n is None else f"{text} n={n}"


def _end(value: float, digits: str) -> str:
    return format(value, digits) if math.isfinite(value) else "∞"
