"""Table of synergy: models of two geometries minus the better model of one, per cell."""

from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from offdiag.analyses.frames import Frames
from offdiag.analyses.selection import DONE
from offdiag.analyses.transfer_matrix import SEPARATOR
from offdiag.stats import FloatArray, holm
from offdiag.stats.bootstrap import seeds_and_items_mean
from offdiag.studies.world_map.analyses.improvement import ArmScores, arm_scores, replicates, score_resamples
from offdiag.studies.world_map.analyses.resamples import CityResamples
from offdiag.studies.world_map.analyses.transfer_statistics import TransferAnalysis

if TYPE_CHECKING:
    import pandas as pd


class PairDifferences(TransferAnalysis):
    """Two-task improvement minus that of the better specialist of the same width and seed, for every geometry."""

    tag: ClassVar[str] = "pair-differences"

    def table(self, frames: Frames) -> "pd.DataFrame":
        """Return one row per arm, pair and geometry, averaged over the seeds that have all three models.

        ``difference`` is ``actual - expected``; ``low, high``: its 95 % interval over items (the same for the three
        models) and seeds; ``p_value`` is that of 0, and ``p_holm`` the same adjusted for all rows. The better
        specialist is chosen anew in every resample, so that the interval counts the advantage of having chosen the
        better of two. What is not done is a row without numbers.

        Raises:
            UserError: as :meth:`TransferImprovement.table`.
        """
        import pandas as pd

        scores = arm_scores(frames.cells, self, self.centre)
        if not scores:
            return pd.DataFrame()
        resamples = score_resamples(scores, frames, self)
        singles = {(of.key, of.trained, of.evaluated): of for of in scores if SEPARATOR not in of.trained}
        rows = []
        for pair in scores:
            tasks = pair.trained.split(SEPARATOR)
            if len(tasks) == 2:
                specialists = [singles.get((pair.key, task, pair.evaluated)) for task in tasks]
                rows.append(self._row(pair, specialists, resamples))
        table = pd.DataFrame(rows)
        return table.assign(p_holm=holm(table["p_value"])) if rows else table

    def _row(self, pair: ArmScores, specialists: list[ArmScores | None], resamples: CityResamples) -> dict[str, Any]:
        planned = [single for single in specialists if single is not None]
        seeds = [seed for seed in pair.done if len(planned) == 2 and all(seed in single.done for single in planned)]
        actual, *singles = (np.array([of.done[seed][self.column] for seed in seeds]) for of in (pair, *planned))
        expected = np.max(singles, axis=0) if seeds else actual
        by_seed = [
            self._replicates(pair, seed, resamples)
            - np.max([self._replicates(single, seed, resamples) for single in planned], axis=0)
            for seed in seeds
        ]
        found = seeds_and_items_mean(actual - expected, by_seed)
        row = dict(zip(self.arms, pair.key, strict=True)) | {"trained": pair.trained, "evaluated": pair.evaluated}
        row |= {"taught": pair.taught, "state": _state(pair, specialists, seeds)}
        row |= {"actual": _mean(actual), "expected": _mean(expected), "difference": _mean(actual - expected)}
        return row | {
            "low": found.low,
            "high": found.high,
            "p_value": found.p_value,
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
