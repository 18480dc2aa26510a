"""Print the results of a study: its matrix, and the tables of its analyses."""

from collections.abc import Sequence
from textwrap import fill
from typing import TYPE_CHECKING, Any

from offdiag.cli.matrix_table import show_matrix
from offdiag.cli.tables import folded, say, show_stacked, terminal_width
from offdiag.errors import some

if TYPE_CHECKING:
    import pandas as pd

    from offdiag.analyses import StudyAnalysis
    from offdiag.results import Results

MOST_ROWS = 40  # of the table of an analysis


def show_results(results: "Results", analyses: "Sequence[StudyAnalysis]" = ()) -> None:
    """Print the matrix of a study, and of each analysis the columns that it has for the terminal."""
    say(*folded(results.title, indent=0), results.named, "")
    show_matrix(results)
    shown = [analysis for analysis in analyses if analysis.terminal_columns]
    for analysis in shown:
        _show_analysis(analysis, results.table_or_note(analysis))
    if results.cells.empty and analyses and not shown:
        say(f"No cells were asked; the report has {some(len(analyses), 'table')}.")


def _show_analysis(analysis: "StudyAnalysis", table: "pd.DataFrame") -> None:
    if not set(analysis.terminal_columns) & set(table):  # what it reads was not planned
        lines = [analysis.caption or analysis.name, *table["note"]]
        say("", *(line for text in lines for line in folded(text, indent=0)))
        return
    table, left = table[[name for name in analysis.terminal_columns if name in table]], len(table) - MOST_ROWS
    rows = [[number(value) for value in row] for row in table[:MOST_ROWS].itertuples(index=False)]
    columns = [str(name) for name in table.columns]
    numeric = [str(name) for name in table.select_dtypes("number").columns]
    words = [name for name in columns if name not in numeric]
    title = "\n" + fill(analysis.caption or analysis.name, terminal_width())

    def heading(row: dict[str, str]) -> str:
        return "  ".join(row[word] for word in words if row[word])

    show_stacked(title, columns, rows, numeric or columns, heading, right=numeric)
    if left > 0:
        say(f"… and {left} more; the report has all (tables/{analysis.name}.csv)")


def number(value: Any) -> str:
    """Format a number: three significant digits, whole numbers whole; an em dash where there is none."""
    if isinstance(value, float) and not _absent(value):
        return f"{value:.3g}"
    return "—" if _absent(value) else str(value)


def _absent(value: Any) -> bool:
    import pandas as pd

    return bool(pd.isna(value))
