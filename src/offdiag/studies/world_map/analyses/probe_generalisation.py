"""Table of probe errors: do linear probes of ordinary cities work for new cities?"""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from offdiag.analyses.analysis import StudyAnalysis
from offdiag.analyses.frames import Frames
from offdiag.analyses.selection import Where, one_per, require
from offdiag.stats import Estimate, crossed_mean, independent_difference
from offdiag.studies.world_map.analyses.city_cells import ADVICE, with_start
from offdiag.studies.world_map.analyses.city_measurements import TRAINED, final_rows, require_one_layer, tasks_of
from offdiag.studies.world_map.task import World

if TYPE_CHECKING:
    import pandas as pd

PROBES = "city_probes"
GROUPS = ("ordinary", "new")
MAPPED = "has_map"


def probe_rows(frames: Frames, where: Where, arms: Sequence[str], who: str) -> "pd.DataFrame":
    """Return the probes of fine-tuned models at one layer, one row per arm, training, seed and group of cities.

    Column ``has_map`` says whether the model's probes decode ordinary cities at all (held-out R² above 0): where they
    do not, an error on new cities says nothing.

    Raises:
        UserError: the study has no probes, several layers are left, or two rows are alike.
    """
    rows = final_rows(frames, PROBES, where)
    if rows.empty:
        return rows
    rows = with_start(rows, frames.cells)
    for column in (TRAINED, "seed", *arms):
        require(rows, column)
    tuned = rows[rows["after"].notna()] if "after" in rows else rows
    require_one_layer(tuned, who)
    one_per(tuned, [*arms, TRAINED, "seed", "group"], who, ADVICE)
    model = [*arms, TRAINED, "seed"]
    ordinary = tuned[tuned["group"] == "ordinary"]
    has_map = ordinary.loc[(ordinary["r2"] > 0).fillna(False).astype(bool), model].apply(tuple, axis=1)
    return tuned.assign(**{MAPPED: tuned[model].apply(tuple, axis=1).isin(set(has_map))})


def blind_errors(rows: "pd.DataFrame", error: Literal["error", "median"]) -> "pd.Series[float]":
    """Return the error of placing every city at the centre of the ordinary ones, by their mean or their median.

    The mean is measured with the probes; the median follows from the world, whose parameters are columns.

    Raises:
        UserError: a parameter of the world is missing.
    """
    import pandas as pd

    if error == "error":
        return rows["blind"].astype(float)
    columns = [f"train_{name}" for name in World.model_fields]
    for column in columns:
        require(rows, column)
    found = pd.Series(np.nan, index=rows.index)
    for (group, *fields), part in rows.groupby(["group", *columns], sort=False):
        world = World(**{name: getattr(value, "item", lambda v=value: v)() for name, value in
                         zip(World.model_fields, fields, strict=True)})  # fmt: skip
        found[part.index] = _median_from_centre(world, str(group))
    return found


def _median_from_centre(world: World, group: str) -> float:
    cities = world.build()
    places = np.column_stack([cities.x, cities.y]).astype(np.float64)
    asked = cities.new if group == "new" else ~cities.new
    return float(np.median(np.hypot(*(places[asked] - places[~cities.new].mean(0)).T)))


class ProbeGeneralisation(StudyAnalysis):
    """Errors of linear probes of ordinary cities, on ordinary and on new ones, with and without one task.

    ``value`` is the mean over fine-tuned models of their mean (or median) Euclidean error, in units; ``low, high`` are
    95 % over trainings and seeds (:func:`offdiag.stats.crossed_mean`; NaN for a single model). The row ``difference``
    is with minus without the task, from the two as if they were independent (Zou and Donner 2008).

    Attributes:
        arms: columns whose values tell models apart besides what they were trained on.
        split_by: the task. error: of a model over its cities, their mean (``error``) or ``median``.
    """

    tag: ClassVar[str] = "probe-generalisation"
    terminal_columns: ClassVar[tuple[str, ...]] = (
        *("model", "trained", "cities", "value", "low", "high", "blind", "n_models", "n_without_map"),
    )
    arms: tuple[str, ...] = Field(default=("model",), min_length=1)
    split_by: str = "distance"
    error: Literal["error", "median"] = "error"

    def table(self, frames: Frames) -> "pd.DataFrame":
        """Return one row per arm, group of cities and group of trainings.

        ``blind`` is the error of guessing the centre of the ordinary cities for every city, by the same ``error``.
        Models whose probes do not decode ordinary cities are in no number; ``n_without_map`` counts them.
        """
        import pandas as pd

        columns = [
            "cities",
            "trained",
            "value",
            "low",
            "high",
            "blind",
            "n_models",
            "n_without_map",
            "n_trainings",
            "n_seeds",
        ]
        rows = probe_rows(frames, self.where, self.arms, f"analysis {self.name}")
        found = [
            {**dict(zip(self.arms, key, strict=True)), **row}
            for key, of_arm in (rows.groupby(list(self.arms), sort=False) if len(rows) else ())
            for row in self._rows(of_arm)
        ]
        return pd.DataFrame(found, columns=[*self.arms, *columns])

    def _rows(self, rows: "pd.DataFrame") -> Iterator[dict[str, Any]]:
        has = np.array([self.split_by in tasks_of(str(trained)) for trained in rows[TRAINED]])
        for cities in GROUPS:
            means: dict[bool, Estimate] = {}
            for which in (True, False):
                group = rows[(has == which) & (rows["group"] == cities).to_numpy()]
                if group.empty:
                    continue
                without = int((~group[MAPPED]).sum())
                group = group[group[MAPPED]]
                if group.empty:
                    yield {"cities": cities, "trained": f"{'with' if which else 'without'} {self.split_by}",
                           "n_models": 0, "n_without_map": without, "n_trainings": 0, "n_seeds": 0}  # fmt: skip
                    continue
                wide = group.pivot(index=TRAINED, columns="seed", values=self.error)
                mean = means[which] = crossed_mean(wide.to_numpy(np.float64, na_value=np.nan))
                yield {
                    "cities": cities,
                    "trained": f"{'with' if which else 'without'} {self.split_by}",
                    **{name: getattr(mean, name) for name in ("low", "high")},
                    "value": mean.value,
                    "blind": float(blind_errors(group, self.error).mean()),
                    "n_models": len(group),
                    "n_without_map": without,
                    "n_trainings": wide.notna().any(axis=1).sum(),
                    "n_seeds": wide.notna().any(axis=0).sum(),
                }
            if len(means) == 2:
                difference = independent_difference(means[True], means[False])
                ends = {"value": difference.value, "low": difference.low, "high": difference.high}
                yield {"cities": cities, "trained": "difference", **ends}
