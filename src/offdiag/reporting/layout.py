"""What the page's script knows of the matrix: what its rows can be grouped by, and which cells they have."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from offdiag.reporting.families import Family, cells_of, families_of, shown_in
from offdiag.reporting.matrix import Heading, MatrixRow, PageMatrix
from offdiag.reporting.wording import number


@dataclass(frozen=True, kw_only=True)
class ColumnFacts:
    """What the squares of a column have in common: ``n = 24``, and what guessing gives; empty where they differ."""

    count: str
    guess: str


@dataclass(frozen=True, kw_only=True)
class ColumnSpan:
    """Columns beside each other that are asked in the same way."""

    details: tuple[str, ...]
    size: int


Groups = Sequence[tuple[str, Sequence[Family]]]


def families_by_method(matrix: PageMatrix) -> Groups:
    """Return the rows of the matrix as families, by method."""
    return [(method, families_of(rows)) for method, rows in matrix.groups]


def column_facts(matrix: PageMatrix) -> list[ColumnFacts]:
    """Return what stands at the head of each column."""
    rows = [row for _, learners in matrix.groups for row in learners]
    found = []
    for i in range(len(matrix.evaluations)):
        shown = [result for row in rows if (result := shown_in(row.grid_cells[i])) is not None]
        found.append(
            ColumnFacts(count=_commonest(r.count for r in shown), guess=_commonest(r.guess for r in shown if r.guess))
        )
    return found


def spans(evaluations: Sequence[Heading]) -> list[ColumnSpan]:
    """Return the columns that are asked in the same way, as they stand beside each other; none if all are alike."""
    found = [
        ColumnSpan(details=key, size=len(list(group))) for key, group in groupby(evaluations, key=lambda e: e.details)
    ]
    return found if any(span.details for span in found) else []


def layout(matrix: PageMatrix, groups: Groups) -> dict[str, Any]:
    """Return columns, families with what they can be grouped by, and the cells of each learner by column."""
    families = [family for _, of_method in groups for family in of_method]
    rows = [row for family in families for row in family.rows]
    names = list(dict.fromkeys(name for row in rows for name in row.factors))
    known = [n for n in names if n != "method" and len({_text(row, n) for row in rows}) > 1]
    differing = [*known, *(["seed"] if len({seed for row in rows for seed in _seeds(row)}) > 1 else [])]
    return {
        "columns": [_asked(heading) for heading in matrix.evaluations],
        "factors": ["method", *differing],
        "families": [
            {"method": method} | {name: _values(family, name) for name in differing}
            for method, of_method in groups
            for family in of_method
        ],
        "rows": [
            {"label": row.arm, "places": [[cell.index for cell in cells_of([place])] for place in row.grid_cells]}
            for row in rows
        ],
    }  # fmt: skip


def _values(family: Family, name: str) -> str:
    """Return the value that the rows of a family have, or all of theirs."""
    values = (value for row in family.rows for value in (_seeds(row) if name == "seed" else [_text(row, name)]))
    return ", ".join(dict.fromkeys(values))


def _seeds(row: MatrixRow) -> list[str]:
    return [draw.seed for draw in row.draws] or [row.seed]


def _text(row: MatrixRow, name: str) -> str:
    return number(row.factors.get(name))


def _asked(heading: Heading) -> str:
    return ", ".join([",".join(part.text for part in heading.domain), *heading.details])


def _commonest(texts: Iterable[str]) -> str:
    """Return the text that most have; empty for none."""
    return max(Counter(texts).items(), key=lambda item: item[1], default=("", 0))[0]
