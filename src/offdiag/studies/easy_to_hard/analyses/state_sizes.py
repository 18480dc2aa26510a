"""What hidden states were kept, of which models and data."""

from typing import TYPE_CHECKING, ClassVar

from offdiag.analyses.analysis import StudyAnalysis
from offdiag.analyses.frames import Frames

if TYPE_CHECKING:
    import pandas as pd

TABLE = "states"


class StatesKept(StudyAnalysis):
    """The shape and size of the states of each model, data set and layer."""

    tag: ClassVar[str] = "states-kept"
    terminal_columns: ClassVar[tuple[str, ...]] = (
        *("model", "eval_dataset", "state", "layer", "block", "items", "choices", "width", "norm", "norm_sd"),
        "largest",
    )

    def table(self, frames: Frames) -> "pd.DataFrame":
        """The rows of :class:`offdiag.measurements.StateSizes`; what is not done is a row without numbers."""
        found = frames.measured(TABLE)
        return found[[name for name in self.terminal_columns if name in found]]
