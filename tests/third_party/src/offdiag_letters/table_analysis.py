"""The table analysis: accuracy by the length of the words, from a table that was made elsewhere."""

from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from offdiag.analyses import TableAnalysis, truths
from offdiag.errors import UserError
from offdiag.stats import wilson

if TYPE_CHECKING:
    import pandas as pd


class AccuracyByLength(TableAnalysis):
    """One row per length of the words, with Wilson's interval. Its fields are what ``--set level=0.9`` sets."""

    name: ClassVar[str] = "accuracy-by-length"
    about: ClassVar[str] = "columns word,correct"
    terminal_columns: ClassVar[tuple[str, ...]] = ("length", "n", "accuracy")
    tag: ClassVar[str] = "letters-accuracy-by-length"
    level: float = Field(default=0.95, gt=0, lt=1)

    def analyse(self, table: "pd.DataFrame") -> "pd.DataFrame":
        import pandas as pd

        if "word" not in table:
            raise UserError(f"no column 'word': the table has {', '.join(table.columns)}")
        answers = table.assign(length=table["word"].str.len(), correct=truths(table, "correct"))
        counts = answers.groupby("length")["correct"]
        found = pd.DataFrame({"n": counts.size(), "n_correct": counts.sum()}).reset_index()
        low, high = wilson(found["n_correct"], found["n"], self.level)
        return found.assign(accuracy=found["n_correct"] / found["n"], accuracy_low=low, accuracy_high=high)
