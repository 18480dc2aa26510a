"""Means over the trained cells of a transfer matrix and over the others."""

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from offdiag.analyses.transfer_matrix import Matrix, TransferMatrices
from offdiag.stats import Estimate, FloatArray, crossed_mean
from offdiag.stats.intervals import with_length
from offdiag.stats.means import mean_interval

if TYPE_CHECKING:
    import pandas as pd

ALWAYS = ("single", "pair", "difference")
LEVELS = ("single", "pair", "triple")  # matrices that are no differences


class Spread(NamedTuple):
    """A mean over cells.

    Attributes:
        mean, std: over the cells that all seeds have, or where there is none over those that some seed has; the
            population's standard deviation. NaN without any.
        low, high: t-interval of the mean over seeds; NaN with fewer than two seeds, without a cell that all of them
            have, and where their means do not differ.
        n_cells, n_missing: cells behind the mean, and those that lack the value of a seed.
        n_seeds: behind the interval.
        n_undefined: cells that were measured and have no value, since what was measured gives none.
    """

    mean: float
    std: float
    low: float
    high: float
    n_cells: int
    n_missing: int
    n_seeds: int
    n_undefined: int = 0


def spread(matrix: Matrix, chosen: NDArray[np.bool_], level: float = 0.95) -> Spread:
    """Return mean and spread over the ``chosen`` cells (``[rows, columns]``), each averaged over seeds first."""
    values = matrix.mean[chosen]
    of_seeds = means_of_seeds(matrix, chosen)
    known = values[_shared(matrix, chosen) if len(of_seeds) else ~np.isnan(values)]
    n_undefined = int(matrix.undefined[chosen].sum())
    n_missing = len(values) - len(known) - n_undefined
    if not len(known):
        return Spread(np.nan, np.nan, np.nan, np.nan, 0, n_missing, 0, n_undefined)
    mean = float(known.mean())
    over_seeds = mean_interval(of_seeds, level)
    half = float(over_seeds.high - over_seeds.mean)
    _, low, high = with_length(Estimate(mean, mean - half, mean + half))[:3]
    return Spread(mean, float(known.std()), low, high, len(known), n_missing, len(of_seeds), n_undefined)


def means_of_seeds(matrix: Matrix, chosen: NDArray[np.bool_]) -> FloatArray:
    """Return each seed's mean over the ``chosen`` cells that all seeds have; seeds without any are left out."""
    shared = _shared(matrix, chosen)
    return _of_seeds(matrix, chosen)[:, shared].mean(axis=1) if shared.any() else np.empty(0)


def _of_seeds(matrix: Matrix, chosen: NDArray[np.bool_]) -> FloatArray:
    """Return the ``chosen`` cells ``[seeds, cells]`` of the seeds that have any."""
    of_seeds = matrix.by_seed[:, chosen]
    return of_seeds[~np.isnan(of_seeds).all(axis=1)]


def _shared(matrix: Matrix, chosen: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return which of the ``chosen`` cells have a value in every seed that has any; none without such a seed."""
    of_seeds = _of_seeds(matrix, chosen)
    return np.asarray(~np.isnan(of_seeds).any(axis=0) & (len(of_seeds) > 0), np.bool_)


def gap(matrix: Matrix, rows: NDArray[np.bool_] | bool = True, level: float = 0.95) -> Spread:
    """Return the mean difference between the trained and the transfer cells of a row, over ``rows``.

    The interval is for new seeds and new rows alike (:func:`offdiag.stats.crossed_mean`), so that two seeds say
    something already; a cell without a value drops out of its row, and ``n_cells`` counts rows.
    """
    chosen = np.broadcast_to(rows, (len(matrix.rows), 1))[:, 0]
    trained = np.where(matrix.trained, matrix.by_seed, np.nan)[:, chosen]
    transfer = np.where(matrix.trained, np.nan, matrix.by_seed)[:, chosen]
    by_row = mean_interval(trained).mean - mean_interval(transfer).mean
    over = crossed_mean(by_row, level)
    known = ~np.isnan(by_row)
    n_rows, n_seeds = int(known.any(axis=0).sum()), int(known.any(axis=1).sum())
    of_rows = mean_interval(by_row.T[known.any(axis=0)]).mean
    std = float(of_rows.std()) if n_rows else np.nan
    return Spread(over.value, std, over.low, over.high, n_rows, int(chosen.sum()) - n_rows, n_seeds)


def statistics(found: TransferMatrices, split_by: str = "", level: float = 0.95) -> "pd.DataFrame":
    """Return one row per statistic of the matrices.

    ``matrix`` is single, pair or difference, and held-out, triple, triple-difference or triple-held-out where there are
    such; ``rows`` is all, or, for several tasks, with and without the task ``split_by``, ``cells`` is trained, transfer
    or overall, and for matrices that are no differences the gap between trained and transfer cells
    (:func:`gap`). ``mean`` has the ends ``mean_low`` and ``mean_high``, the rest is that of :class:`Spread`.
    """
    import pandas as pd

    matrices = {name.replace("_", "-"): matrix for name, matrix in found._asdict().items()}
    chosen = {name: of for name, of in matrices.items() if name in ALWAYS or not np.isnan(of.by_seed).all()}
    rows = [row for name, matrix in chosen.items() for row in _of_matrix(name, "all", matrix, True, level)]
    if split_by:
        for name, matrix in chosen.items():
            if name == "single":
                continue
            having = matrix.having(split_by)
            rows += _of_matrix(name, "with", matrix, having, level) + _of_matrix(
                name, "without", matrix, ~having, level
            )
    return pd.DataFrame(rows)


def _of_matrix(
    name: str, which: str, matrix: Matrix, rows: "NDArray[np.bool_] | bool", level: float
) -> list[dict[str, Any]]:
    chosen = np.broadcast_to(rows, matrix.trained.shape)
    parts = {"trained": matrix.trained & chosen, "transfer": ~matrix.trained & chosen, "overall": chosen}
    found = {cells: spread(matrix, mask, level) for cells, mask in parts.items()}
    if name in LEVELS:
        found["gap"] = gap(matrix, rows, level)
    return [
        {"matrix": name, "rows": which, "cells": cells, "mean": of.mean, "mean_low": of.low, "mean_high": of.high,
         "std": of.std, "n_cells": of.n_cells, "n_missing": of.n_missing, "n_undefined": of.n_undefined,
         "n_seeds": of.n_seeds}
        for cells, of in found.items()
    ]  # fmt: skip
