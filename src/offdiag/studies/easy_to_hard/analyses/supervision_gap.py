"""Supervision gap recovered: the gain on hard items from easy training data, over that from hard."""

import math
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from pydantic import Field

from offdiag.analyses.frames import Frames
from offdiag.analyses.mean_accuracy import answer_grids
from offdiag.analyses.selection import DONE, state_of
from offdiag.seeds import Name
from offdiag.stats.bootstrap import item_counts, percentile_ends, replicate_ends, resampled_means, seed_counts
from offdiag.stats.intervals import Estimate, FloatArray
from offdiag.stats.paired import constant_difference
from offdiag.studies.easy_to_hard.analyses.accuracy_over_draws import one_learner
from offdiag.studies.easy_to_hard.analyses.supervision import Supervised, SupervisionAnalysis

if TYPE_CHECKING:
    import pandas as pd

NUMBERS = (
    *("unsupervised", "easy", "hard", "gain", "gain_low", "gain_high", "gap", "gap_low", "gap_high"),
    *("recovered", "median", "low", "high"),
)
COUNTS = ("n_items", "n_easy", "n_hard", "n_planned")
NOT_SIGNIFICANT = "gap not significant"
_BLOCK = 1 << 22  # resamples times items that are in memory at once


class SupervisionGapRecovered(SupervisionAnalysis):
    """The supervision gap recovered by every learner that is trained on both easy and hard items.

    Attributes:
        n_resamples, seed: of the bootstrap.
    """

    tag: ClassVar[str] = "supervision-gap-recovered"
    terminal_columns: ClassVar[tuple[str, ...]] = (
        *("model", "method", "learner", "eval_dataset", "eval_hardness", "unsupervised", "easy", "hard"),
        *("recovered", "low", "high", "note"),
    )
    n_resamples: int = Field(default=10_000, ge=100)
    seed: int = 0

    def table(self, frames: Frames) -> "pd.DataFrame":
        """Return one row per combination of ``by`` that is trained on both.

        Columns: ``by``, ``state`` (``done``, or that of cells that are not), the accuracies ``unsupervised, easy,
        hard`` on the items that all three answered, ``gain`` (easy minus unsupervised) and ``gap`` (hard minus
        unsupervised) with their 95 % intervals, ``recovered`` (gain / gap) with ``median, low, high`` of its resamples,
        ``note`` (``gap not significant`` where the ratio means nothing), ``n_items``, ``n_easy`` and ``n_hard`` (draws
        that are done) and ``n_planned`` (draws of the two together). Whatever draws are done count.

        Raises:
            UserError: a column is missing, two cells are the same draw, or finished cells have no such items.
        """
        import pandas as pd

        rows = [{**learners.key, **self._row(learners, frames)} for learners in self.learners(frames)]
        return pd.DataFrame(rows, columns=[*self.by, "state", *NUMBERS, "note", *COUNTS])

    def _row(self, learners: Supervised, frames: Frames) -> dict[str, Any]:
        cells = (learners.untrained, learners.easy, learners.hard)
        parts = [part[part["state"] == DONE] for part in cells]
        planned = len(learners.easy) + len(learners.hard)
        counts = {"n_easy": len(parts[1]), "n_hard": len(parts[2]), "n_planned": planned}
        if any(done.empty for done in parts):
            nothing = dict.fromkeys(NUMBERS, math.nan)
            state = state_of((state for part in cells for state in part["state"]), "not planned")
            return {"state": state, **nothing, "note": "", "n_items": 0, **counts}
        before_grid, easy_grid, hard_grid = answer_grids(parts, frames, self.items, self.name)
        names = tuple(sorted(str(name) for done in parts for name in done["cell"]))
        resampled: dict[str, Any] = {"n_resamples": self.n_resamples, "seed": self.seed, "names": names}
        gap = supervision_gap(one_learner(before_grid)[0], easy_grid, hard_grid, **resampled)
        return {
            "state": DONE,
            "unsupervised": gap.unsupervised, "easy": gap.easy, "hard": gap.hard,
            "gain": gap.gain.value, "gain_low": gap.gain.low, "gain_high": gap.gain.high,
            "gap": gap.gap.value, "gap_low": gap.gap.low, "gap_high": gap.gap.high,
            "recovered": gap.recovered.value, "median": gap.median,
            "low": gap.recovered.low, "high": gap.recovered.high,
            "note": "" if gap.significant else NOT_SIGNIFICANT,
            "n_items": gap.n_items,
            **counts,
        }  # fmt: skip


class SupervisionGap(NamedTuple):
    """The supervision gap recovered on shared hard items, with the accuracies behind it.

    Attributes:
        unsupervised, easy, hard: mean accuracies (0 to 1) of all answers to the shared items.
        gain: easy minus unsupervised, item by item. gap: hard minus unsupervised.
        recovered: gain / gap with its percentile interval. median: of the resampled ratios.
        significant: whether the interval of the gap lies above 0. Where it does not, ``recovered`` means nothing.
        n_items: items that all three answered.
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
    """Return SGR = (easy - unsupervised) / (hard - unsupervised), after Hase et al. (2024, arXiv 2401.06751).

    A joint bootstrap. Each resample draws the items once for all three learners, and the draws of training data of
    easy and of hard separately; it takes one draw fewer than there are, which makes the variance unbiased (Rao and Wu
    1988). An answer is compared with the untrained answer to the same item. The interval of the ratio is made of
    percentiles of the finite resampled ratios. The intervals of gain and gap are those of
    :func:`offdiag.stats.hierarchical_bootstrap`, longer where draws are few.

    Args:
        unsupervised: verdict (0 or 1) per item, ``[items]``; NaN where the item was not asked.
        easy, hard: verdicts ``[draws, items]``, NaN likewise.
        level: of the intervals. seed, names: of the random stream.

    Raises:
        ValueError: the shapes do not fit.
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
    # Resamples share items and draws between gain and gap, so the ratio is taken within each; a gap of 0 has none.
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
    # Where all differences agree every resample is the same, and the bootstrap would claim certainty.
    if np.ptp(differences[~np.isnan(differences)]) == 0:
        alike = constant_difference(value, differences.shape[1], level)
        return Estimate(value, alike.low, alike.high)
    return Estimate(value, *replicate_ends(value, resampled, np.nanmean(differences, axis=1), level))


def _asked(grid: FloatArray) -> FloatArray:
    """Return the grid without draws that answered none of the items."""
    return grid[~np.isnan(grid).all(axis=1)]


def _resampled(
    grids: list[FloatArray], n_resamples: int, seed: int, names: tuple[Name, ...]
) -> tuple[FloatArray, FloatArray]:
    """Return the mean of each grid per resample, ``[resamples]``; NaN where a resample has no answer of it."""
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
