"""Select the cells of city questions; pair fine-tuned models with their starting models."""

from abc import ABC
from collections.abc import Hashable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np
from pydantic import Field

from offdiag.analyses.analysis import StudyAnalysis
from offdiag.analyses.selection import DONE, one_per, require, select, state_of
from offdiag.errors import UserError
from offdiag.stats import FloatArray
from offdiag.stats.bootstrap import MOST_RESAMPLES
from offdiag.studies.world_map.task import GEOMETRIES, NAMES

if TYPE_CHECKING:
    import pandas as pd

Cities: TypeAlias = Literal["real", "atlantis"]
Centre: TypeAlias = Literal["mean", "median"]
REAL: Cities = "real"
NEW: Cities = "atlantis"
MIXED = "mixed"
RESULTS = ("state", "n", "n_unparsed", "accuracy", "mean_error", "median_error")
OPTIONAL = ("after", "update", "updates")  # factors that no cell of a study may have
ARMS = ("model",)
START = "start"  # column of the geometries that a model was pre-trained on
NO_BASELINE = "no baseline"
ADVICE = "arms= or where="


class CityAnalysis(StudyAnalysis, ABC):
    """Base class of the analyses of answers about cities.

    Attributes:
        arms: columns whose values tell arms apart besides what they were trained on; a seed is not one of them.
        n_resamples, seed: of the bootstrap.
    """

    arms: tuple[str, ...] = Field(default=ARMS, min_length=1)
    n_resamples: int = Field(default=1000, ge=100, le=MOST_RESAMPLES)
    seed: int = 0


class TransferAnalysis(CityAnalysis, ABC):
    """Base class of the analyses of transfer matrices, whose values are normalised improvements.

    Attributes:
        centre: errors by their mean, as published, or their median.
        clipped: improvements count from 0 to 1.5, as published; otherwise as they are.
    """

    centre: Centre = "mean"
    clipped: bool = True

    @property
    def column(self) -> str:
        """The column of the scores that holds the values of the matrices."""
        return "clipped" if self.clipped else "unclipped"


def measure_of(geometry: str) -> Literal["accuracy", "error"]:
    """Return how a geometry is scored: words are right or wrong, numbers have a distance to the right one."""
    return "accuracy" if GEOMETRIES[_known_name(geometry)].words else "error"


def result_column(geometry: str, centre: Centre = "mean") -> str:
    """Return the column of the cells that holds the result of a geometry."""
    return "accuracy" if measure_of(geometry) == "accuracy" else f"{centre}_error"


def floats(column: "pd.Series[Any]") -> FloatArray:
    """Return a column of nullable numbers or booleans as float64 ``[n]``, NaN where it has no value."""
    return np.asarray(column.astype("Float64").to_numpy(np.float64, na_value=np.nan), np.float64)


def final_cells(cells: "pd.DataFrame") -> "pd.DataFrame":
    """Return the one-geometry cells of models at the end of their training, without snapshots.

    Raises:
        UserError: a column is missing.
    """
    single = _one_geometry(cells)
    return single[single["update"].isna()]


def pretrained(cells: "pd.DataFrame", settings: CityAnalysis, *, snapshots: bool = False) -> "pd.DataFrame":
    """Return the one-geometry cells of models trained from scratch, at the end of their training.

    With ``snapshots`` the cells of their snapshots too: then ``update`` is a number in every row, and where the last
    snapshot is the end of the training, only the cell of the end is kept.

    Raises:
        UserError: a column is missing, nothing is selected, or two cells are alike.
    """
    single = _one_geometry(cells)
    single = single[single["after"].isna() & ~met_new_cities(single)]
    at_end = single["update"].isna()
    if snapshots:
        single = single.assign(update=single["update"].fillna(single["updates"]))
    chosen = _selected(single[single["update"].notna() if snapshots else at_end], settings)
    if chosen.empty:
        return chosen
    columns = [*settings.arms, "seed", "update", "eval_cities", "eval_geometry"]
    final, places = at_end[chosen.index].to_numpy(), chosen.set_index(columns).index
    chosen = chosen[final | ~places.isin(places[final])]
    one_per(chosen, columns, f"analysis {settings.name}", ADVICE)
    return chosen


def fine_tuned(
    cells: "pd.DataFrame", settings: CityAnalysis, cities: Cities, baselines: Sequence[tuple[str, Cities]]
) -> "pd.DataFrame":
    """Return the final cells of fine-tuned models on ``cities``, with baselines beside them.

    Args:
        cells: all cells of a study.
        settings: which of them count.
        cities: what the fine-tuned models are asked about.
        baselines: (name, cities) pairs. Each adds the same question to the starting model, asked about these cities,
            as columns ``<name>_cell, <name>_state, …``. ``<name>_state`` is ``no baseline`` where none is planned.

    Raises:
        UserError: a column is missing, nothing is selected, or two cells are alike.
    """
    final = final_cells(cells)
    tuned = final[final["after"].notna()]
    if tuned.empty:
        return tuned
    tuned = _selected(tuned, settings)
    tuned = tuned[tuned["eval_cities"] == cities]
    who = f"analysis {settings.name}"
    one_per(tuned, [*settings.arms, "seed", "train_geometry", "eval_geometry"], who, ADVICE)
    for name, asked_about in baselines:
        start = final[final["arm"].isin(tuned["after"]) & (final["eval_cities"] == asked_about)]
        one_per(start, ["arm", "eval_geometry"], who, ADVICE)
        start = start[["arm", "eval_geometry", "cell", *RESULTS]]
        start = start.rename(columns={column: f"{name}_{column}" for column in ("cell", *RESULTS)})
        start = start.rename(columns={"arm": "after"})
        tuned = tuned.merge(start, on=["after", "eval_geometry"], how="left")
        tuned[f"{name}_state"] = tuned[f"{name}_state"].astype(object).fillna(NO_BASELINE)
    return tuned


def with_start(rows: "pd.DataFrame", cells: "pd.DataFrame") -> "pd.DataFrame":
    """Return rows of cells or measurements with ``start``: the geometries that their model was pre-trained on."""
    if "after" not in rows or "train_geometry" not in rows or "arm" not in cells:
        return rows
    taught = cells.drop_duplicates("arm").set_index("arm")["train_geometry"]
    return rows.assign(**{START: rows["after"].map(taught).fillna(rows["train_geometry"]).astype("string")})


def met_new_cities(cells: "pd.DataFrame") -> "pd.Series[bool]":
    """Return which cells are of models that met the new cities in pre-training."""
    import pandas as pd

    if "train_cities" not in cells:
        return pd.Series(False, index=cells.index)
    return (cells["train_cities"] == MIXED).fillna(False).astype(bool)


def state_of_rows(rows: Sequence[Mapping[Hashable, Any]], columns: Sequence[str] = ("state",)) -> str:
    """Return ``done`` if all ``columns`` of some row are, else why there is no result."""
    states = [[str(row[column]) for column in columns] for row in rows]
    if any(set(row) == {DONE} for row in states):
        return DONE
    return state_of(state for row in states for state in row)


def _one_geometry(cells: "pd.DataFrame") -> "pd.DataFrame":
    """Return the cells that ask for one geometry, with the optional columns filled up."""
    complete = cells.reindex(columns=[*cells.columns, *(name for name in OPTIONAL if name not in cells)])
    if cells.empty:
        return complete
    complete = with_start(complete, cells)
    for column in ("cell", "arm", "seed", "train_geometry", "eval_geometry", "eval_cities", *RESULTS):
        require(cells, column)
    return complete[complete["eval_geometry"].isin(NAMES)]


def _selected(cells: "pd.DataFrame", settings: CityAnalysis) -> "pd.DataFrame":
    """Return the cells that an analysis asks for; none of an empty table."""
    if cells.empty:
        return cells
    for column in settings.arms:
        require(cells, column)
    return select(cells, settings.where, settings.match_on)


def _known_name(geometry: str) -> Any:
    if geometry not in NAMES:
        raise UserError(f"no geometry {geometry!r}: expected one of {', '.join(NAMES)}")
    return geometry
