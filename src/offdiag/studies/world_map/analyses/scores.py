"""Normalised improvements of fine-tuned models on new cities, with their resamples."""

import math
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from offdiag.analyses.frames import Frames
from offdiag.stats import FloatArray
from offdiag.studies.world_map.analyses.answers import answers_by_cell
from offdiag.studies.world_map.analyses.cells import (
    NEW,
    REAL,
    Centre,
    OfCities,
    floats,
    measure_of,
    result_column,
    state_of,
    tuned,
)
from offdiag.studies.world_map.analyses.improvement import normalised_improvement
from offdiag.studies.world_map.analyses.resamples import CityResamples

if TYPE_CHECKING:
    import pandas as pd

FLOOR = 0.5  # half a unit: the answers are whole numbers
BEFORE = (("before", NEW), ("reference", REAL))
CELLS = ("cell", "before_cell", "reference_cell")
STATES = ("state", "before_state", "reference_state")


@dataclass(frozen=True)
class Scored:
    """One fine-tuned arm on one geometry, under all its seeds.

    Attributes:
        key: values of the arm's columns. trained: geometries joined by ``+``.
        rows: of :func:`scored_cells`. done: those that have an improvement, by seed.
    """

    key: tuple[Any, ...]
    trained: str
    evaluated: str
    rows: Sequence[Mapping[Hashable, Any]]

    @cached_property
    def done(self) -> Mapping[int, Mapping[Hashable, Any]]:
        return {row["seed"]: row for row in self.rows if not math.isnan(row["unclipped"])}

    def values(self, column: str) -> FloatArray:
        """A column of the rows that are done."""
        return np.array([row[column] for row in self.done.values()], np.float64)


def scored(cells: "pd.DataFrame", settings: OfCities, centre: Centre = "mean") -> list[Scored]:
    """All fine-tuned arms on all geometries of new cities, in the order of the cells."""
    table = scored_cells(cells, settings, centre)
    columns = [*settings.arms, "train_geometry", "eval_geometry"]
    if table.empty:
        return []
    groups: dict[tuple[Any, ...], list[Mapping[Hashable, Any]]] = {}
    for row in table.to_dict("records"):
        groups.setdefault(tuple(row[column] for column in columns), []).append(row)
    return [Scored(key[:-2], str(key[-2]), str(key[-1]), rows) for key, rows in groups.items()]


def scored_cells(cells: "pd.DataFrame", settings: OfCities, centre: Centre = "mean") -> "pd.DataFrame":
    """The fine-tuned cells with ``value, before, reference`` and ``unclipped, clipped, defined``, NaN where not done.

    Raises:
        UserError: as :func:`offdiag.studies.world_map.analyses.cells.tuned`.
    """
    import pandas as pd

    table: pd.DataFrame = tuned(cells, settings, NEW, BEFORE)
    if table.empty:
        return table
    parts = [_with_scores(rows, str(geometry), centre) for geometry, rows in table.groupby("eval_geometry", sort=False)]
    return pd.concat(parts).sort_index()


def resamples_of(found: list[Scored], frames: Frames, settings: OfCities) -> CityResamples:
    """Resamples of the answers behind improvements."""
    cells = {str(row[name]) for one in found for row in one.done.values() for name in CELLS}
    return CityResamples(answers_by_cell(frames.records, cells), settings.n_resamples, settings.seed)


def replicates(
    row: Mapping[Hashable, Any], resamples: CityResamples, centre: Centre, *, clipped: bool = False
) -> FloatArray:
    """The improvement of one cell in each resample of the items, ``[n_resamples]``."""
    value, before, reference = (resamples.of(str(row[name]), centre) for name in CELLS)
    geometry = str(row["eval_geometry"])
    score = normalised_improvement(value, before, reference, measure=measure_of(geometry), floor=_floor(geometry))
    return score.clipped if clipped else score.unclipped


def is_taught(trained: str, evaluated: str) -> bool:
    """Whether a geometry is among those of a fine-tuning."""
    return evaluated in trained.split("+")


def state(one: Scored) -> str:
    """``done``, or why there is no improvement."""
    if one.done:
        return "done"
    found = state_of(one.rows, STATES)
    return "no answers" if found == "done" else found


def _floor(geometry: str) -> float:
    return FLOOR if measure_of(geometry) == "error" else 0.0


def _with_scores(rows: "pd.DataFrame", geometry: str, centre: Centre) -> "pd.DataFrame":
    done = (rows[list(STATES)] == "done").all(axis=1)
    column = result_column(geometry, centre)
    sources = {"value": column, "before": f"before_{column}", "reference": f"reference_{column}"}
    numbers = {name: floats(rows[source].where(done)) for name, source in sources.items()}
    score = normalised_improvement(*numbers.values(), measure=measure_of(geometry), floor=_floor(geometry))
    return rows.assign(**numbers, unclipped=score.unclipped, clipped=score.clipped, defined=score.defined)
