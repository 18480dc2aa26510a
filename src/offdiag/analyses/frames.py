"""What analyses and figures read: the results of a study as pandas frames, and nothing else."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from offdiag.errors import UserError

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, kw_only=True)
class Frames:
    """The frames of a study; what is missing or failed is a row like the others.

    Attributes:
        cells: one row a planned cell. records: one row an answered example. Their columns are listed at
            :class:`offdiag.results.Results`.
        measurements: by the name of the table, one frame for all measurements of a kind: the factors of each
            measurement, ``measurement`` (its name), ``state`` (done, missing, failed) and the columns that it
            measured; a measurement that is not done is one row in which those are NA.
    """

    cells: "pd.DataFrame"
    records: "pd.DataFrame"
    measurements: "Mapping[str, pd.DataFrame]" = field(default_factory=dict)

    def measured(self, table: str) -> "pd.DataFrame":
        """The frame of one kind of measurement.

        Raises:
            UserError: the study measures nothing of that name.
        """
        if table not in self.measurements:
            known = ", ".join(self.measurements) or "nothing"
            raise UserError(f"no measurement {table!r} in this study: it measures {known}")
        return self.measurements[table]
