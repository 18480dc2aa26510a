"""Print a matrix as a matrix: what was taught by row, what is asked by column, no wider than the terminal."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from textwrap import wrap
from typing import TYPE_CHECKING

from offdiag.cli.tables import say, terminal_width
from offdiag.errors import printable, some

if TYPE_CHECKING:
    import pandas as pd

    from offdiag.reporting.cell_texts import CellText
    from offdiag.reporting.families import Family, Point
    from offdiag.reporting.matrix import GridCell, Heading, PageMatrix
    from offdiag.results import Results

TAUGHT = "*"  # before the accuracy of an arm that was taught what it is asked
NOTHING = "–"
ONE_ANSWER = "="  # behind the accuracy of a model that gives one answer to all examples
BETTER, WORSE, UNPARSED = "↑", "↓", "?"  # behind an accuracy
FEW = 6  # values of a factor that get a row each; more are one row of curves
LABELS, HEAD = 34, 18  # most characters that the labels of a row, and the heading of a column, take
MOST_LINES = 60  # of a matrix on a terminal
FOOT = ["items", "guess %"]  # labels of the last rows of a block
_LEVELS = "▁▂▃▄▅▆▇█"
_BREAKS = re.compile(r"(?<=[/,.+ ])")


@dataclass(frozen=True)
class Line:
    """A row of the printed matrix: its two labels and its squares, None for what is not part of the study."""

    labels: tuple[str, str]
    squares: tuple[str | None, ...]


def show_matrix(results: "Results") -> None:
    """Print the matrix of all cells, in blocks of columns that fit the terminal, and what has to be known of it."""
    from offdiag.reporting.matrix import build_matrix
    from offdiag.reporting.remarks import remarks_on_cells

    matrix = build_matrix(results, results.steps)
    lines = list(_lines(matrix))
    if len(lines) > MOST_LINES:
        done = sum(cell.state == "done" for cell in matrix.cells)
        say(f"{done} of {some(len(matrix.cells), 'cell')} done; so many are for the report (tables/cells.csv)")
    elif lines:
        for block in _blocks(matrix, lines, terminal_width()):
            say(*block, "")
    told = [
        *_legend(results.cells, matrix, lines if len(lines) <= MOST_LINES else ()),
        *collapsed_cells(results.cells),
        *(f"! {notice}" for notice in results.notices),
        *(f"{remark}." for remark in remarks_on_cells(results)),
    ]
    for text in told:
        say(*wrap(printable(text), terminal_width(), subsequent_indent="  ", break_on_hyphens=False))


def _lines(matrix: "PageMatrix") -> Iterator[Line]:
    """Yield what is printed of each row; rows that differ in a number of many values are one."""
    from offdiag.reporting.families import families_of

    for _, learners in matrix.groups:
        for family in families_of(learners):
            if len(family.values) > FEW:
                yield _curve_line(family)
                continue
            for row in family.rows:
                yield Line((_name(row.name), _taught(row.heading)), tuple(map(_square, row.grid_cells)))


def _curve_line(family: "Family") -> Line:
    name = ".".join(filter(None, [f"{family.axis} {family.values[0]} to {family.values[-1]}", _name(family.name)]))
    return Line((name, _taught(family.rows[0].heading)), tuple(_curve(points) for points in family.curves))


def _name(name: str) -> str:
    return name.replace(".answer-only", "").removeprefix("answer-only")


def _taught(heading: "Heading") -> str:
    """Return what the learner was taught, and of how many draws a row is."""
    details = [text.removesuffix(", same data") for text in heading.details]
    return ", ".join(filter(None, [_domain(heading) or "nothing" * heading.untaught, *details]))


def _square(square: "GridCell") -> str | None:
    if not square.cells:
        return None
    if not square.replicated and len(square.cells) > 1:
        return " /".join(_result(cell) for cell in square.cells)
    return _result(square.cells[0], square)


def _result(cell: "CellText", square: "GridCell | None" = None) -> str:
    """Return an accuracy with its marks and its interval, or the state of a cell that has none."""
    shown = square.mean if square is not None and square.replicated and square.mean is not None else cell
    mark = TAUGHT if cell.taught else " "
    if shown.shade is None:
        return f"{mark}{cell.state}"
    marks = ONE_ANSWER if shown.one_answer else ""
    if shown.clear:
        marks += BETTER if shown.estimates["difference"].value > 0 else WORSE
    unparsed = f" {float(shown.unparsed.removesuffix(' %')):.0f}{UNPARSED}" if shown.unparsed else ""
    return f"{mark}{shown.accuracy:>4}{marks} [{_whole(shown.interval)}]{unparsed}"


def _curve(points: "Sequence[Point]") -> str | None:
    """Return accuracies as levels, and the first and last of them: ``▁▃▆█ 8→92``; × where there is none."""
    if not points:
        return None
    shown = [point.shown for point in points]
    known = [found.estimates["accuracy"].value for found in shown if found is not None]
    levels = ["×" if found is None else _LEVELS[min(7, int(8 * found.estimates["accuracy"].value))] for found in shown]
    ends = f" {100 * known[0]:.0f}→{100 * known[-1]:.0f}" if known else ""
    return f"{TAUGHT if points[0].grid_cell.cells[0].taught else ' '}{''.join(levels)}{ends}"


def _whole(interval: str) -> str:
    """Return the ends of an interval as whole numbers, which leave room for more columns; the page has tenths."""
    return "–".join(f"{float(end):.0f}" for end in interval.split("–") if end) or interval


def _column(heading: "Heading") -> str:
    """Return what is asked; of its details the values, which say themselves what they are of."""
    return ", ".join(filter(None, [_domain(heading), *(detail.partition(" ")[2] for detail in heading.details)]))


def _domain(heading: "Heading") -> str:
    """Return a domain without the names of parameters whose values are words, which say themselves what they are."""
    parts = [part.text.partition("=") for part in heading.domain]
    return ",".join(value if value and value[0].isalpha() else name + sign + value for name, sign, value in parts)


def _blocks(matrix: "PageMatrix", lines: Sequence[Line], width: int) -> Iterator[list[str]]:
    """Yield the matrix in blocks of columns that fit a width: a heading, rows that have a square, items and guessing.

    Where the labels of rows are long, they come first, numbered, and the blocks have the numbers. A block has one
    column at least, and a row that has no square in any of its columns is left out.
    """
    labels = [line.labels for line in lines]
    names = ["", "taught"]
    if sum(_widest(column) for column in zip(*labels, names, strict=True)) > LABELS:
        yield _key(labels, width)
        labels, names = [(str(i + 1), "") for i in range(len(lines))], ["", ""]
    heads = [_folded(_column(heading), HEAD) for heading in matrix.evaluations]
    feet = [_foot(matrix, i) for i in range(len(heads))]
    squares = [[line.squares[i] or f" {NOTHING}" for line in lines] for i in range(len(heads))]
    wide = [_widest((*heads[i], *feet[i], *squares[i])) for i in range(len(heads))]
    used = [_widest((*column, name)) for column, name in zip(zip(*labels, strict=True), names, strict=True)]
    used[0] = max(used[0], len(FOOT[-1]))
    for block in _fitting(wide, width - sum(used) - 2):
        grid = [*used, *(wide[i] for i in block)]
        yield [
            *_row(names, [heads[i] for i in block], grid, bottom=True),
            *(
                text
                for row, (line, label) in enumerate(zip(lines, labels, strict=True))
                if any(line.squares[i] is not None for i in block)
                for text in _row(label, [[squares[i][row]] for i in block], grid)
            ),
            *(line for line in _row([FOOT, [""]], [feet[i] for i in block], grid) if line not in FOOT),
        ]


def _key(labels: Sequence[Sequence[str]], width: int) -> list[str]:
    """Return the numbered labels of rows, each in a line where it fits."""
    texts = [f"{name}, taught {taught}" if name else f"taught {taught}" for name, taught in labels]
    return [
        f"{i + 1 if first else '':>3}  {line}"
        for i, text in enumerate(texts)
        for first, line in zip((True, *(False,) * 99), _folded(text, width - 5), strict=False)
    ]


def _widest(texts: Iterable[str]) -> int:
    return max(map(len, texts), default=0)


def _fitting(wide: Sequence[int], room: int) -> Iterator[list[int]]:
    block, left = list[int](), room
    for i, size in enumerate(wide):
        if block and size + 2 > left:
            yield block
            block, left = [], room
        block.append(i)
        left -= size + 2
    yield block


def _row(
    labels: Sequence[Sequence[str] | str],
    fields: Sequence[Sequence[str]],
    widths: Sequence[int],
    *,
    bottom: bool = False,
) -> Iterator[str]:
    """Yield the lines of a row whose fields have several; ``bottom``: the last lines of all fields stand together."""
    columns = [[field] if isinstance(field, str) else list(field) for field in (*labels, *fields)]
    high = max(map(len, columns))
    filled = [[""] * (high - len(c)) + c if bottom else c + [""] * (high - len(c)) for c in columns]
    for texts in zip(*filled, strict=True):
        yield "  ".join(text.ljust(size) for text, size in zip(texts, widths, strict=True)).rstrip()


def _folded(text: str, width: int) -> list[str]:
    """Return a text in lines of a width, broken behind commas, dots and the like, elsewhere only where it must be."""
    lines = [""]
    for piece in _BREAKS.split(printable(text)):
        for part in (piece[i : i + width] for i in range(0, len(piece), width)):
            if len(lines[-1]) + len(part.rstrip()) > width:
                lines.append("")
            lines[-1] += part
    return [line.strip() for line in lines]


def _foot(matrix: "PageMatrix", column: int) -> list[str]:
    """Return how many items a column has, and what guessing gives: chance, or the commonest right answer."""
    from offdiag.reporting.families import cells_of

    cells = cells_of(row.grid_cells[column] for _, rows in matrix.groups for row in rows)
    guesses = [rate for cell in cells if (rate := cell.guessing) is not None]
    return [f" {_range([cell.n_planned for cell in cells])}", f" {_range([100 * g for g in guesses], '.1f')}"]


def _range(values: Iterable[float], form: str = ".0f") -> str:
    ends = sorted(set(values))
    if not ends:
        return ""
    return f"{ends[0]:{form}}" if f"{ends[0]:{form}}" == f"{ends[-1]:{form}}" else f"{ends[0]:{form}}–{ends[-1]:{form}}"


def _legend(cells: "pd.DataFrame", matrix: "PageMatrix", lines: Sequence[Line]) -> Iterator[str]:
    """Yield what the signs mean that are there."""
    from offdiag.reporting.wording import quantity
    from offdiag.stats.replicated import interval_words

    if not lines:
        return
    text = " ".join(square for line in lines for square in line.squares if square)
    taught = f"; {TAUGHT} asked what was taught (the diagonal)" if TAUGHT in text else ""
    yield f"{quantity(cells)}, with its {interval_words()[0]}{taught}."
    if any(level in text for level in _LEVELS):
        yield "Curves: accuracy at each value, from ▁ (0 %) to █ (100 %), × without a result; then first → last."
    if BETTER in text or WORSE in text:
        yield f"{BETTER} {WORSE} differs from its baseline on the same items: p < 0.05 after Holm’s adjustment for all."
    if UNPARSED in text:
        yield f"55{UNPARSED} in 55 % of the answers nothing was found to grade; they count as wrong."
    if any(cell.guessing is not None for cell in matrix.cells):
        yield "guess %: chance, or always the commonest right answer if that is right more often."


def collapsed_cells(cells: "pd.DataFrame") -> list[str]:
    """Return the lines that tell of models that give one answer to all examples, or nearly all."""
    if "one_answer" not in cells:
        return []
    found = cells[cells["one_answer"].fillna(False).astype(bool)].to_dict(orient="records")
    if not found:
        return []
    given = ", ".join(dict.fromkeys(str(cell["top_answer"])[:20] for cell in found[:5]))
    more = ", …" if len(found) > 5 else ""
    return [f"{ONE_ANSWER} one answer for 95 to 100 % of the items in {some(len(found), 'cell')} ({given}{more})"]
