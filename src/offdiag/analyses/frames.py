"""The frames that analyses and figures read: the results of a study, and nothing else."""

from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Protocol

import numpy as np
import numpy.typing as npt

from offdiag.errors import UserError

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


@dataclass(frozen=True, kw_only=True)
class Frames:
    """The frames of a study; what is missing or failed is a row like the others.

    Attributes:
        cells: one row per planned cell. records: one row per answered example. Their columns are listed at
            :mod:`offdiag.columns`.
        measurements: by the name of the table, one frame for all measurements of a kind: the factors of each
            measurement, ``measurement`` (its name), ``state`` (done, missing, failed) and the columns that it
            measured; a measurement that is not done is one row in which those are NA.
    """

    cells: "pd.DataFrame"
    records: "pd.DataFrame"
    measurements: "Mapping[str, pd.DataFrame]" = field(default_factory=dict)

    @cached_property
    def _places(self) -> Mapping[str, npt.NDArray[np.intp]]:
        if self.records.empty:
            return {}
        found = self.records.groupby("cell", sort=False).indices
        return {str(cell): np.asarray(rows) for cell, rows in found.items()}

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

    def answers(self, cells: Iterable[str]) -> "pd.DataFrame":
        """Return the records of these cells, each once, in the order of the frame."""
        places = [self._places[cell] for cell in dict.fromkeys(cells) if cell in self._places]
        return self.records.iloc[np.sort(np.concatenate(places))] if places else self.records.iloc[:0]

    def measured(self, table: str) -> "pd.DataFrame":
        """Return the frame of one kind of measurement.

        Raises:
            UserError: the study measures nothing of that name.
        """
        if table not in self.measurements:
            known = ", ".join(self.measurements) or "nothing"
            raise UserError(f"no measurement {table!r} in this study: it measures {known}")
        return self.measurements[table]
