"""The frames that analyses and figures read: the results of a study, and nothing else."""

from abc import ABC, abstractmethod
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import numpy.typing as npt

from offdiag.analyses.selection import DONE
from offdiag.errors import NotPlannedError, UserError

if TYPE_CHECKING:
    import pandas as pd


def scores_of(records: "pd.DataFrame") -> "pd.Series[float]":
    """Return what each answered item is worth, from 0 to 1; where it is right or wrong, 1 or 0."""
    return records["score" if "score" in records else "correct"].astype(float)


class Analysis(Protocol):
    """The part of an analysis that :meth:`Frames.table` uses."""

    @property
    def table_key(self) -> Hashable:
        """Return a key that is equal for analyses with the same table of the same frames."""

    def table(self, frames: "Frames") -> "pd.DataFrame":
        """Compute the table."""

    def why_empty(self, frames: "Frames") -> str:
        """Return why the table has no rows."""


AT_ONCE = 10_000  # records


class Records(ABC):
    """The records of a study, of which a frame is made when it is asked for: all of them may not fit into memory."""

    @property
    @abstractmethod
    def columns(self) -> Sequence[str]:
        """Names of the columns of every frame."""

    @property
    @abstractmethod
    def sizes(self) -> Mapping[str, int]:
        """Number of records of each cell that has any, in their order."""

    @abstractmethod
    def of(self, cells: Iterable[str], columns: Sequence[str] | None = None) -> "pd.DataFrame":
        """Return the records of these cells, each once, in the order of all records; of all columns, or of some."""

    def parts(self, columns: Sequence[str] | None = None) -> "Iterator[pd.DataFrame]":
        """Yield all records, whole cells at a time: one, or as many as have together no more than some thousands."""
        chosen: list[str] = []
        n = 0
        for cell, size in self.sizes.items():
            if chosen and n + size > AT_ONCE:
                yield self.of(chosen, columns)
                chosen, n = [], 0
            chosen.append(cell)
            n += size
        if chosen:
            yield self.of(chosen, columns)


class FramedRecords(Records):
    """Records that are a frame already."""

    def __init__(self, frame: "pd.DataFrame") -> None:
        self.frame = frame

    @property
    def columns(self) -> Sequence[str]:
        return [str(name) for name in self.frame]

    @cached_property
    def sizes(self) -> Mapping[str, int]:
        return {cell: len(rows) for cell, rows in self._places.items()}

    def of(self, cells: Iterable[str], columns: Sequence[str] | None = None) -> "pd.DataFrame":
        places = [self._places[cell] for cell in dict.fromkeys(cells) if cell in self._places]
        chosen = self.frame.iloc[np.sort(np.concatenate(places))] if places else self.frame.iloc[:0]
        return chosen if columns is None else chosen[list(columns)]

    @cached_property
    def _places(self) -> Mapping[str, npt.NDArray[np.intp]]:
        if self.frame.empty:
            return {}
        found = self.frame.groupby("cell", sort=False).indices
        return {str(cell): np.asarray(rows) for cell, rows in found.items()}


class _ReadOnUse:
    """The field ``records`` of :class:`Frames`: whoever reads it has one frame of all of them made."""

    def __get__(self, frames: "Frames | None", owner: type) -> "pd.DataFrame":
        if frames is None:
            raise AttributeError("records")  # a dataclass asks its fields for a default: there is none
        if "_frame" not in frames.__dict__:
            held = frames.held
            frames.__dict__["_frame"] = held.frame if isinstance(held, FramedRecords) else held.of(held.sizes)
        found: pd.DataFrame = frames.__dict__["_frame"]
        return found

    def __set__(self, frames: "Frames", given: Any) -> None:  # a frame or records; what is read is always a frame
        frames.__dict__["held"] = given if isinstance(given, Records) else FramedRecords(given)


def noted(said: str) -> "pd.DataFrame":
    """Return what stands for a table that has no rows: a ``note`` that says why."""
    import pandas as pd

    return pd.DataFrame({"note": [said]})


@dataclass(frozen=True, kw_only=True)
class Frames:
    """The frames of a study; what is missing or failed is a row like the others.

    Attributes:
        cells: one row per planned cell. records: one row per answered example. Their columns are listed at
            :mod:`offdiag.columns`. ``records`` is made when it is first read, and may be large: who needs some cells or
            columns of it asks ``held``, or :meth:`answers`.
        held: the same records without a frame.
        measurements: by the name of the table, one frame for all measurements of a kind: the factors of each
            measurement, ``measurement`` (its name), ``state`` (done, missing, failed) and the columns that it
            measured; a measurement that is not done is one row in which those are NA.
    """

    cells: "pd.DataFrame"
    records: _ReadOnUse = _ReadOnUse()
    measurements: "Mapping[str, pd.DataFrame]" = field(default_factory=dict)

    @property
    def held(self) -> Records:
        """Return the records, of which no frame is made."""
        found: Records = self.__dict__["held"]
        return found

    @cached_property
    def _tables(self) -> "dict[Hashable, pd.DataFrame]":
        return {}

    def table(self, analysis: Analysis) -> "pd.DataFrame":
        """Return the table of an analysis, computed once for all callers.

        Each caller gets a (lazy) copy, so that its changes do not reach the others.

        Raises:
            UserError: what the analysis returns is no frame.
        """
        import pandas as pd

        key = analysis.table_key
        if key not in self._tables:
            found: object = analysis.table(self)
            if not isinstance(found, pd.DataFrame):
                raise UserError(
                    f"{type(analysis).__qualname__}.table returns {type(found).__name__}: expected a pandas DataFrame, "
                    "an empty one where nothing is measured"
                )
            self._tables[key] = found
        return self._tables[key].copy(deep=False)

    def table_or_note(self, analysis: Analysis) -> "pd.DataFrame":
        """Return the table of an analysis, or one row with a ``note`` that says why there is none.

        Either what it reads was not planned, or it has no rows.

        Raises:
            UserError: as for :meth:`table`.
        """
        try:
            return self.rows_or_note(analysis)
        except NotPlannedError as error:
            return noted(f"not planned: {error}")

    def rows_or_note(self, analysis: Analysis) -> "pd.DataFrame":
        """Return the table of an analysis, or where it has no rows one with a ``note`` that says why.

        Raises:
            NotPlannedError: what it reads was not planned.
            UserError: as for :meth:`table`.
        """
        found = self.table(analysis)
        return found if len(found) else noted(f"empty: {analysis.why_empty(self)}")

    @property
    def lacks(self) -> str:
        """Why no table can have rows: nothing is planned, or done; an empty text where something is done."""
        frames = [self.cells, *self.measurements.values()]
        if not any(map(len, frames)):
            return "nothing is planned"
        done = any((frame["state"] == DONE).any() for frame in frames if "state" in frame)
        return "" if done else "nothing is done yet"

    def answers(self, cells: Iterable[str], columns: Sequence[str] | None = None) -> "pd.DataFrame":
        """Return the records of these cells, each once, in the order of ``records``; of all columns, or of some."""
        return self.held.of(cells, columns)

    def measured(self, table: str) -> "pd.DataFrame":
        """Return the frame of one kind of measurement.

        Raises:
            NotPlannedError: the study measures nothing of that name.
        """
        if table not in self.measurements:
            known = ", ".join(self.measurements) or "nothing"
            raise NotPlannedError(f"no measurement {table!r} in this study: it measures {known}")
        return self.measurements[table]
