"""Render the HTML page: one file that loads nothing from the network and runs no code but its own."""

import base64
import struct
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version

import pandas as pd

from offdiag.identity import Json
from offdiag.reporting.cell_texts import MEASURED, SHADES, STATES, CellText, rows_of
from offdiag.reporting.families import all_cells, curve_of
from offdiag.reporting.inline import inline, template
from offdiag.reporting.layout import Groups, column_facts, families_by_method, layout, spans
from offdiag.reporting.matrix import PageMatrix
from offdiag.reporting.pairs import pairs
from offdiag.reporting.records import pack, packed, plain
from offdiag.reporting.wording import number
from offdiag.results import Results
from offdiag.stats.replicated import interval_words

SCRIPTS = ("page.js", "matrix.js", "tables.js", "compare.js", "finder.js", "picture.js")
TOLD = (
    *("state", "n", "accuracy", "ci_low", "ci_high", "unparsed_rate", "chance", "one_answer"),
    *("difference", "diff_low", "diff_high", "p_value", "p_holm"),
)
ROWS_SHOWN = 40  # of a table; all rows are in its CSV
ROWS_HELD = 10_000  # of a table, that the page can sort, filter and give away
STEPS_SHOWN = 200  # of the plan; all are in steps.csv
DENSE = 600  # more squares than these show their accuracy alone and have no differences, so that a browser can open it


@dataclass(frozen=True, kw_only=True)
class Picture:
    """A figure as PNG, with its caption.

    Attributes:
        interactive: whether an interactive page, ``figures/<name>.html``, belongs to it.
    """

    name: str
    caption: str
    png: bytes
    interactive: bool = False

    @property
    def source(self) -> str:
        """The image as a data URI."""
        return "data:image/png;base64," + base64.b64encode(self.png).decode("ascii")

    @property
    def pixels(self) -> tuple[int, int]:
        """Width and height, from the PNG's header."""
        width, height = struct.unpack(">II", self.png[16:24])
        return int(width), int(height)


@dataclass(frozen=True, kw_only=True)
class RecordPack:
    """Records of the cell ``index`` that the page carries: the first ``held`` of ``total``."""

    index: int
    held: int
    total: int
    data: str


@dataclass(frozen=True, kw_only=True)
class TableExcerpt:
    """First rows of a table as texts, out of ``total``; ``data``: the first ``held`` for sorting and filtering.

    ``hint`` is an example of a filter.
    """

    name: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    total: int
    held: int
    hint: str
    data: str


def render_page(
    results: Results,
    matrix: PageMatrix,
    pictures: Sequence[Picture],
    tables: Mapping[str, pd.DataFrame],
    command: str,
    records_per_cell: int,
) -> str:
    """Return the page as HTML, a function of the arguments and of offdiag's version alone."""
    steps, groups = rows_of(results.steps), families_by_method(matrix)
    dense = len(matrix.cells) > DENSE
    return template("page.html.j2").render(
        results=results,
        claim=[" ".join(paragraph.split()) for paragraph in results.claim.split("\n\n") if paragraph.strip()],
        matrix=matrix,
        groups=groups,
        columns=column_facts(matrix),
        spans=spans(matrix.evaluations),
        folds=_folds(groups),
        curve_of=curve_of,
        all_cells=all_cells,
        layout=packed(layout(matrix, groups)),
        pairs=packed(
            {} if dense else pairs([row for _, of in groups for family in of for row in family.rows], results)
        ),
        states=Counter(cell.state for cell in matrix.cells),
        measurements=_states(results.measurements),
        steps=steps,
        step_states=Counter(str(step["state"]) for step in steps),
        words=STATES,
        shades=range(SHADES + 1),
        pictures=pictures,
        tables=[_excerpt(name, table) for name, table in {**_told(results.cells), **tables}.items()],
        dense=dense,
        most_steps=STEPS_SHOWN,
        about=packed([_about(cell) for cell in matrix.cells]),
        packs={p.index: p for p in _packs(results, matrix, records_per_cell)},
        command=command,
        interval_called=interval_words()[0],
        version=version("offdiag"),
        script=inline(*SCRIPTS),
        style=inline("page.css"),
    )


def _told(cells: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Return the cells as a table of the page: the factors that differ, and what was measured."""
    if cells.empty:
        return {}
    factors = [name for name in cells if name not in MEASURED and name != "first_draw" and cells[name].nunique() > 1]
    return {"cells": cells[[*factors, *(name for name in TOLD if name in cells and cells[name].notna().any())]]}


def _folds(groups: Groups) -> dict[str, list[str]]:
    """Return the factors by which rows are folded into curves, and whether draws are folded into means."""
    families = [family for _, of_method in groups for family in of_method]
    return {
        "axes": list(dict.fromkeys(family.axis for family in families if family.axis)),
        "draws": ["draw"] if any(row.draws for family in families for row in family.rows) else [],
    }


def _states(measurements: Mapping[str, pd.DataFrame]) -> Mapping[str, int]:
    """Count the measurements in each state."""
    counted: Counter[str] = Counter()
    for frame in measurements.values():
        counted.update(frame.drop_duplicates("measurement")["state"])
    return counted


def _packs(results: Results, matrix: PageMatrix, limit: int) -> Iterator[RecordPack]:
    factors = [str(name) for name in results.cells.columns]
    for cell in matrix.cells:
        records = results.read_records(cell.name)
        if records:
            held = records[:limit]
            yield RecordPack(index=cell.index, held=len(held), total=len(records), data=pack(held, factors))


def _about(cell: CellText) -> Json:
    """Return what the page tells of a cell when it is opened, for its script."""
    result = "" if cell.shade is None else f"{cell.accuracy} %"
    told = [f"[{cell.interval}]", cell.count] if result else [cell.count]
    told += [f"{cell.unparsed} unparsed"] if result and cell.unparsed else []
    told += [f"Δ {cell.difference}"] if result and cell.difference else []
    return {
        "name": cell.name,
        "state": cell.state,
        "word": STATES[cell.state],
        "taught": cell.taught,
        "result": result,
        "told": [*told],
        "reason": cell.reason,
        "facts": [list(fact) for fact in cell.facts],
    }


def _excerpt(name: str, table: pd.DataFrame) -> TableExcerpt:
    table = table.dropna(axis="columns", how="all") if len(table) else table  # all columns are in the CSV
    shown = table.head(ROWS_SHOWN).astype(object).itertuples(index=False, name=None)
    held = table.head(ROWS_HELD).astype(object)
    columns = tuple(str(column) for column in table.columns)
    numeric = [str(column) for column in table.select_dtypes("number").columns]
    rows = [[plain(value) for value in row] for row in held.itertuples(index=False, name=None)]
    return TableExcerpt(
        name=name,
        columns=columns,
        rows=tuple(tuple(number(value) for value in row) for row in shown),
        total=len(table),
        held=len(held),
        hint="accuracy>0.5" if "accuracy" in columns else f"{(numeric or columns or ('column',))[0]}=…",
        data=packed({"columns": list(columns), "rows": rows}),
    )
