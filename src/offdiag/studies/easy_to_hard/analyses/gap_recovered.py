"""How much of what hard training data teach is taught by easy ones, too: the supervision gap recovered."""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from offdiag.seeds import Name
from offdiag.stats.bootstrap import item_counts, percentile_ends, replicate_ends, resampled_means, seed_counts
from offdiag.stats.intervals import Estimate, FloatArray
from offdiag.stats.paired import constant_difference

_BLOCK = 1 << 22  # counts of a block of resamples


class SupervisionGap(NamedTuple):
    """Accuracies on the same hard items, and what they say.

    Attributes:
        unsupervised, easy, hard: mean accuracies, of all answers to the shared items.
        gain: easy minus unsupervised, item by item. gap: hard minus unsupervised.
        recovered: gain / gap with its percentile interval. median: of the resamples.
        significant: whether the interval of the gap lies above 0. Where it does not, ``recovered`` means nothing.
        n_items: items that all three were asked.
    """

    unsupervised: float
    easy: float
    hard: float
    gain: Estimate
    gap: Estimate
    recovered: Estimate
    median: float
    significant: bool
    n_items: int


def supervision_gap(
    unsupervised: ArrayLike,
    easy: ArrayLike,
    hard: ArrayLike,
    n_resamples: int = 10_000,
    level: float = 0.95,
    seed: int = 0,
    names: tuple[Name, ...] = (),
) -> SupervisionGap:
    """SGR = (easy - unsupervised) / (hard - unsupervised), after Hase et al. (2024, arXiv 2401.06751).

    A joint bootstrap: each resample draws the items once for all three, and the draws of training data of each of the
    two on their own, one fewer than there are, which makes the variance unbiased (Rao and Wu 1988). An answer is
    compared with the untrained one to the same item. The interval of the ratio are the percentiles of the resamples
    whose ratio is finite; those of gain and gap are as in :func:`offdiag.stats.hierarchical_bootstrap`, longer where
    draws are few.

    Args:
        unsupervised: 0 or 1 for each item, ``[items]``, NaN where it was not asked. easy, hard: ``[draws, items]``.
        names: of the random stream.

    Raises:
        ValueError: shapes that do not fit.
    """
    before = np.asarray(unsupervised, np.float64)
    after = [np.asarray(values, np.float64) for values in (easy, hard)]
    if before.ndim != 1 or any(grid.ndim != 2 or grid.shape[1] != before.size for grid in after):
        shapes = ", ".join(str(part.shape) for part in (before, *after))
        raise ValueError(f"supervision_gap: shapes {shapes}; expected [items] and twice [draws, items]")
    shared = ~np.isnan(before) & np.all([(~np.isnan(grid)).any(axis=0) for grid in after], axis=0)
    before, after = before[shared], [_asked(grid[:, shared]) for grid in after]
    if not before.size:
        nothing = Estimate(math.nan, math.nan, math.nan)
        return SupervisionGap(math.nan, math.nan, math.nan, nothing, nothing, nothing, math.nan, False, 0)
    differences = [grid - before for grid in after]
    values = [float(np.nanmean(grid)) for grid in differences]
    resamples = _resampled(differences, n_resamples, seed, names)
    gain, gap = (_ends(*parts, level) for parts in zip(values, resamples, differences, strict=True))
    with np.errstate(divide="ignore", invalid="ignore"):
        ratios = resamples[0] / resamples[1]
    ratios = ratios[np.isfinite(ratios)]
    recovered = values[0] / values[1] if values[1] else math.nan
    low, high = percentile_ends(ratios, level) if ratios.size else (math.nan, math.nan)
    return SupervisionGap(
        unsupervised=float(before.mean()),
        easy=float(np.nanmean(after[0])),
        hard=float(np.nanmean(after[1])),
        gain=gain,
        gap=gap,
        recovered=Estimate(recovered, low, high),
        median=float(np.median(ratios)) if ratios.size else math.nan,
        significant=gap.low > 0,
        n_items=before.size,
    )


def _ends(value: float, resampled: FloatArray, differences: FloatArray, level: float) -> Estimate:
    if np.ptp(differences[~np.isnan(differences)]) == 0:
        alike = constant_difference(value, differences.shape[1], level)
        return Estimate(value, alike.low, alike.high)
    return Estimate(value, *replicate_ends(value, resampled, np.nanmean(differences, axis=1), level))


def _asked(grid: FloatArray) -> FloatArray:
    """Without the draws that were asked none of the items."""
    return grid[~np.isnan(grid).all(axis=1)]


def _resampled(
    grids: list[FloatArray], n_resamples: int, seed: int, names: tuple[Name, ...]
) -> tuple[FloatArray, FloatArray]:
    """The mean of either grid in each resample; NaN where a resample has no value of it."""
    n_items = grids[0].shape[1]
    draws = [
        seed_counts(len(grid), n_resamples, seed, "supervision gap", side, *names).astype(np.float64)
        for side, grid in zip(("easy", "hard"), grids, strict=True)
    ]
    block = max(1, _BLOCK // n_items)
    means = np.empty((2, n_resamples))
    for number, start in enumerate(range(0, n_resamples, block)):
        here = slice(start, min(start + block, n_resamples))
        items = item_counts(n_items, here.stop - start, seed, "supervision gap", number, *names).astype(np.float64)
        for side, grid in enumerate(grids):
            means[side, here] = resampled_means(grid, draws[side][here], items)
    return means[0], means[1]
