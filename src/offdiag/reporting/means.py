"""Mean accuracy of the replicates (draws) of one learner in one column of the matrix, as text."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from offdiag.analyses.answer_grids import answer_grids
from offdiag.analyses.frames import Frames
from offdiag.analyses.seed_variance import common_variance
from offdiag.reporting.cell_texts import SHADES, CellText, ResultText
from offdiag.reporting.wording import known, number, percent, percents, points
from offdiag.stats import UNKNOWN, Estimate
from offdiag.stats.learner_difference import learner_difference
from offdiag.stats.means import mean_interval
from offdiag.stats.replicated import accuracy


def mean_of(texts: Sequence[CellText], frames: Frames) -> ResultText | None:
    """Return the mean of several replicates with intervals over replicates and items; None where none is done.

    ``count`` is that of the items of each draw, and how many draws are done where some are not.
    """
    names = [cell.name for cell in texts if cell.shade is not None]
    if not names:
        return None
    cells = frames.cells[frames.cells["cell"].isin(names)]
    base = _baseline(cells, frames)
    grids, clusters = answer_grids([cells] if base is None else [cells, base], frames, {}, "matrix")
    pooled = common_variance(cells)
    mean, low, high = accuracy(grids[0], clusters=clusters, pooled=pooled)[:3]
    alone = UNKNOWN if pooled is None else accuracy(grids[0], clusters=clusters)
    difference = UNKNOWN
    if base is not None:
        fixed = (False, bool(base["seed"].isna().all()))
        difference = learner_difference(
            grids[0], grids[1], untrained=fixed, clusters=clusters, pooled=pooled
        ).difference
    lacking = f"{len(names)} of {len(texts)} draws · " if len(names) < len(texts) else ""
    return ResultText(
        shade=round(mean * SHADES),
        accuracy=percent(mean),
        interval=percents(low, high),
        alone=percents(alone.low, alone.high) if pooled is not None else "",
        count=f"{lacking}n = {_range((~np.isnan(grids[0])).sum(axis=1).tolist())}",
        unparsed=_unparsed(cells),
        error=_error(cells),
        one_answer=_one_answer(cells),
        difference="" if base is None else _points(difference),
        p_value=difference.p_value if known(difference.p_value) else None,
    )


def _baseline(cells: pd.DataFrame, frames: Frames) -> pd.DataFrame | None:
    """Return the one cell that all replicates are compared with; None where there is none."""
    names = cells["baseline"].dropna().unique().tolist()
    base = frames.cells[frames.cells["cell"].isin(names)]
    return base if len(base) == 1 and cells["difference"].notna().all() else None


def _one_answer(cells: pd.DataFrame) -> str:
    """Return in how many draws the model gives one answer to all items."""
    n = int(cells["one_answer"].fillna(False).astype(bool).sum()) if "one_answer" in cells else 0
    return f"one answer for all items in {n} of {len(cells)} draws" if n else ""


def _points(difference: Estimate) -> str:
    return f"{points(difference.value)} [{points(difference.low)}, {points(difference.high)}]"


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
