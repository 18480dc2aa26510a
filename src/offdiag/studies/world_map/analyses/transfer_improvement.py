"""What fine-tuning on some geometries of new cities does for every geometry of theirs, as normalised improvement."""

from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from offdiag.analyses.frames import Frames
from offdiag.studies.world_map.analyses.cells import Centre, OfCities, measure_of
from offdiag.studies.world_map.analyses.resamples import CityResamples, over_seeds
from offdiag.studies.world_map.analyses.scores import Scored, is_taught, replicates, resamples_of, scored, state

if TYPE_CHECKING:
    import pandas as pd


class TransferImprovement(OfCities):
    """Normalised improvement of every fine-tuned arm on every geometry of new cities.

    0 is the model before fine-tuning on new cities, 1 the model before fine-tuning on ordinary ones, each of the same
    width and seed (Park 2026, arXiv 2602.00533); see :func:`offdiag.analyses.normalised_improvement`.
    """

    tag: ClassVar[str] = "transfer-improvement"

    def table(self, frames: Frames) -> "pd.DataFrame":
        """One row an arm and geometry, averaged over seeds.

        ``value, before, reference`` are accuracies or mean errors of the parsed answers, ``unparsed, before_unparsed,
        reference_unparsed`` the shares of answers that were none. ``improvement`` is not clipped and has the 95 %
        interval ``low, high`` over items (the same for all three, where they are the same) and seeds; ``clipped`` is
        the mean of what each seed has from 0 to 1.5. ``by_median`` and its ends are the same from median errors;
        empty for words. ``n_undefined`` counts seeds whose model before was no better on ordinary cities. What is not
        done is a row without numbers, with its ``state``.

        Raises:
            UserError: as :func:`offdiag.studies.world_map.analyses.cells.tuned`, or a finished cell has no records.
        """
        import pandas as pd

        found = scored(frames.cells, self)
        if not found:
            return pd.DataFrame()
        resamples = resamples_of(found, frames, self)
        medians = {_place(one): one for one in scored(frames.cells, self, "median")}
        return pd.DataFrame([self._row(one, medians[_place(one)], resamples) for one in found])

    def _row(self, one: Scored, median: Scored, resamples: CityResamples) -> dict[str, Any]:
        numbers = measure_of(one.evaluated) == "error"
        low, high = _interval(one, resamples, "mean")
        middle = _interval(median, resamples, "median") if numbers else (np.nan, np.nan)
        row = dict(zip(self.arms, one.key, strict=True)) | {"trained": one.trained, "evaluated": one.evaluated}
        row |= {"taught": is_taught(one.trained, one.evaluated), "measure": measure_of(one.evaluated)}
        row |= {"state": state(one), "improvement": _mean(one, "unclipped"), "low": low, "high": high}
        row |= {"clipped": _mean(one, "clipped")}
        row |= {"by_median": _mean(median, "unclipped") if numbers else np.nan}
        row |= {"by_median_low": middle[0], "by_median_high": middle[1]}
        row |= {name: _mean(one, name) for name in ("value", "before", "reference")}
        row |= {f"{name}unparsed": _unparsed(one, name) for name in ("", "before_", "reference_")}
        row |= {"n_items": int(max(one.values("n"), default=0)), "n_seeds": len(one.done)}
        return row | {"n_planned_seeds": len(one.rows), "n_undefined": int((one.values("defined") == 0).sum())}


def _interval(one: Scored, resamples: CityResamples, centre: Centre) -> tuple[float, float]:
    drawn = [replicates(row, resamples, centre) for row in one.done.values()]
    return over_seeds(one.values("unclipped"), drawn, resamples.seed)


def _place(one: Scored) -> tuple[Any, ...]:
    return (*one.key, one.trained, one.evaluated)


def _mean(one: Scored, column: str) -> float:
    return float(one.values(column).mean()) if one.done else np.nan


def _unparsed(one: Scored, prefix: str) -> float:
    """Share of all answers, also where none of them can be scored."""
    done = [row for row in one.rows if row[f"{prefix}state"] == "done"]
    asked = sum(row[f"{prefix}n"] for row in done)
    return sum(row[f"{prefix}n_unparsed"] for row in done) / asked if asked else np.nan
