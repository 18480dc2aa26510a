"""The scaling of widths as part of a study, and of a table that was made elsewhere."""

from typing import TYPE_CHECKING, ClassVar, Literal, TypeAlias

import numpy as np
from pydantic import Field

from offdiag.analyses.analysis import StudyAnalysis
from offdiag.analyses.columns import numbers
from offdiag.analyses.frames import Frames
from offdiag.analyses.table_analysis import TableAnalysis
from offdiag.analyses.transition import Transition
from offdiag.analyses.transition_of_table import TransitionOfTable
from offdiag.analyses.width_scaling import scaling_table

if TYPE_CHECKING:
    import pandas as pd

Counted: TypeAlias = Literal["evaluation items", "training examples", "parameters", "not stated"]


class WidthScaling(StudyAnalysis):
    """The widths of a study's transitions against A / sqrt(n), one transition a value of ``size``.

    Attributes:
        size: column with the system size n. counted: what that number counts.
        n_resamples: bootstrap resamples behind the error of each width. seed: of the bootstrap.
    """

    tag: ClassVar[str] = "width-scaling"
    size: str
    counted: Counted
    n_resamples: int = Field(default=2000, ge=0)
    seed: int = 0

    def table(self, frames: Frames) -> "pd.DataFrame":
        """See :func:`offdiag.analyses.scaling_table`; a size of which no cell is done has no width."""
        transition = Transition(
            name=self.name, where=self.where, match_on=self.match_on, series=self.size, n_resamples=self.n_resamples,
            seed=self.seed,
        )  # fmt: skip
        fits = frames.table(transition)
        return scaling_table(fits.assign(**{self.size: fits[self.size].astype(np.float64)}), self.size).assign(
            counted=self.counted
        )


class WidthScalingOfTable(TableAnalysis):
    """The width of each size's transition, and the least-squares fit W = A / sqrt(n) through them.

    The table has ``size`` (the system size n), ``k`` and ``accuracy`` and optionally ``n`` (items behind an accuracy:
    without them all widths weigh the same). A size needs at least four values of k.

    Attributes:
        counted: what ``size`` counts; it is repeated in the result.
        n: items behind each accuracy where the table does not say; 0 if that is unknown.
        resamples: of the bootstrap. level: coverage of the intervals. seed: of the bootstrap.
    """

    name: ClassVar[str] = "width-scaling"
    about: ClassVar[str] = "columns size,k,accuracy and optionally n"
    terminal_columns: ClassVar[tuple[str, ...]] = (
        "size", "counted", "width_10_90", "error", "fitted", "used", "amplitude", "r_squared", "n_sizes", "weighted",
        "n_items", "note",
    )  # fmt: skip
    counted: Counted = "not stated"
    n: int = Field(default=0, ge=0)
    resamples: int = Field(default=2000, ge=0)
    level: float = Field(default=0.95, gt=0, lt=1)
    seed: int = 0

    def analyse(self, table: "pd.DataFrame") -> "pd.DataFrame":
        """One row a size, see :func:`offdiag.analyses.scaling_table`."""
        sizes = numbers(table, "size", low=0)
        fits = TransitionOfTable(
            series=("size",), n=self.n, resamples=self.resamples, level=self.level, seed=self.seed
        ).analyse(table.assign(size=sizes.map(repr)))
        found = scaling_table(fits.assign(size=fits["series"].astype(float)), "size", self.level)
        return found.assign(counted=self.counted)
