"""Print the results of a study: one row per cell with accuracy, change against untuned, and intervals."""

from collections.abc import Hashable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from offdiag.cli.tables import say, show_stacked, show_table

if TYPE_CHECKING:
    import pandas as pd

    from offdiag.analyses import StudyAnalysis
    from offdiag.results import Results

COLUMNS = ["arm", "evaluated on", "prompt", "n", "accuracy %", "95 %", "guess %", "unparsed %", "vs untuned, points"]
# Limits of tables on a terminal.
MOST_CELLS = 100
MOST_ROWS = 40
NUMBERS = ["n", "accuracy %", "guess %", "unparsed %"]
ONE_ANSWER = "="  # behind the accuracy of a model that gives one answer to all examples


def show_results(results: "Results", analyses: "Sequence[StudyAnalysis]" = ()) -> None:
    """Print the table of cells, and of each analysis the columns that it has for the terminal."""
    title = f"{results.title}\n{results.study} · {results.scale}"
    n = len(results.cells)
    if 0 < n <= MOST_CELLS:
        rows = results_rows(results.cells)
        show_stacked(title, COLUMNS, rows, COLUMNS[3:], _cell_heading, right=NUMBERS)
    else:
        say(*title.split("\n"))
    if n > MOST_CELLS:
        done = int((results.cells["state"] == "done").sum())
        say(f"{done} of {n} cells are done; so many are for the report (tables/cells.csv)")
    if 0 < n <= MOST_CELLS and (results.cells["state"] == "done").any():
        say("guess %: chance, or one answer to all examples if that is right more often")
    for line in collapsed_cells(results.cells):
        say(line)
    for notice in results.notices:
        say(f"! {notice}")
    if n:
        from offdiag.reporting.remarks import remarks_on_cells

        for remark in remarks_on_cells(results):
            say(f"{remark}.")
    for analysis in analyses:
        if analysis.terminal_columns:
            _show_analysis(analysis, results.table(analysis))


def _show_analysis(analysis: "StudyAnalysis", table: "pd.DataFrame") -> None:
    table, left = table[[name for name in analysis.terminal_columns if name in table]], len(table) - MOST_ROWS
    rows = [[number(value) for value in row] for row in table[:MOST_ROWS].itertuples(index=False)]
    columns = [str(name) for name in table.columns]
    show_table(f"\n{analysis.caption or analysis.name}", columns, rows, right=_numeric(table))
    if left > 0:
        say(f"… and {left} more; the report has all (tables/{analysis.name}.csv)")


def results_rows(cells: "pd.DataFrame") -> list[list[str]]:
    """Return the cells as rows of text, see ``COLUMNS``."""
    rows = []
    several = cells["task"].nunique() > 1
    for cell in cells.to_dict(orient="records"):
        done = cell["state"] == "done"
        asked = f"{cell['task']} {cell['eval']}" if several else str(cell["eval"])
        asked += "" if _absent(cell.get("metric")) else f", {cell['metric']}"
        change = "" if _absent(cell["difference"]) else f"{100 * cell['difference']:+.1f}"
        rows.append([
            str(cell["arm"]), asked, str(cell["prompt"]), f"{cell['n']}/{cell['n_planned']}",
            percent(cell["accuracy"]) + (f" {ONE_ANSWER}" if _collapsed(cell) else "") if done else str(cell["state"]),
            interval(cell["ci_low"], cell["ci_high"]) if done else "",
            _by_guessing(cell) if done else "",
            percent(cell["unparsed_rate"]) if done else "",
            f"{change} {interval(cell['diff_low'], cell['diff_high'])}".strip(),
        ])  # fmt: skip
    return rows


def _cell_heading(row: "Mapping[str, str]") -> str:
    """Return what stands above the numbers of a cell on a narrow terminal."""
    return "  ".join(row[name] for name in COLUMNS[:3])


def collapsed_cells(cells: "pd.DataFrame") -> list[str]:
    """Return the lines that tell of models that give one answer to all examples."""
    found = [cell for cell in cells.to_dict(orient="records") if _collapsed(cell)]
    if not found:
        return []
    given = ", ".join(dict.fromkeys(str(cell["top_answer"])[:20] for cell in found[:5]))
    more = ", …" if len(found) > 5 else ""
    cells_in_words = "1 cell" if len(found) == 1 else f"{len(found)} cells"
    return [
        f"{ONE_ANSWER} one answer for all items in {cells_in_words} ({given}{more}): nothing is learnt from the item"
    ]


def _collapsed(cell: "Mapping[Hashable, Any]") -> bool:
    value = cell.get("one_answer")
    return not _absent(value) and bool(value)


def _by_guessing(cell: "Mapping[Hashable, Any]") -> str:
    """Return the better of chance and of one answer to all examples, in percent."""
    rates = [cell.get("chance"), cell.get("majority_rate")]
    known = [float(rate) for rate in rates if rate is not None and not _absent(rate)]
    return percent(max(known)) if known else ""


def number(value: Any) -> str:
    """Format a number: three significant digits, whole numbers whole; an em dash where there is none."""
    if isinstance(value, float) and not _absent(value):
        return f"{value:.3g}"
    return "—" if _absent(value) else str(value)


def _numeric(table: "pd.DataFrame") -> list[str]:
    return [str(name) for name in table.select_dtypes("number").columns]


def percent(value: Any) -> str:
    """Format ``0.425`` as ``42.5``; an em dash where there is no number."""
    return "—" if _absent(value) else f"{100 * value:.1f}"


def interval(low: Any, high: Any) -> str:
    """Format an interval of fractions as percentages in brackets."""
    return "" if _absent(low) or _absent(high) else f"[{percent(low)}, {percent(high)}]"


def _absent(value: Any) -> bool:
    import pandas as pd

    return bool(pd.isna(value))
