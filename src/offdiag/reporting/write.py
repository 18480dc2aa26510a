"""Write a report's folder: tables, figures and the page."""

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from offdiag.analyses.sanity import confusion
from offdiag.errors import check_report_name
from offdiag.figures.scatter_3d import Scatter3D
from offdiag.parameters import placeless, placeless_text
from offdiag.reporting.matrix import build_matrix
from offdiag.reporting.page import Picture, render_page
from offdiag.reporting.scatter_3d import render_scatter_3d
from offdiag.reporting.tables import write_tables
from offdiag.reporting.wording import literal
from offdiag.results import Results

if TYPE_CHECKING:
    from matplotlib.figure import Figure

RECORDS_PER_CELL = 200


def write_report(
    results: Results,
    folder: Path,
    figures: "Sequence[tuple[str, str, Figure]]" = (),
    tables: Mapping[str, pd.DataFrame] = {},
    *,
    scatters: Mapping[str, Scatter3D] = {},
    command: str | None = None,
    records_per_cell: int = RECORDS_PER_CELL,
) -> Path:
    """Write the report of a study, at whatever state its run is, and return the path of its page.

    ``folder`` receives ``index.html``, ``tables/*.csv`` and ``*.tex``, and ``figures/*.png`` and ``*.pdf``. The
    page stands alone, loads nothing and treats every text of the results as untrusted. Of paths of this machine only
    the last part is written. The same results, figures and
    tables give the same page, byte by byte.

    Args:
        results: what is known of the study.
        folder: made if it is not there; files of an earlier report in it are replaced.
        figures: (name, caption, figure) in reading order; where there is no matrix, the first stands beside the claim.
        tables: extra tables by name, such as the fits of an analysis.
        scatters: by the name of a figure, what its interactive page ``figures/<name>.html`` shows.
        command: what reproduces the results; by default ``offdiag run`` with every parameter spelled out.
        records_per_cell: how many records of a cell the page carries at most.

    Raises:
        UserError: a name of a figure or a table cannot name a file.
    """
    results = _portable(results)
    for name, _, _ in figures:
        check_report_name("figure", name)
    tables = {name: _flat(table) for name, table in tables.items()}
    if not (confused := confusion(results.held)).empty and "confusion" not in tables:
        tables["confusion"] = confused
    matrix = build_matrix(results, results.steps)
    write_tables(results, matrix.cells, tables, folder / "tables")
    pictures = [
        _picture(figure, folder / "figures", name, caption, scatters.get(name)) for name, caption, figure in figures
    ]
    page = render_page(results, matrix, pictures, tables, command or reproduce(results), records_per_cell)
    path = folder / "index.html"
    path.write_bytes(page.encode("utf-8"))
    return path


def _portable(results: Results) -> Results:
    """Return the results without the places of this machine that settings, notes and notices tell."""
    notes = results.steps["note"].map(placeless_text, na_action="ignore") if "note" in results.steps else None
    return replace(
        results,
        records=results.held,  # of which no frame is made
        params=placeless(results.params),
        steps=results.steps if notes is None else results.steps.assign(note=notes),
        notices=tuple(map(placeless_text, results.notices)),
    )


def reproduce(results: Results) -> str:
    """Return the command that runs the study with the parameters of ``results``, quoted for a shell."""
    words = ["offdiag", "run", results.study, "--scale", results.scale]
    for name, value in results.params.items():
        words += ["--set", f"{name}={literal(value)}"]
    return shlex.join(words)


def _flat(table: pd.DataFrame) -> pd.DataFrame:
    return table.reset_index() if any(name is not None for name in table.index.names) else table


def _picture(figure: "Figure", folder: Path, name: str, caption: str, scatter: Scatter3D | None) -> Picture:
    from offdiag.figures import save

    (png,) = (path for path in save(figure, folder, name) if path.suffix == ".png")
    page = folder / f"{name}.html"
    page.unlink(missing_ok=True)
    if scatter is not None:
        page.write_bytes(render_scatter_3d(scatter).encode("utf-8"))
    return Picture(name=name, caption=caption, png=png.read_bytes(), interactive=scatter is not None)
