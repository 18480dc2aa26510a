"""How the two stages of the trigger task were learned: losses, and accuracies of snapshots, over optimizer steps."""

from typing import Any

from offdiag.figures.training_curves import TrainingCurves
from offdiag.studies.trigger_2d.figures.arms import arm_name


class TriggerTrainingCurves(TrainingCurves):
    """Training curves whose arms are named after their stage, proxy and strategy."""

    def arm_name(self, key: tuple[Any, ...]) -> str:
        known = [(column, value) for column, value in zip(self.arms, key, strict=True) if value is not None]
        return arm_name([column for column, _ in known], [value for _, value in known])
