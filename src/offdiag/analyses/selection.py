"""Select rows of a results table; an ambiguous or empty selection is an error."""

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

from offdiag.errors import NotPlannedError, UserError

if TYPE_CHECKING:
    import pandas as pd

# Which rows count: column -> value.
Where: TypeAlias = Mapping[str, str | int | float | bool]

DONE, FAILED, MISSING = "done", "failed", "missing"
ZERO_SHOT = "zero-shot"
IN_CONTEXT = "in-context"


def select(frame: "pd.DataFrame", where: Where, match_on: Sequence[str] = ()) -> "pd.DataFrame":
    """Return the rows that have all the values of ``where``.

    Args:
        frame: cells or records.
        where: column -> value. A zero-shot row that lacks a column's factor (NA) passes: nothing was trained or shown.
            So does a row with ``k`` = 0 of a table without methods.
        match_on: domain parameters on which training and evaluation must agree, e.g. ``("base",)``.

    Raises:
        NotPlannedError: no such column, or no row is left; the message lists the values there are.
    """
    for column in [*where, *(f"{side}_{name}" for name in match_on for side in ("train", "eval"))]:
        require(frame, column)
    chosen = frame
    for column, wanted in where.items():
        found = _equal(chosen[column], wanted)
        found |= _untaught(chosen) & chosen[column].isna()
        if not found.any():
            values = ", ".join(sorted({repr(value) for value in chosen[column].dropna().tolist()}))
            raise NotPlannedError(f"no cell with {column} = {wanted!r}: the table has {values or 'no value'} there")
        chosen = chosen[found]
    for name in match_on:
        trained = chosen[f"train_{name}"]
        agree = trained.isna() | (trained == chosen[f"eval_{name}"]).fillna(False).astype(bool)
        chosen = chosen[agree]
    if chosen.empty:
        raise NotPlannedError(f"no cell is left with {dict(where)} and the same {', '.join(match_on) or 'factors'}")
    return chosen


def final(frame: "pd.DataFrame") -> "pd.DataFrame":
    """Return the rows of arms at the end of their training, without those of snapshots on the way."""
    return frame[frame["update"].isna()] if "update" in frame else frame


def select_final(frame: "pd.DataFrame", where: Where, match_on: Sequence[str] = ()) -> "pd.DataFrame":
    """Return what :func:`select` does, without snapshots on the way of a training unless ``where`` names an update.

    Raises:
        NotPlannedError: as :func:`select`.
    """
    return select(frame if "update" in where else final(frame), where, match_on)


def is_planned(cells: Iterable[Mapping[str, object]], where: Where, match_on: Sequence[str] = ()) -> bool:
    """Return whether a cell has all values of ``where``, and agrees with its training in ``match_on``.

    Args:
        cells: their factors (:meth:`offdiag.study.Cell.factors`).
        where, match_on: as of :func:`select`; but what a cell lacks fits no value, so that an untrained cell is not
            taken for one of a training.
    """

    def fits(cell: Mapping[str, object], name: str, wanted: object) -> bool:
        return name in cell and isinstance(cell[name], bool) is isinstance(wanted, bool) and cell[name] == wanted

    return any(
        all(fits(cell, name, wanted) for name, wanted in where.items())
        and all(cell.get(f"train_{name}") in (None, cell.get(f"eval_{name}")) for name in match_on)
        for cell in cells
    )


def with_shots(frame: "pd.DataFrame", k: str = "k") -> "pd.DataFrame":
    """Return the zero-shot and in-context rows, with ``k`` as numbers; zero-shot is k = 0.

    Raises:
        UserError: there is no column ``k``, or a k is missing or no number.
    """
    import pandas as pd

    require(frame, k)
    zero = pd.Series(False, index=frame.index)
    if "method" in frame:
        zero = _equal(frame["method"], ZERO_SHOT)
        keep = zero | _equal(frame["method"], IN_CONTEXT)
        frame, zero = frame[keep], zero[keep]
    shots = pd.to_numeric(frame[k], errors="coerce").astype(float).mask(zero, 0.0)
    if shots.isna().any():
        raise UserError(f"column {k!r}: {int(shots.isna().sum())} rows have no number of demonstrations")
    return frame.assign(**{k: shots})


def _untaught(frame: "pd.DataFrame") -> "pd.Series[bool]":
    """Return which rows were neither taught nor shown anything: zero-shot ones, or k = 0 where there are no methods."""
    import pandas as pd

    if "method" in frame:
        return _equal(frame["method"], ZERO_SHOT)
    if "k" in frame:
        return pd.to_numeric(frame["k"], errors="coerce").eq(0).fillna(False).astype(bool)
    return pd.Series(False, index=frame.index)


def select_shots(cells: "pd.DataFrame", where: Where, match_on: Sequence[str] = ()) -> "pd.DataFrame":
    """Return the zero-shot and in-context cells that have all the values of ``where``, with ``k`` as numbers.

    Raises:
        NotPlannedError: as :func:`select`, and where none of them has demonstrations: a start is no curve.
    """
    chosen = with_shots(select(cells, where, match_on))
    if "method" in chosen and not _equal(chosen["method"], IN_CONTEXT).any():
        raise NotPlannedError(f"no cell with demonstrations has {dict(where)}")
    return chosen


def one_per(rows: "pd.DataFrame", columns: Sequence[str], who: str, advice: str = "where=") -> None:
    """Check that no two rows are alike in all of ``columns``: one cell behind each number.

    Args:
        rows: planned cells, or rows of a measurement.
        columns: what must tell them apart.
        who: whose rows they are, for the message: ``"figure transfer"``.
        advice: the settings that tell such rows apart.

    Raises:
        UserError: two rows are alike, or a column is missing.
    """
    for column in columns:
        require(rows, column)
    twice = rows[rows.duplicated(list(columns), keep=False)]
    if twice.empty:
        return
    # Missing values count as a value: untrained cells have no training domain, and two of them are alike.
    _, alike = next(iter(twice.groupby(list(columns), sort=False, dropna=False)))
    named = next((name for name in ("cell", "measurement") if name in alike), None)
    found = f" ({', '.join(alike[named].astype(str)[:3])})" if named else ""
    raise UserError(f"{who}: {len(alike)} rows are alike in {', '.join(columns)}{found}: tell them apart with {advice}")


def one_method(cells: "pd.DataFrame", who: str, advice: str = "where=") -> None:
    """Check that cells are draws of one learner, of which a mean can be taken: not some trained and some untrained.

    :func:`select` lets the untrained model pass by a factor of training, so that it can stand beside what is trained.

    Raises:
        UserError: cells of several methods.
    """
    methods = [str(method) for method in cells["method"].dropna().unique()] if "method" in cells else []
    if len(methods) > 1:
        raise UserError(f"{who}: a mean over cells of {' and '.join(methods)}: choose one with method= in {advice}")


def state_of(states: Iterable[object], otherwise: str = DONE) -> str:
    """Return why there is no number: ``failed`` if any of the states is, else the first that is not ``done``.

    ``otherwise`` is what to say where all are done, or there are none.
    """
    lacking = [str(state) for state in states if state != DONE]
    return FAILED if FAILED in lacking else lacking[0] if lacking else otherwise


def require(frame: "pd.DataFrame", column: str) -> None:
    """Raise a NotPlannedError unless ``frame`` has ``column``."""
    if column not in frame:
        raise NotPlannedError(f"no column {column!r}: the table has {', '.join(map(str, frame.columns))}")


def filled(frame: "pd.DataFrame", columns: Sequence[str]) -> "pd.DataFrame":
    """Return the frame with missing values of some columns filled: ``none`` for words, 0 for numbers, or False.

    Raises:
        UserError: a column is missing.
    """
    from pandas.api.types import is_bool_dtype, is_numeric_dtype

    def absent(column: "pd.Series[Any]") -> bool | int | str:
        return False if is_bool_dtype(column) else 0 if is_numeric_dtype(column) else "none"

    for column in columns:
        require(frame, column)
    return frame.assign(**{c: frame[c].fillna(absent(frame[c])) for c in columns})


def _equal(column: "pd.Series[Any]", wanted: str | int | float | bool) -> "pd.Series[bool]":
    """Compare with a value; NA equals nothing, True is not 1 and ``"True"`` is not True."""
    import pandas as pd
    from pandas.api.types import is_bool

    known = zip(column, column.notna(), strict=True)
    same = [bool(there and is_bool(value) == is_bool(wanted) and value == wanted) for value, there in known]
    return pd.Series(same, index=column.index, dtype=bool)
