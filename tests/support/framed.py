"""The two frames of a study as analyses and figures take them."""

import pandas as pd

from offdiag.analyses import Frames


def framed(cells: pd.DataFrame, records: pd.DataFrame) -> Frames:
    return Frames(cells=cells, records=records)
