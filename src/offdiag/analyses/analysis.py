"""The contract of an analysis that a study asks for: frames in, one frame out, nothing else."""

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

from offdiag.identity import Identity

if TYPE_CHECKING:
    import pandas as pd


class StudyAnalysis(Identity, ABC):
    """An analysis with its settings.

    Attributes:
        name: slug of the table's file. caption: what the table says, for the report.
    """

    name: str
    caption: str

    @abstractmethod
    def table(self, cells: "pd.DataFrame", records: "pd.DataFrame") -> "pd.DataFrame":
        """The table, from the frames of :class:`offdiag.results.Results`; empty frames give an empty table."""
