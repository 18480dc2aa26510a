"""Print a matrix as a matrix: what was taught by row, what is asked by column."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from offdiag.cli.results_table import ONE_ANSWER, collapsed_cells
from offdiag.cli.tables import aligned, say, terminal_width

if TYPE_CHECKING:
    from offdiag.reporting.matrix import GridCell, Heading, PageMatrix
    from offdiag.results import Results

TAUGHT = "*"  # before the accuracy of an arm that was taught what it is asked
NOTHING = "–"


def show_matrix(results: "Results") -> None:
    """Print the matrix of all cells, in blocks of columns that fit the terminal, and what has to be known of it."""
    from offdiag.reporting.matrix import build_matrix
    from offdiag.reporting.remarks import remarks_on_cells

    matrix = build_matrix(results, results.steps)
    rows = list(_rows(matrix))
    columns = [_column(heading) for heading in matrix.evaluations]
    for block in _blocks(rows, columns, terminal_width()):
        names = ["", "taught", *(columns[i] for i in block)]
        say(*aligned(names, [[*row[:2], *(row[2 + i] for i in block)] for row in rows]), "")
    metrics = results.cells["metric"].dropna().unique().tolist() if "metric" in results.cells else []
    what = metrics[0] if len(metrics) == 1 and results.cells["metric"].notna().all() else "Accuracy"
    named = " (the metric, where a column names one)" if len(metrics) > 1 else ""
    say(f"{what} in %{named}, with its 95 % interval; {TAUGHT} asked what was taught (the diagonal).")
    say(*collapsed_cells(results.cells), *(f"! {notice}" for notice in results.notices))
    for remark in remarks_on_cells(results):
        say(f"{remark}.")


def _rows(matrix: "PageMatrix") -> Iterator[list[str]]:
    """Yield method, training data and cells of each row."""
    for _, learners in matrix.groups:
        for learner in learners:
            details = [text for text in learner.heading.details if not text.endswith("same data")]
            taught = _domain(learner.heading) or "nothing"
            name = learner.name.replace(".answer-only", "")
            yield [name, ", ".join([taught, *details]), *(_cell(cell) for cell in learner.grid_cells)]


def _cell(square: "GridCell") -> str:
    if not square.cells:
        return NOTHING
    shown = square.mean if square.replicated and square.mean is not None else square.cells[0]
    mark = TAUGHT if square.cells[0].taught else " "
    if not shown.accuracy:
        return f"{mark}{square.cells[0].state}"
    same = ONE_ANSWER if shown.one_answer else ""
    return f"{mark}{shown.accuracy}{same} [{_whole(shown.interval)}]"


def _whole(interval: str) -> str:
    """Return the ends of an interval as whole numbers, which leave room for more columns; the page has tenths."""
    return "–".join(f"{float(end):.0f}" for end in interval.split("–") if end) or interval


def _column(heading: "Heading") -> str:
    return ", ".join(filter(None, [_domain(heading), *heading.details]))


def _domain(heading: "Heading") -> str:
    return ",".join(part.text for part in heading.domain).removeprefix("name=")


def _blocks(rows: Sequence[Sequence[str]], columns: Sequence[str], width: int) -> Iterator[list[int]]:
    """Yield the columns that stand beside each other within a width; at least one."""
    used = sum(max([len(row[i]) for row in rows], default=0) + 2 for i in range(2))
    block, left = list[int](), width - used
    for i, name in enumerate(columns):
        wide = max(len(name), *(len(row[2 + i]) for row in rows)) + 2
        if block and wide > left + 2:
            yield block
            block, left = [], width - used
        block.append(i)
        left -= wide
    yield block
