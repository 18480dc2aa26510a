"""Table of the normalised improvement of each fine-tuned arm on each geometry of new cities."""

from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from offdiag.analyses.frames import Frames
from offdiag.analyses.selection import DONE
from offdiag.stats.bootstrap import seeds_and_items_ends
from offdiag.studies.world_map.analyses.city_cells import Centre, CityAnalysis, measure_of
from offdiag.studies.world_map.analyses.improvement import ArmScores, arm_scores, replicates, score_resamples
from offdiag.studies.world_map.analyses.resamples import CityResamples

if TYPE_CHECKING:
    import pandas as pd


class TransferImprovement(CityAnalysis):
    """Normalised improvement of every fine-tuned arm on every geometry of new cities.

    0 is the model before fine-tuning on new cities, 1 the model before fine-tuning on ordinary ones, each of the same
    width and seed (Park 2026, arXiv 2602.00533); see
    :func:`offdiag.studies.world_map.analyses.improvement.normalised_improvement`.
    """

    tag: ClassVar[str] = "transfer-improvement"

    def table(self, frames: Frames) -> "pd.DataFrame":
        """Return one row per arm and geometry, averaged over seeds.

        ``value, before, reference`` are accuracies or mean errors of the parsed answers, over the seeds that are in the
        improvement (over all that answered, where the row has ``no scale``), ``unparsed, before_unparsed,
        reference_unparsed`` the shares of answers that could not be read. ``improvement`` is not clipped and has the
        95 % interval ``low, high`` over items (the same for all three, where they are the same) and seeds; ``clipped``
        is the mean over seeds of the improvement clipped to 0 … 1.5. ``by_median`` and its ends are the same from
        median errors; empty for words. ``n_undefined`` counts seeds without a scale, since the model before was not
        credibly better on ordinary cities (:func:`offdiag.studies.world_map.analyses.scale.has_scale`); they are in no
        improvement, and a row that has no other is ``no scale``. What is not done is a row without numbers, with its
        ``state``.

        Raises:
            UserError: as :func:`offdiag.studies.world_map.analyses.city_cells.fine_tuned`, or a finished cell has no
                records.
        """
        import pandas as pd

        scores = arm_scores(frames, self)
        if not scores:
            return pd.DataFrame()
        medians = {_place(score): score for score in arm_scores(frames, self, "median")}
        resamples = score_resamples([*scores, *medians.values()], frames, self)  # either may lack a scale
        return pd.DataFrame([self._row(score, medians[_place(score)], resamples) for score in scores])

    def _row(self, mean: ArmScores, median: ArmScores, resamples: CityResamples) -> dict[str, Any]:
        """Return the row of one arm and geometry, from its scores by mean and by median errors."""
        numbers = measure_of(mean.evaluated) == "error"
        low, high = _interval(mean, resamples, "mean")
        median_low, median_high = _interval(median, resamples, "median") if numbers else (np.nan, np.nan)
        row = dict(zip(self.arms, mean.key, strict=True)) | {"trained": mean.trained, "evaluated": mean.evaluated}
        row |= {"taught": mean.taught, "measure": measure_of(mean.evaluated)}
        row |= {"state": mean.state, "improvement": mean.mean("unclipped"), "low": low, "high": high}
        row |= {"clipped": mean.mean("clipped")}
        row |= {"by_median": median.mean("unclipped") if numbers else np.nan}
        row |= {"by_median_low": median_low, "by_median_high": median_high}
        row |= {name: _mean(mean, name) for name in ("value", "before", "reference")}
        row |= {f"{name}unparsed": _unparsed(mean, name) for name in ("", "before_", "reference_")}
        row |= {"n_items": max((int(one["n"]) for one in mean.answered), default=0), "n_seeds": len(mean.done)}
        return row | {"n_planned_seeds": len(mean.rows), "n_undefined": len(mean.answered) - len(mean.done)}


def _interval(scores: ArmScores, resamples: CityResamples, centre: Centre) -> tuple[float, float]:
    by_seed = [replicates(row, resamples, centre) for row in scores.done.values()]
    return seeds_and_items_ends(scores.values("unclipped"), by_seed)


def _mean(scores: ArmScores, name: str) -> float:
    values = [float(row[name]) for row in scores.done.values() or scores.answered]
    return float(np.mean(values)) if values else np.nan


def _place(scores: ArmScores) -> tuple[Any, ...]:
    return (*scores.key, scores.trained, scores.evaluated)


def _unparsed(scores: ArmScores, prefix: str) -> float:
    """Return the share of answers that could not be read, over all finished cells."""
    done = [row for row in scores.rows if row[f"{prefix}state"] == DONE]
    asked = sum(row[f"{prefix}n"] for row in done)
    return sum(row[f"{prefix}n_unparsed"] for row in done) / asked if asked else np.nan
