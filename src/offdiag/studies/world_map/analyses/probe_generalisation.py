"""Table of probe errors: do linear probes of ordinary cities work for new cities?"""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from offdiag.analyses.analysis import StudyAnalysis
from offdiag.analyses.frames import Frames
from offdiag.analyses.selection import Where, one_per, require
from offdiag.stats import Estimate, crossed_mean, independent_difference
from offdiag.studies.world_map.analyses.city_cells import ADVICE
from offdiag.studies.world_map.analyses.city_measurements import TRAINED, final_rows, require_one_layer, tasks_of

if TYPE_CHECKING:
    import pandas as pd

PROBES = "city_probes"
GROUPS = ("ordinary", "new")


def probe_rows(frames: Frames, where: Where, arms: Sequence[str], who: str) -> "pd.DataFrame":
    """Return the probes of fine-tuned models at one layer, one row per arm, training, seed and group of cities.

    Raises:
        UserError: the study has no probes, several layers are left, or two rows are alike.
    """
    rows = final_rows(frames, PROBES, where)
    if rows.empty:
        return rows
    for column in (TRAINED, "seed", *arms):
        require(rows, column)
    tuned = rows[rows["after"].notna()] if "after" in rows else rows
    require_one_layer(tuned, who)
    one_per(tuned, [*arms, TRAINED, "seed", "group"], who, ADVICE)
    return tuned


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
        *("model", "trained", "cities", "value", "low", "high", "blind", "n_models"),
    )
    arms: tuple[str, ...] = Field(default=("model",), min_length=1)
    split_by: str = "distance"
    error: Literal["error", "median"] = "error"

    def table(self, frames: Frames) -> "pd.DataFrame":
        """Return one row per arm, group of cities and group of trainings.

        ``blind`` is the error of guessing the centre of the ordinary cities for every city.
        """
        import pandas as pd

        columns = ["cities", "trained", "value", "low", "high", "blind", "n_models", "n_trainings", "n_seeds"]
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
                wide = group.pivot(index=TRAINED, columns="seed", values=self.error)
                mean = means[which] = crossed_mean(wide.to_numpy(np.float64, na_value=np.nan))
                yield {
                    "cities": cities,
                    "trained": f"{'with' if which else 'without'} {self.split_by}",
                    **{name: getattr(mean, name) for name in ("low", "high")},
                    "value": mean.value,
                    "blind": float(group["blind"].mean()),
                    "n_models": len(group),
                    "n_trainings": wide.notna().any(axis=1).sum(),
                    "n_seeds": wide.notna().any(axis=0).sum(),
                }
            if len(means) == 2:
                difference = independent_difference(means[True], means[False])
                ends = {"value": difference.value, "low": difference.low, "high": difference.high}
                yield {"cities": cities, "trained": "difference", **ends}
