"""The squares of a study laid out as the train x eval matrix that the page draws."""

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from offdiag.reporting.squares import Row, Square, rows_of, squares_of
from offdiag.reporting.wording import number

_COLUMN = ("tested_on", "task", "split", "prompt", "answering")  # what makes an evaluation, its domain first
_COMMON = ("task", "model", "split", "prompt", "seed")


@dataclass(frozen=True)
class Part:
    """One parameter in a domain's name, and whether the other domains of the study differ in it."""

    text: str
    varies: bool


@dataclass(frozen=True, kw_only=True)
class Heading:
    """Of a row or a column: the arm without what all domains share, the domain taught or tested, and the rest."""

    name: str
    domain: tuple[Part, ...]
    details: tuple[str, ...]

    @property
    def pieces(self) -> list[str]:
        """The name in pieces between which a line may break."""
        return re.split(r"(?<=[/,])", self.name)


@dataclass(frozen=True, kw_only=True)
class Arm:
    """A row of the matrix; for each column the squares that fall into it (one, if the study is a plain grid)."""

    heading: Heading
    squares: tuple[tuple[Square, ...], ...]


@dataclass(frozen=True, kw_only=True)
class Matrix:
    """Columns, rows by method, all squares in the order of the plan, and what all cells have in common."""

    evaluations: tuple[Heading, ...]
    groups: tuple[tuple[str, tuple[Arm, ...]], ...]
    squares: tuple[Square, ...]
    common: tuple[tuple[str, str], ...]


def build_matrix(cells: pd.DataFrame, steps: pd.DataFrame) -> Matrix:
    """The matrix of ``Results.cells``, with the reasons of ``Results.steps`` for the cells that have no result."""
    rows = [_filled(row) for row in rows_of(cells)]
    squares = squares_of(cells, steps)
    shared = _shared(rows)
    columns = {_column(row): row for row in rows}
    arms: dict[str, Row] = {}
    at: defaultdict[tuple[str, str], list[Square]] = defaultdict(list)
    for row, square in zip(rows, squares, strict=True):
        arms.setdefault(square.arm, row)
        at[square.arm, _column(row)].append(square)
    groups: defaultdict[str, list[Arm]] = defaultdict(list)
    for name, heading in zip(arms, _headings(list(arms.values()), "train", ("model", "seed"), shared), strict=True):
        arm = Arm(heading=heading, squares=tuple(tuple(at[name, column]) for column in columns))
        groups[str(arms[name]["method"])].append(arm)
    return Matrix(
        evaluations=_headings(list(columns.values()), "tested_on", _COLUMN[1:], shared),
        groups=tuple((method, tuple(found)) for method, found in groups.items()),
        squares=tuple(squares),
        common=(
            *((name, values[0]) for name in _COMMON if len(values := _values(rows, name)) == 1),
            *(("domain", part) for part in [", ".join(shared)] if part),
        ),
    )


def _filled(row: Row) -> Row:
    """With the columns that are there only where they say something of their own."""
    tested_on, answering = row.get("tested_on") or row["eval"], row.get("answering") or "generation"
    return {**row, "tested_on": tested_on, "answering": answering}


def _column(row: Row) -> str:
    return repr([row[name] for name in _COLUMN])


def _varies(rows: Sequence[Row], name: str) -> bool:
    return len(_values(rows, name)) > 1


def _values(rows: Sequence[Row], name: str) -> list[str]:
    return list(dict.fromkeys(number(row[name]) for row in rows if row[name] is not None))


def _parts(row: Row, domain: str) -> list[str]:
    """The parameters in a domain's name."""
    return str(row[domain]).split(",") if row[domain] is not None else []


def _shared(rows: Sequence[Row]) -> tuple[str, ...]:
    """Parameters that every domain taught or tested has, where each has others, too."""
    domains = [parts for row in rows for name in ("train", "tested_on") if (parts := _parts(row, name))]
    found = tuple(part for part in (domains or [[]])[0] if all(part in other for other in domains))
    return () if any(len(parts) == len(found) for parts in domains) else found


def _headings(rows: Sequence[Row], domain: str, details: Sequence[str], shared: Sequence[str]) -> tuple[Heading, ...]:
    domains = [[part for part in _parts(row, domain) if part not in shared] for row in rows]
    named = [parts for parts in domains if parts]
    return tuple(
        Heading(
            name=_arm_name(row, shared),
            domain=tuple(Part(part, not all(part in other for other in named)) for part in parts),
            details=tuple(
                f"{name} {number(row[name])}" for name in details if row[name] is not None and _varies(rows, name)
            ),
        )
        for row, parts in zip(rows, domains, strict=True)
    )


def _arm_name(row: Row, shared: Sequence[str]) -> str:
    own = ",".join(part for part in _parts(row, "train") if part not in shared)
    return str(row["arm"]).replace(str(row["train"]), own) if own else str(row["arm"])
