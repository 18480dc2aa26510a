"""What the figures of transfer matrices have in common."""

from abc import ABC

from offdiag.figures.figure import StudyFigure
from offdiag.studies.world_map.analyses.cells import ARMS, Centre
from offdiag.studies.world_map.analyses.transfer_statistics import TransferStatistics


class OfMatricesFigure(StudyFigure, ABC):
    """A figure of :class:`offdiag.analyses.TransferStatistics`.

    Attributes:
        arms: columns whose values make a panel, or a place along x, each.
        centre, clipped, split_by: see :class:`offdiag.analyses.TransferStatistics`.
    """

    arms: tuple[str, ...] = ARMS
    centre: Centre = "mean"
    clipped: bool = True
    split_by: str = "distance"

    @property
    def settings(self) -> TransferStatistics:
        """The analysis with the same settings."""
        shared = {"name": self.name, "where": self.where, "match_on": self.match_on, "arms": self.arms}
        return TransferStatistics(**shared, centre=self.centre, clipped=self.clipped, split_by=self.split_by)
