"""Whether a model knows ordinary cities credibly better than new ones: what a scale of improvement needs."""

import numpy as np

from offdiag.analyses.frames import Frames
from offdiag.stats import Estimate, FloatArray, independent_difference, median_interval, wilson
from offdiag.stats.intervals import normal_quantile
from offdiag.studies.world_map.analyses.answers import require_answers
from offdiag.studies.world_map.analyses.city_cells import Centre, floats, measure_of

SMALLEST_ERROR = 0.5  # half a unit: the answers are whole numbers, so nothing smaller can be told from 0


def has_scale(frames: Frames, before: str, reference: str, geometry: str, centre: Centre = "mean") -> bool:
    """Return whether a cell's score is better than another's beyond chance: the 95 % interval of the gap is above 0.

    The two ask the same geometry of different cities, so their items are independent: Wilson's intervals of accuracies
    (Newcombe 1998, method 10), or intervals of the logarithms of mean errors (delta method) or median errors (order
    statistics), combined by MOVER (Zou and Donner 2008). Where one item tells no spread, the scores alone decide.

    Raises:
        UserError: a cell has no records.
    """
    low, high = (_score(frames, cell, geometry, centre) for cell in (before, reference))
    gap = independent_difference(high, low)
    return bool(gap.value > 0 if np.isnan(gap.low) else gap.low > 0)


def _score(frames: Frames, cell: str, geometry: str, centre: Centre) -> Estimate:
    """Return what a cell scores, the higher the better: its accuracy, or minus the logarithm of its error."""
    require_answers(frames, [cell])
    words = measure_of(geometry) == "accuracy"
    column = "correct" if words else "error"
    values = floats(frames.answers([cell], (column,))[column])
    values = values[~np.isnan(values)]
    if words:
        low, high = wilson(int(values.sum()), len(values))
        return Estimate(float(values.mean()), float(low), float(high))
    value, below, above = (-float(np.log(max(error, SMALLEST_ERROR))) for error in _error(values, centre))
    return Estimate(value, above, below)


def _error(values: FloatArray, centre: Centre) -> tuple[float, float, float]:
    """Return the mean or median error with the ends of its interval; NaN where one value tells no spread."""
    if centre == "median":
        low, high = median_interval(values)
        return float(np.median(values)), float(low), float(high)
    mean = float(values.mean())
    if len(values) < 2:
        return mean, np.nan, np.nan
    # On the logarithm, where the interval of a ratio is symmetric.
    reach = np.exp(normal_quantile(0.95) * float(values.std(ddof=1)) / np.sqrt(len(values)) / max(mean, SMALLEST_ERROR))
    return mean, mean / reach, mean * reach
