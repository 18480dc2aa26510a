"""Accuracy, or its difference to the baseline, of one cell or of the same cell under several seeds."""

import math
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np

from offdiag.analyses.selection import DONE, one_per, state_of
from offdiag.errors import UserError
from offdiag.stats import FloatArray, hierarchical_bootstrap

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = {"accuracy": ("ci_low", "ci_high"), "difference": ("diff_low", "diff_high")}


class CellEstimate(NamedTuple):
    """A value with its interval, or the reason that there is none.

    Attributes:
        value, low, high: NaN where no cell is done.
        state: ``done``; otherwise the state of the cells (``failed`` before all others), or ``no baseline``.
        n_done, n_planned: finished and planned cells, one per seed.
        n_items: planned items of a cell.
        by_seed: the values of the finished cells.
    """

    value: float
    low: float
    high: float
    state: str
    n_done: int
    n_planned: int
    n_items: int
    by_seed: tuple[float, ...] = ()


def estimate(
    cells: "pd.DataFrame", records: "pd.DataFrame", quantity: Literal["accuracy", "difference"] = "accuracy"
) -> CellEstimate:
    """Return the accuracy, or the paired difference to the baseline, of cells that differ only in their seed.

    One finished cell keeps its own interval (Wilson, or paired); several are averaged, with the hierarchical bootstrap
    over seeds and items of ``records``.

    Raises:
        UserError: no cell, two cells of one seed, or a finished cell without records.
    """
    if cells.empty:
        raise UserError(f"{quantity}: no cell is selected, expected one for each seed: choose others with where=")
    one_per(cells, ("seed",), quantity)
    n_items = int(cells["n_planned"].max())
    done = cells[(cells["state"] == DONE) & cells[quantity].notna()]
    if done.empty:
        return CellEstimate(
            math.nan, math.nan, math.nan, state_of(cells["state"], "no baseline"), 0, len(cells), n_items
        )
    if len(done) == 1:
        value, low, high = (float(done[name].iloc[0]) for name in (quantity, *COLUMNS[quantity]))
    else:
        names = tuple(sorted(done["cell"].astype(str)))
        result = hierarchical_bootstrap(_grid(done, records, quantity), names=(quantity, *names))
        value, low, high = result.mean, result.low, result.high
    return CellEstimate(value, low, high, DONE, len(done), len(cells), n_items, tuple(done[quantity].astype(float)))


def _grid(done: "pd.DataFrame", records: "pd.DataFrame", quantity: str) -> FloatArray:
    """Return verdicts, or their differences to the baseline's, ``[seeds, items]``; NaN where an item is not shared."""
    wanted = {*done["cell"], *(done["baseline"] if quantity == "difference" else ())}
    absent = wanted - set(records["cell"])
    if absent:
        raise UserError(f"no records of {', '.join(sorted(map(str, absent)))}: an average over seeds needs them")
    found = records[records["cell"].isin(wanted)]
    wide = found.assign(correct=found["correct"].astype(float)).pivot(index="cell", columns="example", values="correct")
    grid = wide.loc[done["cell"].tolist()].to_numpy(np.float64)
    if quantity == "difference":
        grid = grid - wide.loc[done["baseline"].tolist()].to_numpy(np.float64)
    return np.asarray(grid, np.float64)
