"""The two frames of a study as analyses and figures take them."""

import pandas as pd

from offdiag.analyses import Frames


def framed(cells: pd.DataFrame, records: pd.DataFrame) -> Frames:
    return Frames(cells=cells, records=records)


def unwrapped(words: str) -> str:
    """Words of a figure in one line, wherever they were broken to fit its width."""
    return " ".join(words.split())
