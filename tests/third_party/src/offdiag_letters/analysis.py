"""The analysis: mean surprise by model and length of the words."""

from typing import TYPE_CHECKING, ClassVar

from offdiag.analyses import Frames, StudyAnalysis

if TYPE_CHECKING:
    import pandas as pd


class MeanSurprise(StudyAnalysis):
    """The mean over all words that were measured, in nats."""

    tag: ClassVar[str] = "letters-mean-surprise"
    terminal_columns: ClassVar[tuple[str, ...]] = ("model", "length", "nats")

    def table(self, frames: Frames) -> "pd.DataFrame":
        measured = frames.measured("word_surprise")
        done = measured[measured["state"] == "done"]  # what is missing or failed is a row, too
        return done.groupby(["model", "length"], as_index=False)[["nats"]].mean() if len(done) else done
