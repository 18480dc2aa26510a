"""All records of a study in little memory: by cell and column, each value and each array once."""

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from hashlib import blake2b
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from offdiag.analyses.frames import Records

Part = NDArray[np.float64] | NDArray[np.int32]  # of one cell and column: numbers, or codes of values (-1: none)
TYPES: Mapping[str, Any] = {"correct": "boolean", "score": "Float64"}  # whatever their values are


class CompactRecords(Records):
    """Records of a study, of which frames with nullable types are made on demand.

    A column of a cell is an array: of float64, or of codes into a list that has each value of the column once. Arrays
    are held once, too, however many cells share them: what models answer differs, their questions do not. What a cell's
    records have in common is held once for all of them.

    Attributes:
        columns_if_empty: names of the columns where no cell has a record.
    """

    def __init__(self) -> None:
        self.columns_if_empty: tuple[str, ...] = ()
        self._names: dict[str, None] = {}
        self._shared: list[Mapping[str, Any]] = []
        self._sizes: dict[str, int] = {}
        self._own: dict[str, _Column] = {}
        self._arrays: dict[bytes, Part] = {}

    @property
    def columns(self) -> Sequence[str]:
        return list(self._names) if self._sizes else self.columns_if_empty

    @property
    def sizes(self) -> Mapping[str, int]:
        return self._sizes

    def add(self, factors: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]) -> None:
        """Add the records of a cell: what all have in common, ``cell`` among it, and what each has."""
        if not rows:
            return
        self._names |= dict.fromkeys(factors)
        for name in dict.fromkeys(name for row in rows for name in row):
            self._names[name] = None
            column = self._own.setdefault(name, _Column())
            if (part := column.encoded([row.get(name) for row in rows])) is not None:
                column.parts[len(self._shared)] = self._held_once(part)
        self._sizes[str(factors["cell"])] = len(rows)
        self._shared.append(factors)

    def rename(self, name: str, to: str | None) -> None:
        """Give what records have themselves in a column another name; with None it is forgotten."""
        if (column := self._own.pop(name, None)) is not None:
            names = (to if one == name else one for one in self._names)
            self._names = dict.fromkeys(one for one in names if one is not None)
            if to is not None:
                self._own[to] = column

    def of(self, cells: Iterable[str], columns: Sequence[str] | None = None) -> pd.DataFrame:
        wanted = {str(cell) for cell in cells}
        places = [place for place, cell in enumerate(self._sizes) if cell in wanted]
        names = self.columns if columns is None else columns
        if not self._sizes:
            return pd.DataFrame(columns=list(names)).convert_dtypes()
        sizes = np.fromiter(self._sizes.values(), np.intp)[places]
        return pd.DataFrame({name: self._series(name, places, sizes) for name in names}, copy=False)

    def _series(self, name: str, places: Sequence[int], sizes: NDArray[np.intp]) -> "pd.Series[Any]":
        own, shared = self._own.get(name), self._factors.get(name)
        column: pd.Series[Any]
        if own is None:
            column = pd.Series(self._factors[name].take(np.repeat(np.asarray(places, np.intp), sizes)))
        elif shared is None:
            column = own.series(places, sizes)
        else:  # a property of some examples has the name of a factor
            of_cells = [value for i, n in zip(places, sizes, strict=True) for value in [self._shared[i].get(name)] * n]
            of_items = own.series(places, sizes).astype(object)
            both = [a if pd.isna(b) else b for a, b in zip(of_cells, of_items, strict=True)]
            column = pd.Series(both, dtype=object).convert_dtypes()
        return column.astype(TYPES[name]) if name in TYPES else column

    @cached_property
    def _factors(self) -> Mapping[str, Any]:
        """What cells have in common by column, an array with an element for each cell; none where no cell has any."""
        names = dict.fromkeys(name for factors in self._shared for name in factors)
        found = {name: [factors.get(name) for factors in self._shared] for name in names}
        return {
            name: pd.Series(values).convert_dtypes().array
            for name, values in found.items()
            if name not in self._own or any(value is not None for value in values)
        }

    def _held_once(self, part: Part) -> Part:
        key = blake2b(part.dtype.char.encode() + part.tobytes(), digest_size=16).digest()
        return self._arrays.setdefault(key, part)


class _Column:
    """A column that records have themselves: its parts by the place of the cell, and the values that codes mean."""

    def __init__(self) -> None:
        self.parts: dict[int, Part] = {}
        self._codes: dict[tuple[type, Any], int] = {}
        self._whole = True

    def encoded(self, values: Sequence[Any]) -> Part | None:
        """Return the values of a cell as an array; None if there is none."""
        kinds = {type(value) for value in values} - {type(None)}
        if not kinds:
            return None
        if kinds == {float}:
            numbers = np.array(values, np.float64)
            held = (np.abs(numbers) < 2.0**63) & (numbers == np.rint(numbers))  # by a whole number of 64 bits
            self._whole &= bool((np.isnan(numbers) | held).all())
            return numbers
        codes = self._codes
        found = (-1 if value is None else codes.setdefault((type(value), value), len(codes)) for value in values)
        return np.fromiter(found, np.int32, len(values))

    def series(self, places: Sequence[int], sizes: NDArray[np.intp]) -> "pd.Series[Any]":
        """Return the values of some cells one after the other; their type is that of all cells."""
        parts = [self.parts.get(place) for place in places]
        if not self._codes:
            numbers = [np.full(n, np.nan) if part is None else part for part, n in zip(parts, sizes, strict=True)]
            joined = pd.Series(np.concatenate(numbers) if numbers else np.empty(0), dtype="Float64")
            return joined.astype("Int64") if self._whole else joined
        coded = [np.full(n, -1, np.int32) if part is None else part for part, n in zip(parts, sizes, strict=True)]
        values = pd.Series([value for _, value in self._codes]).convert_dtypes().array
        if not any(part.dtype == np.float64 for part in self.parts.values()):
            codes = np.concatenate(coded) if coded else np.empty(0, np.int32)
            return pd.Series(values.take(codes.astype(np.intp), allow_fill=True))
        mixed = [
            value
            for part in coded
            for value in (part if part.dtype == np.float64 else values.take(part.astype(np.intp), allow_fill=True))
        ]
        return pd.Series(mixed, dtype=object).convert_dtypes()
