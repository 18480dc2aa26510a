"""Mean accuracy of the replicates (draws) of one learner in one column of the matrix, as text."""

from collections.abc import Hashable, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from offdiag.analyses.answer_grids import answer_grids
from offdiag.analyses.frames import Frames
from offdiag.analyses.seed_variance import common_variance
from offdiag.errors import some
from offdiag.reporting.cell_texts import GUESSED, SHADES, CellText, ResultText, guess_of
from offdiag.reporting.wording import known, number, percent, percents, points
from offdiag.stats import UNKNOWN, Estimate, FloatArray
from offdiag.stats.components import SeedVariance
from offdiag.stats.learner_difference import learner_difference
from offdiag.stats.means import mean_interval
from offdiag.stats.replicated import accuracy


class LearnerEstimates(NamedTuple):
    """What the draws of one learner measured together, for new draws and new items.

    Attributes:
        accuracy: with the interval by the variance that arms have in common, where they have one; alone: by the
            variance between its own draws, unknown where that is the same. difference: to the other learner.
        grids: verdicts ``[draws, items]`` of this learner, and of the other one.
        clusters: of the items. pooled: the variance between draws in common.
    """

    accuracy: Estimate
    alone: Estimate
    difference: Estimate
    grids: list[FloatArray]
    clusters: list[Hashable] | None
    pooled: SeedVariance | None


def learner_estimates(
    cells: pd.DataFrame, other: pd.DataFrame | None, frames: Frames, untrained: tuple[bool, bool] = (False, False)
) -> LearnerEstimates:
    """Return mean accuracy and difference of a learner in one column of the matrix, from its finished cells.

    Args:
        cells: of its draws. other: those of the learner that it is compared with. untrained: which of the two has no
            draws, so that what it measured says all of it.
    """
    grids, clusters = answer_grids([cells] if other is None else [cells, other], frames, {}, "matrix")
    pooled = None if untrained[0] else common_variance(cells)
    if pooled is None and other is not None and not untrained[1]:
        pooled = common_variance(other)
    difference = UNKNOWN
    if other is not None:
        difference = learner_difference(
            grids[0], grids[1], untrained=untrained, clusters=clusters, pooled=pooled
        ).difference
    own = common_variance(cells)
    found = accuracy(grids[0], clusters=clusters, pooled=own)
    alone = UNKNOWN if own is None else accuracy(grids[0], clusters=clusters)
    return LearnerEstimates(found, alone, difference, grids, clusters, pooled)


def mean_of(texts: Sequence[CellText], frames: Frames) -> ResultText | None:
    """Return the mean of several replicates with intervals over replicates and items; None where none is done.

    ``count`` is that of the items of each draw, and how many draws are done where some are not.
    """
    names = [cell.name for cell in texts if cell.shade is not None]
    if not names:
        return None
    cells = frames.cells[frames.cells["cell"].isin(names)]
    base = _baseline(cells, frames)
    fixed = base is not None and bool(base["seed"].isna().all())
    found = learner_estimates(cells, base, frames, (False, fixed))
    difference, alone = found.difference, found.alone
    guessed = {name: float(cells[name].mean()) for name in GUESSED if name in cells and cells[name].notna().all()}
    lacking = f"{len(names)} of {some(len(texts), 'draw')} · " if len(names) < len(texts) else ""
    return ResultText(
        shade=round(found.accuracy.value * SHADES),
        accuracy=percent(found.accuracy.value),
        interval=percents(found.accuracy.low, found.accuracy.high),
        alone="" if np.isnan(alone.value) else percents(alone.low, alone.high),
        count=f"{lacking}n = {_range((~np.isnan(found.grids[0])).sum(axis=1).tolist())}",
        unparsed=_unparsed(cells),
        error=_error(cells),
        guess=guess_of(guessed),
        chance=guessed.get("chance"),
        one_answer=_one_answer(cells),
        difference="" if base is None else _points(difference),
        p_value=difference.p_value if known(difference.p_value) else None,
        estimates={"accuracy": found.accuracy, "difference": difference},
    )


def _baseline(cells: pd.DataFrame, frames: Frames) -> pd.DataFrame | None:
    """Return the one cell that all replicates are compared with; None where there is none."""
    names = cells["baseline"].dropna().unique().tolist()
    base = frames.cells[frames.cells["cell"].isin(names)]
    return base if len(base) == 1 and cells["difference"].notna().all() else None


def _one_answer(cells: pd.DataFrame) -> str:
    """Return in how many draws the model gives one answer to all items, or nearly all."""
    n = int(cells["one_answer"].fillna(False).astype(bool).sum()) if "one_answer" in cells else 0
    return f"one answer for 95 to 100 % of the items in {n} of {some(len(cells), 'draw')}" if n else ""


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
