"""Normalised improvement: 0 = before fine-tuning, 1 = pretrained score on familiar cities."""

import math
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from offdiag.analyses.frames import Frames
from offdiag.analyses.selection import DONE
from offdiag.errors import UserError
from offdiag.stats import FloatArray
from offdiag.studies.world_map.analyses.city_cells import (
    NEW,
    REAL,
    Centre,
    CityAnalysis,
    fine_tuned,
    floats,
    measure_of,
    result_column,
    state_of_rows,
)
from offdiag.studies.world_map.analyses.resamples import CityResamples
from offdiag.studies.world_map.analyses.scale import SMALLEST_ERROR, has_scale

if TYPE_CHECKING:
    import pandas as pd

LOWEST, HIGHEST = 0.0, 1.5  # a published score is clipped to this range
NO_SCALE = "no scale"  # state of a square whose reference is not credibly better than its start
BASELINES = (("before", NEW), ("reference", REAL))
CELLS = ("cell", "before_cell", "reference_cell")
STATES = ("state", "before_state", "reference_state")


@dataclass(frozen=True, eq=False)
class Improvement:
    """Normalised improvements, all of one shape.

    Attributes:
        unclipped: below 0 for a model that got worse. clipped: the same from 0 to 1.5, as published.
        defined: False where the reference is no better than the start, so that there is no scale; both are 0 or 1 then.
    """

    unclipped: FloatArray
    clipped: FloatArray
    defined: NDArray[np.bool_]


def normalised_improvement(
    value: ArrayLike,
    before: ArrayLike,
    reference: ArrayLike,
    *,
    measure: Literal["accuracy", "error"],
    floor: float = 0.0,
) -> Improvement:
    """Return how far ``value`` is on the way from ``before`` to ``reference``; Park (2026), arXiv 2602.00533.

    An accuracy is placed linearly, (v - a) / (s - a), and 0 where s <= a. An error is placed by ratios,
    ln(a / v) / ln(a / s); where a, v or s is 0, or s >= a, it is 0 for v >= a, 1 for v <= s and linear between.

    Args:
        value: v, of the model now. before: a, of the model before. reference: s, of the model before on what it knows.
        measure: which of the two, at least 0.
        floor: errors below it count as this much: 0.5 for answers that are rounded to whole numbers keeps an error of
            zero on the scale.

    Raises:
        UserError: a number is negative, or the floor is.
    """
    v, a, s = np.broadcast_arrays(*(np.asarray(part, np.float64) for part in (value, before, reference)))
    if floor < 0 or any((part < 0).any() for part in (v, a, s)):
        raise UserError(f"normalised improvement: found a negative {measure} or floor, expected 0 or more")
    if measure == "accuracy":
        defined = s > a
        unclipped = np.where(defined, (v - a) / np.where(defined, s - a, 1), 0.0)
    else:
        v, a, s = (np.maximum(part, floor) for part in (v, a, s))
        defined = s < a
        unclipped = np.where(defined & (v > 0) & (s > 0), _by_ratio(v, a, s), _by_steps(v, a, s))
    unclipped = np.where(np.isnan(v + a + s), np.nan, unclipped)
    return Improvement(unclipped, unclipped.clip(LOWEST, HIGHEST), defined)


@dataclass(frozen=True)
class ArmScores:
    """The improvement of one fine-tuned arm on one geometry, for each of its seeds.

    Attributes:
        key: values of the arm's columns.
        trained: the geometries that it was fine-tuned on, joined by ``+``.
        evaluated: the geometry that it is asked about.
        rows: of :func:`cell_scores`, one per planned seed.
    """

    key: tuple[Any, ...]
    trained: str
    evaluated: str
    rows: Sequence[Mapping[Hashable, Any]]

    @cached_property
    def done(self) -> Mapping[int, Mapping[Hashable, Any]]:
        """The rows that have an improvement, by seed."""
        return {row["seed"]: row for row in self.rows if not math.isnan(row["unclipped"])}

    @property
    def taught(self) -> bool:
        """Whether the model was fine-tuned on the geometry that it is asked about."""
        return is_taught(self.trained, self.evaluated)

    @cached_property
    def answered(self) -> Sequence[Mapping[Hashable, Any]]:
        """The rows that have the three numbers of an improvement, on a scale or not."""
        return [row for row in self.rows if not math.isnan(row["value"] + row["before"] + row["reference"])]

    @property
    def state(self) -> str:
        """``done``, or why there is no improvement."""
        if self.done:
            return DONE
        if self.answered:
            return NO_SCALE
        state = state_of_rows(self.rows, STATES)
        return "no answers" if state == DONE else state

    def values(self, column: str) -> FloatArray:
        """Return a column of the rows that have an improvement, ``[seeds]``."""
        return np.array([row[column] for row in self.done.values()], np.float64)

    def mean(self, column: str) -> float:
        """Return the mean of a column over the seeds that have an improvement; NaN if none has."""
        return float(self.values(column).mean()) if self.done else np.nan


def arm_scores(frames: Frames, settings: CityAnalysis, centre: Centre = "mean") -> list[ArmScores]:
    """Return the improvements of all fine-tuned arms on all geometries of new cities, in the order of the cells.

    Raises:
        UserError: as :func:`offdiag.studies.world_map.analyses.city_cells.fine_tuned`.
    """
    return scores_of_arms(cell_scores(frames, settings, centre), settings)


def scores_of_arms(table: "pd.DataFrame", settings: CityAnalysis) -> list[ArmScores]:
    """Return the rows of :func:`cell_scores` by arm and geometry, in their order."""
    columns = [*settings.arms, "train_geometry", "eval_geometry"]
    if table.empty:
        return []
    groups: dict[tuple[Any, ...], list[Mapping[Hashable, Any]]] = {}
    for row in table.to_dict("records"):
        groups.setdefault(tuple(row[column] for column in columns), []).append(row)
    return [ArmScores(key[:-2], str(key[-2]), str(key[-1]), rows) for key, rows in groups.items()]


def cell_scores(frames: Frames, settings: CityAnalysis, centre: Centre = "mean") -> "pd.DataFrame":
    """Return the fine-tuned cells with ``value, before, reference`` and ``unclipped, clipped, undefined``.

    The numbers are NaN where the cell or one of its baselines is not done, and the improvements also where the
    reference is not credibly better than the start (``undefined``): 0 and 1 of the scale are then one place.

    Raises:
        UserError: as :func:`offdiag.studies.world_map.analyses.city_cells.fine_tuned`, or a finished baseline has no
            records.
    """
    import pandas as pd

    table = fine_tuned(frames.cells, settings, NEW, BASELINES)
    if table.empty:
        return table
    groups = table.groupby("eval_geometry", sort=False)
    parts = [_with_scores(rows, str(geometry), centre, frames) for geometry, rows in groups]
    return pd.concat(parts).sort_index()


def score_resamples(scores: Sequence[ArmScores], frames: Frames, settings: CityAnalysis) -> CityResamples:
    """Return resamples of all answers that the scores are made of."""
    cells = {str(row[name]) for score in scores for row in score.done.values() for name in CELLS}
    return CityResamples(frames, cells, settings.n_resamples, settings.seed)


def replicates(
    row: Mapping[Hashable, Any], resamples: CityResamples, centre: Centre, *, clipped: bool = False
) -> FloatArray:
    """Return the improvement of one cell in each resample of the items, ``[n_resamples]``."""
    value, before, reference = (resamples.of(str(row[name]), centre) for name in CELLS)
    geometry = str(row["eval_geometry"])
    score = normalised_improvement(value, before, reference, measure=measure_of(geometry), floor=floor_of(geometry))
    return score.clipped if clipped else score.unclipped


def is_taught(trained: str, evaluated: str) -> bool:
    """Return whether a geometry is among those of a fine-tuning."""
    return evaluated in trained.split("+")


def floor_of(geometry: str) -> float:
    """Return the smallest score of a geometry that can be told from 0."""
    return SMALLEST_ERROR if measure_of(geometry) == "error" else 0.0


def _with_scores(rows: "pd.DataFrame", geometry: str, centre: Centre, frames: Frames) -> "pd.DataFrame":
    done = (rows[list(STATES)] == DONE).all(axis=1)
    column = result_column(geometry, centre)
    sources = {"value": column, "before": f"before_{column}", "reference": f"reference_{column}"}
    numbers = {name: floats(rows[source].where(done)) for name, source in sources.items()}
    score = normalised_improvement(*numbers.values(), measure=measure_of(geometry), floor=floor_of(geometry))
    known = ~np.isnan(score.unclipped)
    pairs = rows[["before_cell", "reference_cell"]].itertuples(index=False, name=None)
    scaled = [there and has_scale(frames, str(one), str(other), geometry, centre)
              for there, (one, other) in zip(known, pairs, strict=True)]  # fmt: skip
    kept = {name: np.where(scaled, getattr(score, name), np.nan) for name in ("unclipped", "clipped")}
    return rows.assign(**numbers, **kept, undefined=known & ~np.array(scaled, np.bool_))


def _by_ratio(v: FloatArray, a: FloatArray, s: FloatArray) -> FloatArray:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.log(a / v) / np.log(a / s)


def _by_steps(v: FloatArray, a: FloatArray, s: FloatArray) -> FloatArray:
    """Return 0 at ``a`` and above, 1 at ``s`` and below, and linear values between, where no logarithm exists."""
    with np.errstate(divide="ignore", invalid="ignore"):
        between = (a - v) / (a - s)
    return np.where(v >= a, 0.0, np.where(v <= s, 1.0, between))
