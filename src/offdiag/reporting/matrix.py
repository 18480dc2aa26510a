"""Lay out the cells of a study as the train × eval matrix that the page draws."""

import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pandas as pd

from offdiag.analyses.frames import Frames
from offdiag.columns import IMPORTED
from offdiag.reporting.cell_texts import MEASURED, CellText, ResultText, Row, rows_of, word_cells
from offdiag.reporting.means import mean_of
from offdiag.reporting.remarks import remarks_on
from offdiag.reporting.wording import number
from offdiag.stats import holm
from offdiag.stats.paired import CLEAR

# What makes an evaluation, its domain first.
_OPTIONAL = {
    "answering": "generation", "per": "none", "format": "chat", "thinking": "template", "template": "", "system": "",
    "temperature": 0.0, "top_p": 1.0, "top_k": 0, "samples": 1, "sampling_seed": 0, "metric": "accuracy", "judge": "",
}  # fmt: skip
# Of results of others it is unknown where they do not say it: not the usual.
_DRAWN = ("temperature", "top_p", "top_k", "samples", "sampling_seed")
_TOLD = ("answering", "per", "format", "thinking", "template", "system", *_DRAWN)
_SAID = (*_DRAWN, "metric", "judge", "system")  # where set
EVALUATION = ("tested_on", "task", "split", "prompt", *_OPTIONAL)
_ALONE = ("model", "seed")  # what tells learners apart that are taught alike
# No factors of a learner: results, what was asked, names, and what tells its draws apart.
_NOT_OF_LEARNER = {
    *MEASURED, *EVALUATION, "n_errors", "n_shortened", "study", "scale", "cell", "arm", "first_draw", "eval", "matched",
    "seed", "data_seed",
}  # fmt: skip
_COMMON = ("task", "split", "prompt", *_ALONE)


@dataclass(frozen=True)
class DomainPart:
    """One parameter in a domain's name, and whether the other domains of the study differ in it."""

    text: str
    varies: bool


@dataclass(frozen=True, kw_only=True)
class Heading:
    """Heading of a row or a column.

    Attributes:
        domain: trained or tested, without what all domains share. untaught: whether it is known that nothing was.
    """

    domain: tuple[DomainPart, ...]
    details: tuple[str, ...]
    untaught: bool = False


@dataclass(frozen=True, kw_only=True)
class GridCell:
    """Cells at one row and column of the matrix.

    Attributes:
        cells: the study's cells at this place; one, if the study is a plain grid.
        replicated: whether they are replicates (draws) of one learner.
        mean: of the replicates, as soon as one is done.
    """

    cells: tuple[CellText, ...]
    replicated: bool
    mean: ResultText | None


@dataclass(frozen=True, kw_only=True)
class DrawRow:
    """One draw of a learner as a row: what tells it from the other draws, and its cells by column, None for none."""

    name: str
    seed: str
    cells: tuple[CellText | None, ...]


@dataclass(frozen=True, kw_only=True)
class MatrixRow:
    """A row of the matrix: an arm, or the arms of one learner.

    Attributes:
        name: what its heading does not say. arm: its first arm, which names it in the tables.
        factors: what makes the learner, by column of ``Results.cells``; without what it lacks. seed: of the first arm.
        draws: of a learner that was drawn several times, each as a row of cells.
    """

    name: str
    heading: Heading
    grid_cells: tuple[GridCell, ...]
    arm: str = ""
    factors: Mapping[str, Any] = field(default_factory=dict)
    seed: str = ""
    draws: tuple[DrawRow, ...] = ()

    @property
    def pieces(self) -> list[str]:
        """The name in pieces; a line may break between them."""
        return pieces(self.name)


@dataclass(frozen=True, kw_only=True)
class PageMatrix:
    """The matrix: columns, rows by method, all cells in the order of the plan, what they share, and remarks."""

    evaluations: tuple[Heading, ...]
    groups: tuple[tuple[str, tuple[MatrixRow, ...]], ...]
    cells: tuple[CellText, ...]
    common: tuple[tuple[str, str], ...]
    remarks: tuple[str, ...]

    @property
    def averaged(self) -> bool:
        """Whether a row is the mean of several draws of one learner."""
        rows = (row for _, learners in self.groups for row in learners)
        return any(grid_cell.replicated for row in rows for grid_cell in row.grid_cells)


def pieces(name: str) -> list[str]:
    """Return a name in pieces, between which a line may break."""
    return re.split(r"(?<=[/,.+])", name)


def build_matrix(frames: Frames, steps: pd.DataFrame) -> PageMatrix:
    """Return the matrix of a study's cells, with the reasons of ``Results.steps`` for those without a result."""
    rows = [_filled(row) for row in rows_of(frames.cells)]
    texts = word_cells(frames.cells, steps)
    shared = _shared(rows)
    columns = _columns(rows)
    draws: defaultdict[str, dict[str, Row]] = defaultdict(dict)
    at: defaultdict[tuple[str, str], list[CellText]] = defaultdict(list)
    for row, cell in zip(rows, texts, strict=True):
        draws[row["first_draw"]].setdefault(cell.arm, row)
        at[row["first_draw"], _column(row)].append(cell)
    squares = _squares(at, frames)
    alone = [name for name in _ALONE if _varies(rows, name)]
    groups: defaultdict[str, list[MatrixRow]] = defaultdict(list)
    first = [next(iter(arms.values())) for arms in draws.values()]
    for row, domain, arms in zip(first, _domains(first, "train", shared), draws.values(), strict=True):
        untaught = row["train"] is None and row["method"] is not None  # else it is not told
        name = _plain_name(row)
        details = _who(list(arms.values()), [n for n in alone if n != "model" or str(row["model"]) not in name])
        heading = Heading(domain=domain, details=tuple(details), untaught=untaught)
        nothing = GridCell(cells=(), replicated=False, mean=None)
        grid_cells = tuple(squares.get((row["first_draw"], column), nothing) for column in columns)
        groups["method not told" if row["method"] is None else str(row["method"])].append(
            MatrixRow(
                name=name, heading=heading, grid_cells=grid_cells, arm=str(row["arm"]),
                factors=_of_learner(row), seed=number(row["seed"]), draws=_draw_rows(list(arms.values()), grid_cells),
            )
        )  # fmt: skip
    asked = list(columns.values())
    ways = [name for name in EVALUATION[1:] if not _agree(asked, name)]
    return PageMatrix(
        evaluations=tuple(
            Heading(domain=domain, details=tuple(_differing(row, [name for name in ways if not _in_domain(row, name)])))
            for row, domain in zip(asked, _domains(asked, "tested_on", shared), strict=True)
        ),
        groups=tuple((method, tuple(learners)) for method, learners in groups.items()),
        cells=tuple(texts),
        common=(
            *((name, values[0]) for name in _COMMON if len(values := _values(rows, name)) == 1),
            *((name, number(rows[0][name])) for name in _SAID if rows and _shared_and_set(rows, name)),
            *(("domain", part) for part in [", ".join(shared)] if part),
        ),
        remarks=remarks_on(frames),
    )


def _filled(row: Row) -> Row:
    """Return the row with the optional columns, which frames have only where they differ from the usual."""
    usual = {name: None if row["study"] == IMPORTED and name in _TOLD else value for name, value in _OPTIONAL.items()}
    return {
        **row,
        "tested_on": row.get("tested_on") or row["eval"],
        **{name: value if row.get(name) is None else row[name] for name, value in usual.items()},
        "first_draw": row.get("first_draw") or row["arm"],
    }


def _squares(at: Mapping[tuple[str, str], Sequence[CellText]], frames: Frames) -> dict[tuple[str, str], GridCell]:
    """Return the squares of the matrix; a difference is clear by its p value, adjusted for all squares (Holm)."""
    found = {}
    for place, texts in at.items():
        replicated = 1 < len(texts) == len({cell.arm for cell in texts})
        found[place] = GridCell(
            cells=tuple(texts), replicated=replicated, mean=mean_of(texts, frames) if replicated else None
        )
    shown = [
        text for square in found.values() for text in ([square.mean] if square.replicated else square.cells) if text
    ]
    tested = [text for text in shown if text.p_value is not None]
    p_values = holm([text.p_value for text in tested if text.p_value is not None])
    clear = {id(text) for text, p in zip(tested, p_values, strict=True) if p < CLEAR}
    return {
        place: replace(
            square,
            cells=tuple(replace(text, clear=id(text) in clear) for text in square.cells),
            mean=square.mean and replace(square.mean, clear=id(square.mean) in clear),
        )
        for place, square in found.items()
    }


def _of_learner(row: Row) -> dict[str, Any]:
    """Return the factors that make a learner, in which its draws agree."""
    return {
        name: value
        for name, value in row.items()
        if value is not None and name not in _NOT_OF_LEARNER and not name.startswith("eval_")
    }


def _draw_rows(draws: Sequence[Row], grid_cells: Sequence[GridCell]) -> tuple[DrawRow, ...]:
    if len(draws) < 2:
        return ()
    found = [{cell.arm: cell for cell in place.cells} for place in grid_cells]
    differ = [name for name in ("seed", "data_seed") if _varies(draws, name)]
    return tuple(
        DrawRow(
            name=", ".join(f"{name.replace('_', ' ')} {number(row[name])}" for name in differ) or str(row["arm"]),
            seed=number(row["seed"]),
            cells=tuple(cells.get(str(row["arm"])) for cells in found),
        )
        for row in draws
    )


def _columns(rows: Sequence[Row]) -> dict[str, Row]:
    """Return what is asked, by column; what is asked in the same way stands together."""
    found = {_column(row): row for row in rows}
    ways = list(dict.fromkeys(_way(row) for row in found.values()))
    return dict(sorted(found.items(), key=lambda column: ways.index(_way(column[1]))))


def _way(row: Row) -> str:
    return repr([row[name] for name in EVALUATION[1:]])


def _column(row: Row) -> str:
    return repr([row[name] for name in EVALUATION])


def _shared_and_set(rows: Sequence[Row], name: str) -> bool:
    """Return whether all rows have one value of an option, which is not the usual one."""
    return _agree(rows, name) and rows[0][name] not in (None, _OPTIONAL[name])


def _agree(rows: Sequence[Row], name: str) -> bool:
    """Return whether all rows have one value, or all have none."""
    return len({None if row[name] is None else number(row[name]) for row in rows}) < 2


def _in_domain(row: Row, name: str) -> bool:
    """Return whether the name of the domain says a task already, as that of results of others does."""
    return name == "task" and row["task"] in _parts(row, "tested_on")


def _varies(rows: Sequence[Row], name: str) -> bool:
    return len(_values(rows, name)) > 1


def _values(rows: Sequence[Row], name: str) -> list[str]:
    return list(dict.fromkeys(number(row[name]) for row in rows if row.get(name) is not None))


def _parts(row: Row, domain: str) -> list[str]:
    """Return the parameters in a domain's name."""
    return str(row[domain]).split(",") if row[domain] is not None else []


def _shared(rows: Sequence[Row]) -> tuple[str, ...]:
    """Return the parameters that every trained or tested domain has, if each has others, too."""
    domains = [parts for row in rows for name in ("train", "tested_on") if (parts := _parts(row, name))]
    found = tuple(part for part in (domains or [[]])[0] if all(part in other for other in domains))
    return () if any(len(parts) == len(found) for parts in domains) else found


def _domains(rows: Sequence[Row], domain: str, shared: Sequence[str]) -> list[tuple[DomainPart, ...]]:
    domains = [[part for part in _parts(row, domain) if part not in shared] for row in rows]
    named = [parts for parts in domains if parts]
    having = Counter(part for parts in named for part in set(parts))
    return [tuple(DomainPart(part, having[part] < len(named)) for part in parts) for parts in domains]


def _differing(row: Row, names: Sequence[str]) -> list[str]:
    return [f"{name} {number(row[name])}" for name in names if row[name] is not None]


def _who(draws: Sequence[Row], alone: Sequence[str]) -> list[str]:
    """Return whose row it is: the model and seed where they vary, or how many replicates it has, and of what."""
    first, n = draws[0], len(draws)
    if n == 1:
        return _differing(first, alone)
    data = set(_values(draws, "data_seed")) if "data_seed" in first else set()
    of_what = f"{n} draws" if not data else f"{n} draws of data and seed" if len(data) > 1 else f"{n} seeds, same data"
    return [*_differing(first, [name for name in alone if name == "model"]), of_what]


def _plain_name(row: Row) -> str:
    """Return the arm's name without model, domain and seed."""
    if row["train"] is None:
        return str(row["arm"])
    name = (
        re.sub(rf"\.{re.escape(str(row['train']))}(?=\.|$)", "", str(row["arm"]))
        .removeprefix(str(row["model"]))
        .removeprefix(".")
    )
    return re.sub(rf"\.s{number(row['seed'])}(?=\.|$)", "", name)
