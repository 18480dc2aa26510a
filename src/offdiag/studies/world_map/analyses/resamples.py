"""Bootstrap the answers about cities: resampled means and medians."""

from collections.abc import Iterable, Mapping

import numpy as np
from numpy.typing import NDArray

from offdiag.analyses.frames import Frames
from offdiag.seeds import stream
from offdiag.stats import FloatArray, item_counts
from offdiag.studies.world_map.analyses.answers import require_answers
from offdiag.studies.world_map.analyses.city_cells import Centre, floats, measure_of

N_SPLITS = 4  # random splits of the items into halves


class CityResamples:
    """Resamples of the items of each evaluation, the same for every cell that answered it.

    A ratio or difference of two cells then compares them on the same items in every resample, which keeps its interval
    as short as the pairing allows.

    Args:
        frames: of the study; the answers of one cell are read at a time. cells: names of the cells.
        n_resamples, seed: of the bootstrap.

    Raises:
        UserError: a cell has no records.
    """

    def __init__(self, frames: Frames, cells: Iterable[str], n_resamples: int, seed: int) -> None:
        self.n_resamples, self.seed = n_resamples, seed
        self._frames = frames
        self._results: dict[tuple[str, Centre], FloatArray] = {}
        self._item_counts: dict[tuple[str, str], NDArray[np.uint16]] = {}
        self._of_halves: dict[tuple[str, Centre, bool], FloatArray] = {}
        self._masks: dict[tuple[str, str], NDArray[np.float32]] = {}
        self._items: dict[tuple[str, str], Mapping[str, int]] = {}
        self._evaluations: dict[str, tuple[str, str]] = {}
        if names := [*cells]:
            require_answers(frames, names)
            rows = frames.cells.set_index("cell").loc[names, ["eval_geometry", "eval_cities"]].astype(str)
            self._evaluations = dict(zip(names, rows.itertuples(index=False, name=None), strict=True))

    def of(self, cell: str, centre: Centre = "mean") -> FloatArray:
        """Return the accuracy, or mean or median error of the parsed answers, of each resample ``[n_resamples]``."""
        if (cell, centre) not in self._results:
            values = self._values(cell)
            known = ~np.isnan(values)
            median = centre == "median" and measure_of(self._evaluations[cell][0]) == "error"
            summary = _medians if median else _means
            self._results[cell, centre] = summary(values[known], self._counts(cell)[:, known].astype(np.float32))
        return self._results[cell, centre]

    def halves(self, cell: str, centre: Centre = "mean", *, resampled: bool = True) -> FloatArray:
        """Return the result of each half of the items, in several random splits that all cells of an evaluation share.

        Returns:
            ``[N_SPLITS, 2, 1 + n_resamples]``: of the items as they are, then of each resample, in which every item
            stays in its half; without ``resampled`` only the former. NaN where a half has no answer.
        """
        key = (cell, centre, resampled)
        if key not in self._of_halves:
            values = self._values(cell)
            known = ~np.isnan(values)
            values, halves = values[known], self._halves_of(self._evaluations[cell])[:, known]
            counts = np.ones((1, len(values)), np.float32)
            if resampled:
                counts = np.concatenate([counts, self._counts(cell)[:, known].astype(np.float32)])
            if centre == "median" and measure_of(self._evaluations[cell][0]) == "error":
                found = np.stack([_medians(values, counts * half) for half in halves])
            else:
                with np.errstate(invalid="ignore"):
                    found = ((counts @ (halves * values).T) / (counts @ halves.T)).T
            self._of_halves[key] = np.asarray(found, np.float64).reshape(N_SPLITS, 2, -1)
        return self._of_halves[key]

    def _halves_of(self, asked: tuple[str, str]) -> NDArray[np.float32]:
        """Return which items are in each half of each split, ``[2 N_SPLITS, items]`` of 0 and 1."""
        if asked not in self._masks:
            n = len(self._items_of(asked))
            orders = [stream(self.seed, "halves", *asked, split).permutation(n) for split in range(N_SPLITS)]
            first = np.stack(orders) < n // 2
            self._masks[asked] = np.stack([first, ~first], axis=1).reshape(2 * N_SPLITS, n).astype(np.float32)
        return self._masks[asked]

    def _values(self, cell: str) -> FloatArray:
        """Return the verdicts or errors of a cell ``[items]``, NaN for items that it has none of."""
        items = self._items_of(self._evaluations[cell])
        column = "correct" if measure_of(self._evaluations[cell][0]) == "accuracy" else "error"
        rows = self._frames.answers([cell], ("example", column))
        values = np.full(len(items), np.nan)
        values[[items[str(item)] for item in rows["example"]]] = floats(rows[column])
        return values

    def _items_of(self, asked: tuple[str, str]) -> Mapping[str, int]:
        """Return the column of each item of an evaluation."""
        if asked not in self._items:
            cells = [cell for cell, evaluation in self._evaluations.items() if evaluation == asked]
            names = {str(item) for cell in cells for item in self._frames.answers([cell], ("example",))["example"]}
            # Sorted, so that an item has the same column, and hence the same count, whichever cells were read.
            self._items[asked] = {item: i for i, item in enumerate(sorted(names))}
        return self._items[asked]

    def _counts(self, cell: str) -> NDArray[np.uint16]:
        """Return how often each item of a cell's evaluation is drawn, ``[n_resamples, items]``."""
        asked = self._evaluations[cell]
        if asked not in self._item_counts:
            counts = item_counts(len(self._items_of(asked)), self.n_resamples, self.seed, "cities", *asked)
            self._item_counts[asked] = counts.astype(np.uint16)
        return self._item_counts[asked]


def _means(values: FloatArray, counts: NDArray[np.float32]) -> FloatArray:
    """Return the mean of ``values`` ``[items]`` in each resample, given the counts ``[n_resamples, items]``."""
    with np.errstate(invalid="ignore"):
        return np.asarray((counts @ values) / counts.sum(axis=1), np.float64)


def _medians(values: FloatArray, counts: NDArray[np.float32]) -> FloatArray:
    """Return the median of ``values`` ``[items]`` in each resample, without repeating a value.

    With the values sorted, the cumulated counts say at which one half of the drawn items is reached; where their
    number is even, the median is halfway between the middle two.
    """
    if not len(values):
        return np.full(len(counts), np.nan)
    order = np.argsort(values)
    below = counts[:, order].cumsum(axis=1)
    total = below[:, -1:]
    last = len(values) - 1
    lower, upper = ((2 * below < total).sum(axis=1), (2 * below <= total).sum(axis=1))
    middle = (values[order][np.minimum(lower, last)] + values[order][np.minimum(upper, last)]) / 2
    return np.where(total[:, 0] > 0, middle, np.nan)
