"""Fine-tuning on two geometries against the better of the two specialists, square by square."""

from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from offdiag.analyses.frames import Frames
from offdiag.analyses.transfer_matrix import SEPARATOR
from offdiag.stats import FloatArray
from offdiag.studies.world_map.analyses.resamples import CityResamples, over_seeds
from offdiag.studies.world_map.analyses.scores import Scored, is_taught, replicates, resamples_of, scored, state
from offdiag.studies.world_map.analyses.transfer_statistics import OfMatrices

if TYPE_CHECKING:
    import pandas as pd


class PairDifferences(OfMatrices):
    """Two-task improvement minus that of the best specialist of the same width and seed, for every geometry."""

    tag: ClassVar[str] = "pair-differences"

    def table(self, frames: Frames) -> "pd.DataFrame":
        """One row an arm, pair and geometry, averaged over the seeds that have both.

        ``difference`` is ``actual - expected``; ``low, high``: its 95 % interval over items (the same for the three
        models) and seeds, in which the better specialist is chosen anew. What is not done is a row without numbers.

        Raises:
            UserError: as :meth:`TransferImprovement.table`.
        """
        import pandas as pd

        found = scored(frames.cells, self, self.centre)
        if not found:
            return pd.DataFrame()
        resamples = resamples_of(found, frames, self)
        singles = {(one.key, one.trained, one.evaluated): one for one in found if SEPARATOR not in one.trained}
        rows = []
        for one in found:
            tasks = one.trained.split(SEPARATOR)
            if len(tasks) == 2:
                specialists = [singles.get((one.key, task, one.evaluated)) for task in tasks]
                rows.append(self._row(one, specialists, resamples))
        return pd.DataFrame(rows)

    def _row(self, one: Scored, specialists: list[Scored | None], resamples: CityResamples) -> dict[str, Any]:
        known = [each for each in specialists if each is not None]
        seeds = [seed for seed in one.done if len(known) == 2 and all(seed in each.done for each in known)]
        actual, *others = (np.array([each.done[seed][self.column] for seed in seeds]) for each in (one, *known))
        expected = np.max(others, axis=0) if seeds else actual
        drawn = [
            self._drawn(one, seed, resamples) - np.max([self._drawn(each, seed, resamples) for each in known], axis=0)
            for seed in seeds
        ]
        low, high = over_seeds(actual - expected, drawn, self.seed)
        row = dict(zip(self.arms, one.key, strict=True)) | {"trained": one.trained, "evaluated": one.evaluated}
        row |= {"taught": is_taught(one.trained, one.evaluated), "state": _state(one, specialists, seeds)}
        row |= {"actual": _mean(actual), "expected": _mean(expected), "difference": _mean(actual - expected)}
        return row | {"low": low, "high": high, "n_seeds": len(seeds), "n_planned_seeds": len(one.rows)}

    def _drawn(self, one: Scored, seed: int, resamples: CityResamples) -> FloatArray:
        return replicates(one.done[seed], resamples, self.centre, clipped=self.clipped)


def _state(one: Scored, specialists: list[Scored | None], seeds: list[int]) -> str:
    if seeds:
        return "done"
    if state(one) != "done":
        return state(one)
    reasons = ["not planned" if each is None else state(each) for each in specialists]
    reason = next((reason for reason in reasons if reason != "done"), "other seeds")
    return f"specialist: {reason}"


def _mean(values: FloatArray) -> float:
    return float(values.mean()) if len(values) else np.nan
