"""Paired differences of the rows of the matrix, for the page: each two learners in each column that both have."""

from collections import defaultdict
from collections.abc import Hashable, Iterator, Mapping, Sequence, Set
from functools import lru_cache
from itertools import islice
from typing import NamedTuple

import numpy as np
import pandas as pd

from offdiag.analyses.answer_grids import answer_grids
from offdiag.analyses.frames import Frames
from offdiag.analyses.seed_variance import common_variance
from offdiag.identity import Json
from offdiag.reporting.matrix import GridCell, MatrixRow
from offdiag.stats import FloatArray, holm
from offdiag.stats.components import SeedVariance
from offdiag.stats.learner_difference import LENT, is_lent, learner_difference
from offdiag.stats.paired import PairedDifference, paired_from_counts

MOST = 600  # differences of a page, those of rows close to each other first


class _Learner(NamedTuple):
    """Verdicts of a learner in one column, its planned draws, whether it has a seed, and the variance of its kind."""

    grid: FloatArray
    planned: int
    seeded: bool
    common: SeedVariance | None


def pairs(rows: Sequence[MatrixRow], frames: Frames, most: int = MOST) -> Json:
    """Return for two rows, ``"3 7"``, a list of ``[column, n, difference, low, high, p, remark, p_holm]``.

    The difference is first minus second; the remark is empty, or says how often such an interval holds.

    They are the numbers of :func:`offdiag.stats.learner_difference.learner_difference`: two learners of one draw each
    are compared as these very models (mid-p McNemar, Tango's interval), others for new draws and new items. Holm's
    adjustment is for the columns of the two rows.
    """
    recorded = set(frames.held.sizes)
    n_columns = len(rows[0].grid_cells) if rows else 0
    done = [[i for i, row in enumerate(rows) if _done(row.grid_cells[c], recorded)] for c in range(n_columns)]
    chosen: defaultdict[int, list[tuple[int, int]]] = defaultdict(list)
    for column, i, j in islice(_closest_first(done), most):
        chosen[column].append((i, j))
    cells = frames.cells.set_index("cell", drop=False)
    found: defaultdict[str, list[list[float | str]]] = defaultdict(list)
    for column, wanted in sorted(chosen.items()):
        learners, clusters = _learners(rows, column, {i for pair in wanted for i in pair}, cells, frames)
        for i, j in wanted:
            apart = _apart(learners[i], learners[j], clusters)
            if apart is not None:
                found[f"{i} {j}"].append([column, *apart])
    for table in found.values():
        for line, p in zip(table, holm([float(line[5]) for line in table]), strict=True):
            line.append(float(p))
    return {key: [[_rounded(value) for value in line] for line in table] for key, table in found.items()}


def _closest_first(done: Sequence[Sequence[int]]) -> Iterator[tuple[int, int, int]]:
    """Yield each column with each two of its rows; those next to each other in all columns first."""
    for apart in range(1, max(map(len, done), default=0)):
        for column, rows in enumerate(done):
            for i, j in zip(rows, rows[apart:], strict=False):
                yield column, i, j


def _done(place: GridCell, recorded: Set[str]) -> bool:
    """Return whether the cells of a square are one learner's, and one of them is done and has records."""
    done = [cell.name for cell in place.cells if cell.shade is not None]
    return bool(done) and (place.replicated or len(place.cells) == 1) and set(done) <= recorded


def _learners(
    rows: Sequence[MatrixRow], column: int, wanted: set[int], cells: pd.DataFrame, frames: Frames
) -> tuple[Mapping[int, _Learner], Sequence[Hashable] | None]:
    order = sorted(wanted)
    names = [[cell.name for cell in rows[i].grid_cells[column].cells if cell.shade is not None] for i in order]
    parts = [cells.loc[of] for of in names]
    grids, clusters = answer_grids(parts, frames, {}, "matrix")
    learners = {
        i: _Learner(
            grid, len(rows[i].grid_cells[column].cells), bool(part["seed"].notna().any()), common_variance(part)
        )
        for i, grid, part in zip(order, grids, parts, strict=True)
    }
    return learners, clusters


def _apart(one: _Learner, other: _Learner, clusters: Sequence[Hashable] | None) -> list[float | str] | None:
    """Return ``[n, difference, low, high, p, remark]``; None where no item was answered by both."""
    alone = one.planned == other.planned == 1  # one draw of several is compared for new draws, as in its square
    untrained = (True, True) if alone else (not one.seeded, not other.seeded)
    pooled = None if untrained[0] else one.common
    if pooled is None and not untrained[1]:
        pooled = other.common
    if (
        alone
        and clusters is None
        and all(np.isin(grid[~np.isnan(grid)], (0, 1)).all() for grid in (one.grid, other.grid))
    ):
        shared = ~np.isnan(one.grid[0]) & ~np.isnan(other.grid[0])
        right, wrong = one.grid[0][shared] > other.grid[0][shared], one.grid[0][shared] < other.grid[0][shared]
        n, value, low, high, p_value, *_ = _by_item(int(right.sum()), int(wrong.sum()), int(shared.sum()))
        return [n, value, low, high, p_value, ""] if n else None
    found = learner_difference(one.grid, other.grid, untrained=untrained, clusters=clusters, pooled=pooled).difference
    remark = LENT if is_lent(one.grid, other.grid, untrained, pooled) else ""
    return [found.n, found.value, found.low, found.high, found.p_value, remark] if found.n else None


@lru_cache(maxsize=4096)
def _by_item(only_first: int, only_second: int, n: int) -> PairedDifference:
    """Return what ``learner_difference`` gives for two learners of one draw each, whose items are independent."""
    return paired_from_counts(only_first, only_second, n)


def _rounded(value: float | str) -> Json:
    if isinstance(value, str):
        return value
    return None if np.isnan(value) else value if value == int(value) else float(f"{value:.6g}")
