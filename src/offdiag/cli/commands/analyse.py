"""``offdiag analyse``: analyse a table that was made elsewhere."""

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from offdiag.cli.options import AsJson, ClusterBy, OfStudy, beginning
from offdiag.cli.tables import show_json, show_table
from offdiag.errors import UserError
from offdiag.files import TextFile

if TYPE_CHECKING:
    import pandas as pd

    from offdiag.analyses import TableAnalysis

AnalysisName = Annotated[
    str,
    typer.Argument(
        metavar="ANALYSIS",
        help="Such as transition or width-scaling.",
        autocompletion=beginning("offdiag.table_analyses"),
    ),
]
TableFile = Annotated[
    Path, typer.Argument(metavar="TABLE", help="A file of values between commas, semicolons or tabs; - for stdin.")
]

ABSENT = "give the path of a table, or - for standard input"


def analyse(
    analysis: AnalysisName,
    table: TableFile,
    as_json: AsJson = False,
    n: Annotated[int | None, typer.Option("--n", metavar="N", help="Items behind each accuracy.")] = None,
    seed: Annotated[int | None, typer.Option(metavar="N", help="Seed of the bootstrap [0].")] = None,
    resamples: Annotated[int | None, typer.Option(metavar="N", help="Resamples of the bootstrap [2000].")] = None,
    split_by: Annotated[
        str | None, typer.Option(metavar="TASK", help="transfer-matrix: split pairs by this task.")
    ] = None,
    cluster_by: ClusterBy = None,
    sets: Annotated[
        list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="Another setting of the analysis.")
    ] = None,
    where: Annotated[
        list[str] | None, typer.Option("--where", metavar="COLUMN=VALUE", help="Use only rows with this text.")
    ] = None,
    study: OfStudy = None,
    metric: Annotated[str, typer.Option(metavar="NAME", help="Results of others: the verdict that counts.")] = "",
) -> None:
    """Analyse a table that was made elsewhere.

    transition: one logistic fit per series. The table has columns series,k,accuracy and optionally n (items behind an
    accuracy); or series,k,correct,item; or it is tables/cells.csv or tables/records.csv of a report; or it has lines
    "MODEL BASE COT DIGITS SHOTS ICL_COT: ACCURACY". width-scaling: W = A/sqrt(size), columns size,k,accuracy and
    optionally n. transfer-matrix: what training on one task or two changes on every task, columns trained (tasks
    joined by +),evaluated,value and optionally seed.

    Sample logs of lm-evaluation-harness and logs of Inspect, a file or a folder, are read as such records.

    An analysis that a study file or a module beside it defines is found with --study my_study.py.

    --json prints a list of objects; a number that the data do not tell is null. An end of an interval without a bound
    is null, too, and its name stands in "unbounded".
    """
    from offdiag.analyses import get_table_analysis, read_table
    from offdiag.parameters import override, parse_sets
    from offdiag.study_files import load_study

    if study is not None:
        load_study(study)  # it registers its analyses of tables
    kind = get_table_analysis(analysis)
    given = {"n": n, "seed": seed, "resamples": resamples, "split_by": split_by, "cluster_by": cluster_by}
    words = [f"{name}={value}" for name, value in given.items() if value is not None]
    settings = override(kind(), parse_sets([*(sets or ()), *words]))
    source = TextFile.standard_input() if str(table) == "-" else TextFile.at(table, ABSENT)
    others = _others(table, metric) if _of_others(table) else None
    text = source.read() if others is None else ""
    try:
        found = settings.analyse(_narrowed(read_table(text) if others is None else others, where or []))
    except UserError as error:
        raise UserError(f"{source.name}: {error}") from error
    if as_json:
        show_json(settings.document(found) or json_rows(found))
    else:
        _show(f"{kind.name}: {source.name}", settings, found)


def _of_others(table: Path) -> bool:
    """Return whether a path has results of another program, and is no plain table, which is read line by line."""
    from offdiag.interop import is_foreign

    return table.suffix not in (".csv", ".tsv") and str(table) != "-" and is_foreign(table)


def _others(path: Path, metric: str) -> "pd.DataFrame":
    """Return the records of results that others made, as the texts of ``tables/records.csv`` of a report."""
    from offdiag.analyses import read_table
    from offdiag.interop.frames import read_results

    return read_table(read_results([path], metric).records.to_csv(index=False))


def json_rows(table: "pd.DataFrame") -> list[dict[str, Any]]:
    """Return the rows as JSON objects: NaN and NA are null; so are infinite numbers, named in ``unbounded``."""
    rows = []
    for record in table.to_dict(orient="records"):
        row = {str(name): _plain(value) for name, value in record.items()}
        unbounded = [name for name, value in row.items() if isinstance(value, float) and math.isinf(value)]
        rows.append({**row, **dict.fromkeys(unbounded), "unbounded": unbounded})
    return rows


def _plain(value: Any) -> Any:
    import numpy as np
    import pandas as pd

    if value is None or pd.isna(value):
        return None
    return value.item() if isinstance(value, np.generic) else value


def _narrowed(table: "pd.DataFrame", where: list[str]) -> "pd.DataFrame":
    """Return the rows that have the texts of ``--where``; a zero-shot row that lacks such a column passes.

    Raises:
        UserError: no column of that name, or none of its rows has that text.
    """
    from offdiag.analyses import select

    wanted = {}
    for pair in where:
        name, equals, value = pair.partition("=")
        if not equals:
            raise UserError(f"--where {pair!r}: expected column=value, for example --where prompt=direct")
        wanted[name.strip()] = value.strip()
    for column, text in wanted.items():
        if column in table and not (table[column] == text).any():
            there = ", ".join(sorted(set(table[column].dropna().astype(str)))) or "nothing"
            raise UserError(f"--where {column}={text}: no row has that, column {column!r} has {there}")
    return select(table, wanted) if wanted else table


def _show(title: str, settings: "TableAnalysis", found: "pd.DataFrame") -> None:
    """Print the terminal columns, each number with its interval; empty columns are left out."""
    rows = [[_field(name, record) for name in settings.terminal_columns] for record in found.to_dict(orient="records")]
    told = [i for i in range(len(settings.terminal_columns)) if any(row[i] for row in rows)]
    columns = [settings.terminal_columns[i] for i in told]
    show_table(title, columns, [[row[i] for i in told] for row in rows], prose=["note"])


def _field(name: str, record: dict[Any, Any]) -> str:
    value = _plain(record[name])
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else ""
    if isinstance(value, str):
        return value
    low, high = (_plain(record.get(f"{name}_{end}")) for end in ("low", "high"))
    interval = "" if low is None or high is None else f" [{low:.3g}, {high:.3g}]".replace("inf", "∞")
    whole = float(value).is_integer() and abs(value) < 1e15
    return f"{value:.0f}{interval}" if whole else f"{value:.4g}{interval}"
