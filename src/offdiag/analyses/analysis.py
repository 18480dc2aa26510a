"""The contract of an analysis: frames in, one frame out, nothing else."""

from abc import ABC, abstractmethod
from collections.abc import Hashable, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from offdiag.analyses.frames import Frames
from offdiag.identity import Identity, canonical_json
from offdiag.registry import Registry

if TYPE_CHECKING:
    import pandas as pd


class StudyAnalysis(Identity, ABC):
    """Base of an analysis; its fields are its settings.

    Attributes:
        takes_scores: whether it also takes items that are more than right or wrong (column ``score``); one that counts
            right answers does not, and is refused where such cells are among its own.
        terminal_columns: the columns that the terminal shows after a run; without any the table is in the report only.
        name: slug of the table's file. caption: what the table says, for the report.
        where: column -> value; only those rows are analysed. See :func:`offdiag.analyses.select`.
        match_on: domain parameters on which training and evaluation must agree, e.g. ``("base",)``.
    """

    takes_scores: ClassVar[bool] = False
    terminal_columns: ClassVar[tuple[str, ...]] = ()
    name: str = Field(pattern=r"^[a-z0-9][a-z0-9._-]*$")
    caption: str = ""
    where: Mapping[str, str | int | float | bool] = {}
    match_on: tuple[str, ...] = ()

    @cached_property
    def table_key(self) -> Hashable:
        """Return all that the table depends on besides the frames: type and settings, not the name."""
        settings = {name: getattr(self, name) for name in type(self).model_fields if name not in ("name", "caption")}
        return type(self), canonical_json(settings)

    @abstractmethod
    def table(self, frames: Frames) -> "pd.DataFrame":
        """Compute the table from frames of a run at any state; empty frames give an empty table.

        Whoever wants the table of another analysis asks :meth:`Frames.table`, which computes it once for all. It does
        not depend on ``name`` and ``caption``.
        """

    def why_empty(self, frames: Frames) -> str:
        """Return why the table of these frames has no rows, in a line that a person reads in its place."""
        return frames.lacks or "nothing that is done has all that this table compares"


ANALYSES = Registry[type[StudyAnalysis]]("analysis", "offdiag.analyses", StudyAnalysis)
