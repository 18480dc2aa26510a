"""Table that sets what a study measured beside published numbers."""

import math
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, cast

from offdiag.analyses.estimates import estimate
from offdiag.analyses.selection import MISSING, final
from offdiag.analyses.transition import NOTHING_DONE
from offdiag.errors import UserError
from offdiag.published import CELLS, Published
from offdiag.results import Results
from offdiag.stats import UNKNOWN, Estimate, independent_difference, wilson
from offdiag.study import Design

if TYPE_CHECKING:
    import pandas as pd

COUNTS = ("published_n", "measured_n", "measured_seeds")
NOT_MEASURED, NO_COUNTERPART, NOT_RUN = "not measured", "no counterpart", "not run"


class _Measured(NamedTuple):
    """A number that the study measured: of which model, its interval, items, seeds, state, and a remark on it."""

    model: str
    ends: Estimate
    n: int | None
    seeds: int | None
    state: str
    remark: str = ""


def comparison(design: Design, results: Results) -> "pd.DataFrame":
    """Return one row per published number and model that this study measured; measured ones come first.

    A published number stands beside the one cell (or the same cell under several seeds), or the one row of an analysis,
    that has all of its factors; the difference is measured minus published.

    Returns:
        ``quantity, called, of, scale``; ``published_model, published, published_low, published_high, published_n,
        published_interval`` (``Wilson 95 %``: computed here from n; ``as stated``; or nothing); ``measured_model,
        measured, measured_low, measured_high, measured_n, measured_seeds, measured_state`` (that of the cell, or
        ``not run``: it is planned and no more, ``not measured``: nothing here has these factors, ``no counterpart``),
        ``measured_remark`` (where the interval holds more or less often than it says);
        ``difference, difference_low, difference_high`` (only where the published interval was computed: what others
        mean by theirs is not always said); ``provenance, source, note``. Fractions stay fractions; what is not known is
        NaN.

    Raises:
        UserError: the study has no published numbers, one of them fits two cells or rows, or names an analysis that
            the study does not have.
    """
    import pandas as pd

    if not design.published:
        raise UserError(f"study {results.study} has no published numbers to compare with: give Design(published=…)")
    tables = _tables(design, results)
    rows = {name: list(_rows(table)) for name, table in tables.items()}
    found = [
        _row(number, one, results.scale)
        for number in design.published
        for one in _measured(number, tables, rows, results)
    ]
    frame = pd.DataFrame(found)
    rank = 2 * frame["measured"].isna() + frame["published"].isna()
    ranked = frame.assign(rank=rank).sort_values("rank", kind="stable").drop(columns="rank")
    return ranked.astype(dict.fromkeys(COUNTS, "Int64")).reset_index(drop=True)


def _tables(design: Design, results: Results) -> "dict[str, pd.DataFrame]":
    """Return the tables that published numbers name."""
    known = {analysis.name: analysis for analysis in design.analyses}
    tables = {CELLS: results.cells}
    for number in design.published:
        if number.table is not None and number.table not in tables:
            if number.table not in known:
                raise UserError(f"{number.label}: no analysis {number.table!r}: there are {', '.join(known) or 'none'}")
            tables[number.table] = results.table_or_note(known[number.table])
    return tables


def _measured(
    number: Published,
    tables: "Mapping[str, pd.DataFrame]",
    rows: Mapping[str, list[dict[str, Any]]],
    results: Results,
) -> Iterable[_Measured]:
    """Return the study's numbers, one per model, or one without a value that says why there is none."""
    if number.table is None:
        return [_Measured("", UNKNOWN, None, None, NO_COUNTERPART)]
    table = tables[number.table]
    chosen = table[[_fits(row, number.where) for row in rows[number.table]]]
    if "update" not in number.where:
        chosen = final(chosen)
    if chosen.empty:
        return [_Measured("", UNKNOWN, None, None, NOT_MEASURED)]
    if number.table != CELLS:
        return [_of_row(number, chosen, _models(tables[CELLS]))]
    return [_of_cells(number, str(model), cells, results) for model, cells in chosen.groupby("model", sort=False)]


def _of_cells(number: Published, model: str, cells: "pd.DataFrame", results: Results) -> _Measured:
    records = results.answers([*cells["cell"], *(cells["baseline"].dropna() if "baseline" in cells else ())])
    try:
        quantity = number.quantity if number.quantity in number.MEASURED else "accuracy"  # (the column of any metric)
        kind = cast(Literal["accuracy", "difference"], quantity)
        found = estimate(cells, records, kind, baselines=results.cells)
    except UserError as error:
        raise UserError(f"{number.label}: {error}") from None
    state = NOT_RUN if found.state == MISSING else found.state
    ends = Estimate(found.value, found.low, found.high)
    return _Measured(model, ends, found.n_items, found.n_done, state, found.remark)


def _of_row(number: Published, chosen: "pd.DataFrame", model: str) -> _Measured:
    if len(chosen) > 1:
        raise UserError(f"{number.label}: {len(chosen)} rows of {number.table!r} fit: say more in where=")
    if number.quantity not in chosen:
        raise UserError(f"{number.label}: table {number.table!r} has no column {number.quantity!r}")
    row = next(_rows(chosen))
    names = (number.quantity, f"{number.quantity}_low", f"{number.quantity}_high")
    value, low, high = (math.nan if row.get(name) is None else float(row[name]) for name in names)
    said = str(row.get("note") or "")
    state = "done" if not math.isnan(value) else NOT_RUN if said == NOTHING_DONE else said or "not identified"
    return _Measured(model, Estimate(value, low, high), row.get("n_items"), None, state)


def _models(cells: "pd.DataFrame") -> str:
    """Return which models the study measured, for a row of an analysis, which may not say."""
    return ", ".join(cells["model"].unique()) if "model" in cells else ""


def _row(number: Published, found: _Measured, scale: str) -> dict[str, Any]:
    theirs, kind = _published(number)
    comparable = number.n is not None and not number.scored and found.state == "done"
    apart = independent_difference(found.ends, theirs)
    if not comparable:
        apart = Estimate(apart.value, math.nan, math.nan)
    return {
        "quantity": number.quantity, "called": number.called, "of": number.of, "scale": scale,
        "published_model": number.model, **_columns("published", theirs), "published_n": number.n,
        "published_interval": kind,
        "measured_model": found.model, **_columns("measured", found.ends), "measured_n": found.n,
        "measured_seeds": found.seeds, "measured_state": found.state,
        "measured_remark": found.remark,
        **_columns("difference", apart),
        "provenance": number.provenance, "source": number.source, "note": number.note,
    }  # fmt: skip


def _published(number: Published) -> tuple[Estimate, str]:
    if number.value is None:
        return UNKNOWN, ""
    if number.n is not None and not number.scored:
        interval = wilson(round(number.value * number.n), number.n)
        return Estimate(number.value, float(interval.low), float(interval.high)), "Wilson 95 %"
    if number.low is not None and number.high is not None:
        return Estimate(number.value, number.low, number.high), "as stated"
    return Estimate(number.value, math.nan, math.nan), ""


def _columns(name: str, ends: Estimate) -> dict[str, float]:
    return {name: ends.value, f"{name}_low": ends.low, f"{name}_high": ends.high}


def _rows(frame: "pd.DataFrame") -> Iterator[dict[str, Any]]:
    """Return the rows as mappings, with None for whatever is missing."""
    for row in frame.astype(object).where(frame.notna(), None).to_dict(orient="records"):
        yield {str(name): value for name, value in row.items()}


def _fits(row: Mapping[str, Any], where: Mapping[str, str | int | float | bool]) -> bool:
    """Return whether the row has all the values; what it lacks fits nothing, and True is not 1."""
    return all(
        row.get(name) is not None and isinstance(row[name], bool) is isinstance(wanted, bool) and row[name] == wanted
        for name, wanted in where.items()
    )
