"""The contract of an analysis that a study asks for: frames in, one frame out, nothing else."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from offdiag.analyses.frames import Frames
from offdiag.identity import Identity
from offdiag.registry import Registry

if TYPE_CHECKING:
    import pandas as pd


class StudyAnalysis(Identity, ABC):
    """An analysis with its settings.

    Attributes:
        terminal_columns: the columns that the terminal shows after a run; without any the table is in the report only.
        name: slug of the table's file. caption: what the table says, for the report.
        where: column -> value; only those rows are analysed. See :func:`offdiag.analyses.select`.
        match_on: domain parameters on which training and evaluation must agree, e.g. ``("base",)``.
    """

    terminal_columns: ClassVar[tuple[str, ...]] = ()
    name: str = Field(pattern=r"^[a-z0-9][a-z0-9._-]*$")
    caption: str = ""
    where: Mapping[str, str | int | float | bool] = {}
    match_on: tuple[str, ...] = ()

    @abstractmethod
    def table(self, frames: Frames) -> "pd.DataFrame":
        """The table, from the frames of a study at whatever state its run is; empty frames give an empty table."""


ANALYSES = Registry[type[StudyAnalysis]]("analysis", "offdiag.analyses", StudyAnalysis)
