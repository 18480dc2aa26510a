"""Accuracy, its difference to the baseline, or the loss, of one cell or of the same cell under several seeds."""

import math
from collections.abc import Hashable, Sequence
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np

from offdiag.analyses.frames import scores_of
from offdiag.analyses.seed_variance import clusters_of, common_variance
from offdiag.analyses.selection import DONE, one_method, one_per, state_of
from offdiag.errors import UserError
from offdiag.stats import Estimate, FloatArray
from offdiag.stats.components import SeedVariance
from offdiag.stats.learner_difference import LENT, difference_of_replicates, is_lent, learner_difference
from offdiag.stats.replicated import accuracy, mean_of_replicates

if TYPE_CHECKING:
    import pandas as pd

LOSS, MEAN_LOSS = "target_loss", "mean_target_loss"  # of a record, of a cell
COLUMNS = {
    "accuracy": ("ci_low", "ci_high"),
    "difference": ("diff_low", "diff_high"),
    MEAN_LOSS: ("target_loss_low", "target_loss_high"),
}


class CellEstimate(NamedTuple):
    """A value with its interval, or the reason that there is none.

    Attributes:
        value, low, high: NaN where no cell is done.
        state: ``done``; otherwise the state of the cells (``failed`` before all others), or ``no baseline``.
        n_done, n_planned: finished and planned cells, one per seed.
        n_items: planned items of a cell.
        by_seed: the values of the finished cells. p_value: of a difference, the test that there is none (mid-p).
        remark: where the interval holds more or less often than it says.
    """

    value: float
    low: float
    high: float
    state: str
    n_done: int
    n_planned: int
    n_items: int
    by_seed: tuple[float, ...] = ()
    p_value: float = math.nan
    remark: str = ""


def estimate(
    cells: "pd.DataFrame",
    records: "pd.DataFrame",
    quantity: Literal["accuracy", "difference"] = "accuracy",
    *,
    baselines: "pd.DataFrame | None" = None,
) -> CellEstimate:
    """Return the accuracy, or the paired difference to the baseline, of cells that differ only in their seed.

    One cell planned keeps its own interval, which knows its items only; of several the mean has an interval for new
    seeds and items (:func:`offdiag.stats.replicated.accuracy`, :func:`offdiag.stats.learner_difference`), with the
    variance between seeds of the cells' kind where they know it (:func:`common_variance`).

    Args:
        baselines: cells among which are those that ``cells`` are compared with. One that is not among them has no seed.

    Raises:
        UserError: no cell, two cells of one seed, or a finished cell without records.
    """
    if cells.empty:
        raise UserError(f"{quantity}: no cell is selected, expected one for each seed: choose others with where=")
    one_per(cells, ("seed",), quantity)
    one_method(cells, quantity)
    n_items = int(cells["n_planned"].max())
    done = cells[(cells["state"] == DONE) & cells[quantity].notna()]
    if done.empty:
        return CellEstimate(
            math.nan, math.nan, math.nan, state_of(cells["state"], "no baseline"), 0, len(cells), n_items
        )
    pooled, p_value, remark = common_variance(done), math.nan, ""
    if len(done) == 1 and (pooled is None or len(cells) == 1):
        value, low, high = (float(done[name].iloc[0]) for name in (quantity, *COLUMNS[quantity]))
        tested = done["p_value"].dropna() if quantity == "difference" and "p_value" in done else ()
        p_value = float(next(iter(tested), math.nan))
    elif quantity == "accuracy":
        (grid,), clusters = _grids(done, records, ("cell",), quantity)
        value, low, high = accuracy(grid, clusters=clusters, pooled=pooled)[:3]
    else:
        (value, low, high, _, p_value), remark = _difference(done, records, pooled, baselines)
    by_seed = tuple(done[quantity].astype(float))
    return CellEstimate(value, low, high, DONE, len(done), len(cells), n_items, by_seed, p_value, remark)


def loss_estimate(cells: "pd.DataFrame", records: "pd.DataFrame") -> CellEstimate:
    """Return the loss on the test set, in nats per answer, of cells that differ only in their seed.

    One cell has its own interval, over its items; the mean of several one for new seeds and items, too.

    Raises:
        UserError: no cell, two cells of one seed, or a finished cell without records.
    """
    if cells.empty:
        raise UserError("loss: no cell is selected, expected one for each seed: choose others with where=")
    one_per(cells, ("seed",), "loss")
    n_items = int(cells["n_planned"].max())
    done = cells[(cells["state"] == DONE) & cells[MEAN_LOSS].notna()]
    if done.empty:
        why = state_of(cells["state"], "no loss")
        return CellEstimate(math.nan, math.nan, math.nan, why, 0, len(cells), n_items)
    if len(done) == 1:
        value, low, high = (float(done[name].iloc[0]) for name in (MEAN_LOSS, *COLUMNS[MEAN_LOSS]))
    else:
        (grid,), clusters = _grids(done, records, ("cell",), "loss", LOSS)
        value, low, high = mean_of_replicates(grid, clusters=clusters, low=0.0)[:3]
    return CellEstimate(value, low, high, DONE, len(done), len(cells), n_items, tuple(done[MEAN_LOSS].astype(float)))


def _difference(
    done: "pd.DataFrame", records: "pd.DataFrame", pooled: SeedVariance | None, baselines: "pd.DataFrame | None"
) -> tuple[Estimate, str]:
    """Return the difference to the baseline, and a remark: to the one of all seeds, or seed by seed.

    A single baseline that was trained is one draw of many, as it is on the page.
    """
    (ours, theirs), clusters = _grids(done, records, ("cell", "baseline"), "difference")
    if done["baseline"].nunique() > 1:
        return difference_of_replicates(ours - theirs, clusters=clusters), ""
    theirs, untrained = theirs[:1], (False, True)
    if baselines is not None:
        base = baselines[baselines["cell"].isin(done["baseline"])]
        untrained = (False, bool(base["seed"].isna().all()))
        if pooled is None and not untrained[1]:
            pooled = common_variance(base)
    found = learner_difference(ours, theirs, untrained=untrained, clusters=clusters, pooled=pooled)
    return found.difference, LENT if is_lent(ours, theirs, untrained, pooled) else ""


def _grids(
    done: "pd.DataFrame", records: "pd.DataFrame", columns: Sequence[str], quantity: str, values: str = ""
) -> tuple[list[FloatArray], list[Hashable] | None]:
    """Return verdicts ``[seeds, items]`` of the cells that each column names, and the clusters of the items.

    Instead of verdicts, these are ``values`` of the records, if any are named.
    """
    wanted = {name for column in columns for name in done[column]}
    absent = wanted - set(records["cell"])
    if absent:
        raise UserError(f"no records of {', '.join(sorted(map(str, absent)))}: an average over seeds needs them")
    found = records[records["cell"].isin(wanted)]
    score = found[values] if values else scores_of(found)
    wide = found.assign(score=score).pivot(index="cell", columns="example", values="score")
    grids = [wide.loc[done[column].tolist()].to_numpy(np.float64) for column in columns]
    return grids, clusters_of(found, wide.columns.tolist())
