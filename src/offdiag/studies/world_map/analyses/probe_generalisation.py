"""Whether new cities come to lie on the map of the others, by what the model learnt about them."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from offdiag.analyses.analysis import StudyAnalysis
from offdiag.analyses.frames import Frames
from offdiag.analyses.selection import Where, require
from offdiag.errors import UserError
from offdiag.stats import CrossedMean, crossed_mean, independent_difference
from offdiag.stats.intervals import Estimate
from offdiag.studies.world_map.analyses.rows import TRAINED, ended_rows, tasks_of

if TYPE_CHECKING:
    import pandas as pd

PROBES = "city_probes"
GROUPS = ("ordinary", "new")


def probe_rows(frames: Frames, where: Where, arms: Sequence[str], name: str) -> "pd.DataFrame":
    """The probes of fine-tuned models at one layer, one row an arm, training, seed and group of cities.

    Raises:
        UserError: the study has no probes, several layers are left, or two models claim one place.
    """
    rows = ended_rows(frames, PROBES, where)
    if rows.empty:
        return rows
    for column in (TRAINED, "seed", *arms):
        require(rows, column)
    tuned = rows[rows["after"].notna()] if "after" in rows else rows
    layers = sorted(tuned["layer"].unique())
    if len(layers) > 1:
        raise UserError(f"{name}: probes of layers {', '.join(map(str, layers))}; choose one with where={{'layer': …}}")
    if tuned.duplicated(spot := [*arms, TRAINED, "seed", "group"]).any():
        raise UserError(f"{name}: two models of one {', '.join(spot[:-1])}: tell them apart with arms= or where=")
    return tuned


class ProbeGeneralisation(StudyAnalysis):
    """Errors of linear probes of ordinary cities, on ordinary and on new ones, with and without one task.

    ``value`` is the mean over fine-tuned models of their mean (or median) Euclidean error, in units; ``low, high`` are
    95 % over trainings and seeds (:func:`offdiag.stats.crossed_mean`; NaN for a single model). The row ``difference``
    is with minus without the task, from the two as if they were independent (Zou and Donner 2008).

    Attributes:
        arms: columns whose values tell models apart besides what they were trained on.
        split_by: the task. error: of a model, over its cities.
    """

    tag: ClassVar[str] = "probe-generalisation"
    terminal_columns: ClassVar[tuple[str, ...]] = (
        *("model", "trained", "cities", "value", "low", "high", "blind", "n_models"),
    )
    arms: tuple[str, ...] = Field(default=("model",), min_length=1)
    split_by: str = "distance"
    error: Literal["error", "median"] = "error"

    def table(self, frames: Frames) -> "pd.DataFrame":
        """One row a group of cities and of trainings, with ``blind``, the error of one guess for all cities."""
        import pandas as pd

        columns = ["cities", "trained", "value", "low", "high", "blind", "n_models", "n_trainings", "n_seeds"]
        rows = probe_rows(frames, self.where, self.arms, self.name)
        found = [
            {**dict(zip(self.arms, key, strict=True)), **row}
            for key, few in (rows.groupby(list(self.arms), sort=False) if len(rows) else ())
            for row in self._rows(few)
        ]
        return pd.DataFrame(found, columns=[*self.arms, *columns])

    def _rows(self, rows: "pd.DataFrame") -> Iterator[dict[str, Any]]:
        has = np.array([self.split_by in tasks_of(str(trained)) for trained in rows[TRAINED]])
        for cities in GROUPS:
            means: dict[bool, CrossedMean] = {}
            for which in (True, False):
                group = rows[(has == which) & (rows["group"] == cities).to_numpy()]
                if group.empty:
                    continue
                wide = group.pivot(index=TRAINED, columns="seed", values=self.error)
                mean = means[which] = crossed_mean(wide.to_numpy(np.float64, na_value=np.nan))
                yield {
                    "cities": cities,
                    "trained": f"{'with' if which else 'without'} {self.split_by}",
                    **{name: getattr(mean, name) for name in ("low", "high")},
                    "value": mean.mean,
                    "blind": float(group["blind"].mean()),
                    "n_models": len(group),
                    "n_trainings": mean.shape[0],
                    "n_seeds": mean.shape[1],
                }
            if len(means) == 2:
                one, other = (
                    Estimate(means[which].mean, means[which].low, means[which].high) for which in (True, False)
                )
                ends = independent_difference(one, other)._asdict()
                yield {"cities": cities, "trained": "difference", **ends}
