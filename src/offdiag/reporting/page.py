"""Render the HTML page: one file that loads nothing from the network and runs no code but its own."""

import base64
import struct
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version

import pandas as pd

from offdiag.identity import Json
from offdiag.reporting.cell_texts import SHADES, STATES, CellText, rows_of
from offdiag.reporting.inline import inline, template
from offdiag.reporting.matrix import PageMatrix
from offdiag.reporting.records import pack, packed
from offdiag.reporting.wording import number
from offdiag.results import Results

ROWS_SHOWN = 40  # of an extra table; all rows are in its CSV
STEPS_SHOWN = 200  # of the plan; all are in steps.csv
DENSE = 600  # more squares than these show their accuracy alone, so that a browser can open the page


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
    """First rows of an extra table as texts, out of ``total``."""

    name: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    total: int


def render_page(
    results: Results,
    matrix: PageMatrix,
    pictures: Sequence[Picture],
    tables: Mapping[str, pd.DataFrame],
    command: str,
    records_per_cell: int,
) -> str:
    """Return the page as HTML, a function of the arguments and of offdiag's version alone."""
    steps = rows_of(results.steps)
    return template("page.html.j2").render(
        results=results,
        claim=[" ".join(paragraph.split()) for paragraph in results.claim.split("\n\n") if paragraph.strip()],
        matrix=matrix,
        states=Counter(cell.state for cell in matrix.cells),
        measurements=_states(results.measurements),
        steps=steps,
        step_states=Counter(str(step["state"]) for step in steps),
        words=STATES,
        shades=range(SHADES + 1),
        pictures=pictures,
        tables=[_excerpt(name, table) for name, table in tables.items()],
        dense=len(matrix.cells) > DENSE,
        most_steps=STEPS_SHOWN,
        about=packed([_about(cell) for cell in matrix.cells]),
        packs={p.index: p for p in _packs(results, matrix, records_per_cell)},
        command=command,
        version=version("offdiag"),
        script=inline("page.js"),
        style=inline("page.css"),
    )


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
    head = table.head(ROWS_SHOWN).astype(object).itertuples(index=False, name=None)
    return TableExcerpt(
        name=name,
        columns=tuple(str(column) for column in table.columns),
        rows=tuple(tuple(number(value) for value in row) for row in head),
        total=len(table),
    )
