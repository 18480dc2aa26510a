"""Mean accuracy of the replicates (draws) of one learner in one column of the matrix, as text."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from offdiag.analyses.frames import Frames
from offdiag.analyses.mean_accuracy import answer_grids, mean_accuracy
from offdiag.reporting.cell_texts import SHADES, CellText, ResultText
from offdiag.reporting.wording import known, number, percent, percents, points
from offdiag.stats import FloatArray
from offdiag.stats.learner_difference import learner_difference
from offdiag.stats.means import mean_interval


def mean_of(texts: Sequence[CellText], frames: Frames) -> ResultText | None:
    """Return the mean of several replicates with intervals over replicates and items; None where none is done.

    ``count`` is that of the items of each draw, and how many draws are done where some are not.
    """
    names = [cell.name for cell in texts if cell.shade is not None]
    if not names:
        return None
    cells = frames.cells[frames.cells["cell"].isin(names)]
    base = _baseline(cells, frames)
    grids = answer_grids([cells] if base is None else [cells, base], frames, {}, "matrix")
    mean, low, high = mean_accuracy(grids[0], ("matrix", *names))[:3]
    difference, clear = ("", False) if base is None else _difference(grids[0], grids[1], names)
    lacking = f"{len(names)} of {len(texts)} draws · " if len(names) < len(texts) else ""
    return ResultText(
        shade=round(mean * SHADES),
        accuracy=percent(mean),
        interval=percents(low, high),
        count=f"{lacking}n = {_range((~np.isnan(grids[0])).sum(axis=1).tolist())}",
        unparsed=_unparsed(cells),
        error=_error(cells),
        difference=difference,
        clear=clear,
    )


def _baseline(cells: pd.DataFrame, frames: Frames) -> pd.DataFrame | None:
    """Return the one cell that all replicates are compared with; None where there is none."""
    names = cells["baseline"].dropna().unique().tolist()
    base = frames.cells[frames.cells["cell"].isin(names)]
    return base if len(base) == 1 and cells["difference"].notna().all() else None


def _difference(ours: FloatArray, theirs: FloatArray, names: Sequence[str]) -> tuple[str, bool]:
    """Return the difference paired on items, as text, and whether its interval leaves out zero."""
    found = learner_difference(ours, theirs, untrained=(False, len(theirs) == 1)).difference
    return f"{points(found.value)} [{points(found.low)}, {points(found.high)}]", found.low > 0 or found.high < 0


def _unparsed(cells: pd.DataFrame) -> str:
    n = int(cells["n_unparsed"].sum())
    return f"{percent(n / cells['n'].sum())} %" if n else ""


def _error(cells: pd.DataFrame) -> str:
    """Return the mean of the replicates' median errors with its t-interval; empty where answers have no error."""
    if "median_error" not in cells or len(cells) < 2:
        return ""
    found = mean_interval(cells["median_error"].to_numpy(np.float64, na_value=np.nan))
    if not known(float(found.low)):
        return ""
    return f"{number(float(found.mean))} [{number(max(0.0, float(found.low)))}, {number(float(found.high))}]"


def _range(values: Sequence[int]) -> str:
    low, high = min(values), max(values)
    return str(low) if low == high else f"{low}–{high}"
