"""Shape and size of the hidden states that the study hidden-states keeps."""

from typing import TYPE_CHECKING, ClassVar

from offdiag.analyses.analysis import StudyAnalysis
from offdiag.analyses.frames import Frames

if TYPE_CHECKING:
    import pandas as pd

TABLE = "states"


class SavedActivations(StudyAnalysis):
    """The shape and size of the hidden states per model, data set and layer."""

    tag: ClassVar[str] = "states-kept"
    terminal_columns: ClassVar[tuple[str, ...]] = (
        *("model", "eval_dataset", "state", "layer", "block", "items", "choices", "width", "norm", "norm_sd"),
        "largest",
    )

    def table(self, frames: Frames) -> "pd.DataFrame":
        """Return one row per model, data set and layer; what is not done is a row without numbers.

        The columns are those of :class:`offdiag.studies.easy_to_hard.measurements.state_sizes.StateSizes`: ``layer``
        and ``block`` (from 1), ``items``, ``choices`` (the most of an item), ``width`` (components of a state),
        ``norm`` and ``norm_sd`` (mean and standard deviation of the Euclidean norm) and ``largest`` (component).
        """
        sizes = frames.measured(TABLE)
        return sizes[[name for name in self.terminal_columns if name in sizes]]
