"""Table of synergy: models of several geometries minus the best model of one, per cell."""

from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from offdiag.analyses.frames import Frames
from offdiag.analyses.selection import DONE
from offdiag.analyses.transfer_matrix import MOST_TASKS
from offdiag.stats import FloatArray, holm
from offdiag.stats.bootstrap import seeds_and_items_mean
from offdiag.studies.world_map.analyses.city_cells import TransferAnalysis
from offdiag.studies.world_map.analyses.improvement import ArmScores, arm_scores, replicates, score_resamples
from offdiag.studies.world_map.analyses.resamples import CityResamples
from offdiag.studies.world_map.analyses.specialists import held_out_differences, shared_seeds, specialists_of

if TYPE_CHECKING:
    import pandas as pd


class PairDifferences(TransferAnalysis):
    """Improvement of several tasks minus that of the best specialist of the same width and seed, for every geometry."""

    tag: ClassVar[str] = "pair-differences"

    def table(self, frames: Frames) -> "pd.DataFrame":
        """Return one row per arm, training and geometry, averaged over the seeds that have all its models.

        ``difference`` is ``actual - expected``, as published: ``expected`` is the best of noisy scores, so the
        difference is too low. ``held_out`` is the difference to a specialist that other answers chose (see
        :mod:`offdiag.studies.world_map.analyses.specialists`), which has no such bias. ``low, high``: 95 % interval
        over items (the same for all models) and seeds; ``p_value`` is that of 0, and ``p_holm`` the same adjusted for
        all rows; those of ``held_out`` begin with ``held_out_``. The specialist is chosen anew in every resample, so
        that the intervals count that it was chosen. What is not done is a row without numbers.

        Raises:
            UserError: as :meth:`TransferImprovement.table`.
        """
        import pandas as pd

        scores = arm_scores(frames, self, self.centre)
        resamples = score_resamples(scores, frames, self)
        compared = [one for one in specialists_of(scores) if len(one[1]) <= MOST_TASKS]
        table = pd.DataFrame([self._row(several, specialists, resamples) for several, specialists in compared])
        if table.empty:
            return table
        return table.assign(**{f"{of}p_holm": holm(table[f"{of}p_value"]) for of in ("", "held_out_")})

    def _row(self, pair: ArmScores, specialists: list[ArmScores | None], resamples: CityResamples) -> dict[str, Any]:
        planned = [single for single in specialists if single is not None]
        seeds = shared_seeds(pair, specialists)
        actual, *singles = (np.array([of.done[seed][self.column] for seed in seeds]) for of in (pair, *planned))
        expected = np.max(singles, axis=0) if seeds else actual
        by_seed = [
            self._replicates(pair, seed, resamples)
            - np.max([self._replicates(single, seed, resamples) for single in planned], axis=0)
            for seed in seeds
        ]
        found = seeds_and_items_mean(actual - expected, by_seed)
        held_out = held_out_differences(pair, planned, seeds, resamples, self) if seeds else np.empty((0, 1))
        fair = seeds_and_items_mean(held_out[:, 0], list(held_out[:, 1:]))
        row = dict(zip(self.arms, pair.key, strict=True)) | {"trained": pair.trained, "evaluated": pair.evaluated}
        row |= {"taught": pair.taught, "state": _state(pair, specialists, seeds)}
        row |= {"actual": _mean(actual), "expected": _mean(expected), "difference": _mean(actual - expected)}
        row |= {"low": found.low, "high": found.high, "p_value": found.p_value}
        row |= {"held_out": fair.value, "held_out_low": fair.low, "held_out_high": fair.high}
        return row | {
            "held_out_p_value": fair.p_value,
            "n_seeds": len(seeds),
            "n_planned_seeds": len(pair.rows),
        }

    def _replicates(self, scores: ArmScores, seed: int, resamples: CityResamples) -> FloatArray:
        return replicates(scores.done[seed], resamples, self.centre, clipped=self.clipped)


def _state(pair: ArmScores, specialists: list[ArmScores | None], seeds: list[int]) -> str:
    """Return ``done``, or why there is no difference: the pair's state, else that of its specialists."""
    if seeds:
        return DONE
    if pair.state != DONE:
        return pair.state
    reasons = ["not planned" if single is None else single.state for single in specialists]
    reason = next((reason for reason in reasons if reason != DONE), "other seeds")
    return f"specialist: {reason}"


def _mean(values: FloatArray) -> float:
    return float(values.mean()) if len(values) else np.nan
