"""Cells of questions about cities: pretrained models, what was fine-tuned from them, and which belong together."""

from abc import ABC
from collections.abc import Hashable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np
from pydantic import Field

from offdiag.analyses.analysis import StudyAnalysis
from offdiag.analyses.selection import require, select
from offdiag.errors import UserError
from offdiag.stats import FloatArray
from offdiag.studies.world_map.task import GEOMETRIES, NAMES

if TYPE_CHECKING:
    import pandas as pd

Cities: TypeAlias = Literal["real", "atlantis"]
Centre: TypeAlias = Literal["mean", "median"]
REAL: Cities = "real"
NEW: Cities = "atlantis"
RESULTS = ("state", "n", "n_unparsed", "accuracy", "mean_error", "median_error")
OPTIONAL = ("after", "update", "updates")  # factors that no cell of a study may have
ARMS = ("model",)


class OfCities(StudyAnalysis, ABC):
    """An analysis of answers about cities.

    Attributes:
        arms: columns whose values tell the learners apart besides what they were trained on; a seed is not one of them.
        n_resamples, seed: of the bootstrap.
    """

    arms: tuple[str, ...] = Field(default=ARMS, min_length=1)
    n_resamples: int = Field(default=1000, ge=100)
    seed: int = 0


def measure_of(geometry: str) -> Literal["accuracy", "error"]:
    """What a geometry is judged by: words are right or wrong, numbers have a distance to the right one."""
    return "accuracy" if GEOMETRIES[_named(geometry)].words else "error"


def result_column(geometry: str, centre: Centre = "mean") -> str:
    """The column of the cells with the result of a geometry."""
    return "accuracy" if measure_of(geometry) == "accuracy" else f"{centre}_error"


def floats(column: "pd.Series[Any]") -> FloatArray:
    """A column of nullable numbers or booleans with NaN where nothing is known."""
    return np.asarray(column.astype("Float64").to_numpy(np.float64, na_value=np.nan), np.float64)


def ended(cells: "pd.DataFrame") -> "pd.DataFrame":
    """The cells of one geometry at the end of a training, with all columns that are read here.

    Raises:
        UserError: a column is missing.
    """
    found = _single(cells)
    return found[found["update"].isna()]


def pretrained(cells: "pd.DataFrame", settings: OfCities, *, on_the_way: bool = False) -> "pd.DataFrame":
    """The cells of one geometry of models that started from nothing, at the end of their training.

    With ``on_the_way`` their snapshots too, and ``update`` is a number for both; a snapshot of the end gives way to it.
    """
    found = _single(cells)
    found = found[found["after"].isna()]
    ends = found["update"].isna()
    if on_the_way:
        found = found.assign(update=found["update"].fillna(found["updates"]))
    found = _chosen(found[found["update"].notna() if on_the_way else ends], settings)
    if found.empty:
        return found
    spot = [*settings.arms, "seed", "update", "eval_cities", "eval_geometry"]
    ended, spots = ends[found.index].to_numpy(), found.set_index(spot).index
    found = found[ended | ~spots.isin(spots[ended])]
    _once(found, spot, settings.name)
    return found


def tuned(cells: "pd.DataFrame", settings: OfCities, cities: Cities, before: Sequence[tuple[str, Cities]]) -> Any:
    """The ended cells of fine-tuned models on ``cities``, beside those of the very models that they started from.

    Args:
        before: (name, cities) pairs: the same question to the model before, about these cities; its columns begin
            with the name. ``<name>_state`` is ``no baseline`` where that is not planned.

    Raises:
        UserError: a column is missing, nothing is selected, or two cells claim one place.
    """
    found = ended(cells)
    tuned = found[found["after"].notna()]
    if tuned.empty:
        return tuned
    tuned = _chosen(tuned, settings)
    tuned = tuned[tuned["eval_cities"] == cities]
    _once(tuned, [*settings.arms, "seed", "train_geometry", "eval_geometry"], settings.name)
    for name, where in before:
        theirs = found[found["arm"].isin(tuned["after"]) & (found["eval_cities"] == where)]
        _once(theirs, ["arm", "eval_geometry"], settings.name)
        theirs = theirs[["arm", "eval_geometry", "cell", *RESULTS]]
        theirs = theirs.rename(columns={column: f"{name}_{column}" for column in ("cell", *RESULTS)})
        theirs = theirs.rename(columns={"arm": "after"})
        tuned = tuned.merge(theirs, on=["after", "eval_geometry"], how="left")
        tuned[f"{name}_state"] = tuned[f"{name}_state"].astype(object).fillna("no baseline")
    return tuned


def state_of(rows: Sequence[Mapping[Hashable, Any]], columns: Sequence[str] = ("state",)) -> str:
    """``done`` if all columns say so in some row; otherwise the first reason, ``failed`` before all others."""
    states = [[str(row[column]) for column in columns] for row in rows]
    if any(set(row) == {"done"} for row in states):
        return "done"
    reasons = [state for row in states for state in row if state != "done"]
    return "failed" if "failed" in reasons else reasons[0]


def _single(cells: "pd.DataFrame") -> "pd.DataFrame":
    whole = cells.reindex(columns=[*cells.columns, *(name for name in OPTIONAL if name not in cells)])
    if cells.empty:
        return whole
    for column in ("cell", "arm", "seed", "train_geometry", "eval_geometry", "eval_cities", *RESULTS):
        require(cells, column)
    return whole[whole["eval_geometry"].isin(NAMES)]


def _chosen(cells: "pd.DataFrame", settings: OfCities) -> "pd.DataFrame":
    if cells.empty:
        return cells
    for column in settings.arms:
        require(cells, column)
    return select(cells, settings.where, settings.match_on)


def _once(cells: "pd.DataFrame", columns: Sequence[str], name: str) -> None:
    twice = cells[cells.duplicated(list(columns), keep=False)]
    if len(twice):
        _, first = next(iter(twice.groupby(list(columns), sort=False, dropna=False)))
        found = ", ".join(first["cell"].astype(str)[:2])
        raise UserError(f"analysis {name}: two cells claim one place ({found}): tell them apart with arms= or where=")


def _named(geometry: str) -> Any:
    if geometry not in NAMES:
        raise UserError(f"no geometry {geometry!r}: expected one of {', '.join(NAMES)}")
    return geometry
