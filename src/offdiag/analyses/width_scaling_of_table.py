"""The command ``offdiag analyse width-scaling``: widths of transitions against system size, from a table."""

from typing import TYPE_CHECKING, ClassVar, Literal, TypeAlias

from pydantic import Field

from offdiag.analyses.columns import numbers
from offdiag.analyses.table_analysis import TableAnalysis
from offdiag.analyses.transition_of_table import TransitionOfTable
from offdiag.analyses.width_scaling import scaling_table
from offdiag.stats.bootstrap import MOST_RESAMPLES

if TYPE_CHECKING:
    import pandas as pd

CountedAs: TypeAlias = Literal["evaluation items", "training examples", "parameters", "not stated"]


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
    counted: CountedAs = "not stated"
    n: int = Field(default=0, ge=0)
    resamples: int = Field(default=2000, ge=0, le=MOST_RESAMPLES)
    level: float = Field(default=0.95, gt=0, lt=1)
    seed: int = 0

    def analyse(self, table: "pd.DataFrame") -> "pd.DataFrame":
        """Return one row per size, see :func:`offdiag.analyses.scaling_table`."""
        sizes = numbers(table, "size", low=0)
        fits = TransitionOfTable(
            series=("size",), n=self.n, resamples=self.resamples, level=self.level, seed=self.seed
        ).analyse(table.assign(size=sizes.map(repr)))
        scaling = scaling_table(fits.assign(size=fits["series"].astype(float)), "size", self.level)
        return scaling.assign(counted=self.counted)
