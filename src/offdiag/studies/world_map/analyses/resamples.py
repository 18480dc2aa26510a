"""Resampled means and medians of the answers about cities; cells with the same items share their draws."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from offdiag.stats import FloatArray, item_counts, replicate_ends, seed_counts
from offdiag.studies.world_map.analyses.cells import Centre, floats, measure_of

if TYPE_CHECKING:
    import pandas as pd


class CityResamples:
    """Resamples of the items of an evaluation, the same for all that answered it, whoever they are.

    Args:
        answers: the records of each cell that is asked for, with ``eval_geometry``, ``eval_cities``, ``example``,
            ``correct`` and ``error``.
    """

    def __init__(self, answers: "Mapping[str, pd.DataFrame]", n_resamples: int, seed: int) -> None:
        self.n_resamples, self.seed = n_resamples, seed
        self._answers = answers
        self._known: dict[tuple[str, Centre], FloatArray] = {}
        self._drawn: dict[tuple[str, str], NDArray[np.uint16]] = {}
        self._places = {
            cell: (str(rows["eval_geometry"].iloc[0]), str(rows["eval_cities"].iloc[0]))
            for cell, rows in answers.items()
        }
        items: dict[tuple[str, str], set[str]] = {}
        for cell, rows in answers.items():
            items.setdefault(self._places[cell], set()).update(rows["example"])
        self._items = {place: {item: i for i, item in enumerate(sorted(found))} for place, found in items.items()}

    def of(self, cell: str, centre: Centre = "mean") -> FloatArray:
        """Accuracy, or the mean or median error of the parsed answers, of each resample: ``[n_resamples]``."""
        if (cell, centre) not in self._known:
            values = self._answered(cell)
            there = ~np.isnan(values)
            median = centre == "median" and measure_of(self._places[cell][0]) == "error"
            summary = _medians if median else _means
            self._known[cell, centre] = summary(values[there], self._counts(cell)[:, there].astype(np.float32))
        return self._known[cell, centre]

    def _answered(self, cell: str) -> FloatArray:
        rows = self._answers[cell]
        items = self._items[self._places[cell]]
        values = np.full(len(items), np.nan)
        found = rows["correct" if measure_of(self._places[cell][0]) == "accuracy" else "error"]
        values[[items[str(item)] for item in rows["example"]]] = floats(found)
        return values

    def _counts(self, cell: str) -> NDArray[np.uint16]:
        place = self._places[cell]
        if place not in self._drawn:
            counts = item_counts(len(self._items[place]), self.n_resamples, self.seed, "cities", *place)
            self._drawn[place] = counts.astype(np.uint16)
        return self._drawn[place]


def over_seeds(
    by_seed: ArrayLike, replicates: list[FloatArray], seed: int = 0, level: float = 0.95
) -> tuple[float, float]:
    """Ends of the interval of a mean over seeds, from resampled seeds and items.

    Args:
        by_seed: ``[seeds]``, the values. replicates: for each seed its value in each resample of the items.
        seed: of the draw of seeds. level: coverage.

    Returns:
        Those of :func:`offdiag.stats.replicate_ends`; of one seed they know only the items, of none they are NaN.
    """
    values = np.asarray(by_seed, np.float64)
    if not len(values):
        return np.nan, np.nan
    grid = np.stack(replicates, axis=1)
    drawn = seed_counts(len(values), len(grid), seed, "cities", "seeds")
    means = (drawn * grid).sum(axis=1) / drawn.sum(axis=1)
    means = means[~np.isnan(means)]
    if not len(means):
        return np.nan, np.nan
    return replicate_ends(float(values.mean()), means, values, level)


def _means(values: FloatArray, counts: NDArray[np.float32]) -> FloatArray:
    with np.errstate(invalid="ignore"):
        return np.asarray((counts @ values) / counts.sum(axis=1), np.float64)


def _medians(values: FloatArray, counts: NDArray[np.float32]) -> FloatArray:
    """The medians of resampled values, halfway between the middle two where their number is even."""
    if not len(values):
        return np.full(len(counts), np.nan)
    order = np.argsort(values)
    below = counts[:, order].cumsum(axis=1)
    total = below[:, -1:]
    last = len(values) - 1
    lower, upper = ((2 * below < total).sum(axis=1), (2 * below <= total).sum(axis=1))
    middle = (values[order][np.minimum(lower, last)] + values[order][np.minimum(upper, last)]) / 2
    return np.where(total[:, 0] > 0, middle, np.nan)
