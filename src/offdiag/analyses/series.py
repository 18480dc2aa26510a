"""The series of a table: which of its rows form one curve over k."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from offdiag.analyses.reading import line_formats
from offdiag.analyses.selection import IN_CONTEXT, ZERO_SHOT, require
from offdiag.errors import NotPlannedError, UserError

if TYPE_CHECKING:
    import pandas as pd

_NO_FACTORS = ("study", "scale", "cell", "arm", "train", "eval", "tested_on", "method", "seed", "k")
_FIRST_RESULTS = ("accuracy", "state", "example")


def curves_only(table: "pd.DataFrame") -> "pd.DataFrame":
    """Return the zero-shot (k = "0") and in-context rows; a table without a column ``method`` as it is."""
    if "method" not in table:
        return table
    zero = table["method"] == ZERO_SHOT
    kept = table[zero | (table["method"] == IN_CONTEXT)]
    if kept.empty:
        raise NotPlannedError(f"no row has the method {ZERO_SHOT} or {IN_CONTEXT}: expected a curve over k")
    return kept.assign(k=kept["k"].mask(zero, "0")) if "k" in kept else kept


def series_columns(table: "pd.DataFrame") -> list[str]:
    """Return the columns that tell curves apart where the user names none.

    They are ``series``; the ``series`` of a :class:`offdiag.analyses.reading.LineFormat` if the table has them; in the
    tables of a report all factors that vary (a training factor only if it does not repeat the evaluated one).

    Raises:
        UserError: the table is none of these.
    """
    if "series" in table:
        return ["series"]
    for kind in line_formats():
        if set(kind.series) <= set(table):
            return list(kind.series)
    if not {"cell", "method"} <= set(table):
        raise UserError(
            f"no column 'series': the table has {', '.join(table.columns)}; "
            "name the columns that tell curves apart, for example --set series=model,base"
        )
    possible = [name for name in factors(table) if not _repeats(table, name)]
    varying = [name for name in possible if table[name].nunique() > 1]
    return varying or [name for name in possible if name.startswith("eval_")] or possible[:1]


def factors(table: "pd.DataFrame") -> list[str]:
    """Return the columns before the results; in a report's table without names, k and seed."""
    names = list(table.columns)
    end = min([names.index(name) for name in _FIRST_RESULTS if name in names], default=len(names))
    return [name for name in names[:end] if name not in _NO_FACTORS]


def with_series(table: "pd.DataFrame", columns: Sequence[str]) -> "pd.DataFrame":
    """Return the table with a column ``series``: the text of a single column, else ``base=8 cot=True``.

    Empty fields are left out of the name. A row of k = 0 that lacks some of the columns belongs to every curve that
    agrees in the others: nothing was shown, so it is the start of them all. ``k`` must be numbers.

    Raises:
        UserError: a column is missing, or a row has none of them.
    """
    import pandas as pd

    for column in columns:
        require(table, column)
    zero = (table["k"] == 0) & table[list(columns)].isna().any(axis=1)
    shown = table.loc[~zero, list(columns)].drop_duplicates()
    curves: list[dict[str, Any]] = [dict(zip(columns, values, strict=True)) for values in shown.to_numpy()]
    copies = [table[~zero]]
    for line, row in table[zero].iterrows():
        known = {name: row[name] for name in columns if row[name] is not None}
        joined = [curve for curve in curves if all(curve[name] == value for name, value in known.items())] or [known]
        copies += [table.loc[[line]].assign(**curve) for curve in joined]
    named = pd.concat(copies).sort_index(kind="stable")
    return named.assign(series=[_name(line, row, columns) for line, row in named[list(columns)].iterrows()])


def _name(line: object, row: "pd.Series[Any]", columns: Sequence[str]) -> str:
    known = {name: str(row[name]) for name in columns if not _absent(row[name])}
    if not known:
        raise UserError(f"line {line}: {' and '.join(columns)} is empty: expected the name of a series")
    return known[columns[0]] if len(columns) == 1 else " ".join(f"{name}={value}" for name, value in known.items())


def _absent(value: Any) -> bool:
    import pandas as pd

    return value is None or bool(pd.isna(value))


def _repeats(table: "pd.DataFrame", name: str) -> bool:
    """Return whether a training factor repeats the evaluated one in every row."""
    evaluated = f"eval_{name.removeprefix('train_')}"
    if not name.startswith("train_") or evaluated not in table:
        return False
    known = table[table[name].notna()]
    return bool((known[name] == known[evaluated]).all())
