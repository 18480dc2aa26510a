"""The contract of a figure: frames in, matplotlib figure out."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from textwrap import fill, shorten
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from offdiag.analyses import Frames
from offdiag.errors import NotPlannedError
from offdiag.figures.scatter_3d import Scatter3D
from offdiag.figures.style import heading, new_figure
from offdiag.identity import Identity
from offdiag.registry import Registry

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class StudyFigure(Identity, ABC):
    """Base of a figure of a study; its fields are its settings.

    Attributes:
        takes_scores: as for :class:`offdiag.analyses.StudyAnalysis`.
        name: names the file. caption: what the figure shows and which claim it tests.
        where: column -> value; only those rows are drawn. See :func:`offdiag.analyses.select`.
        match_on: domain parameters on which training and evaluation must agree, e.g. ``("base",)``.
    """

    tag: ClassVar[str] = "figure"
    takes_scores: ClassVar[bool] = False
    name: str = Field(pattern=r"^[a-z0-9][a-z0-9._-]*$")
    caption: str = ""
    where: Mapping[str, str | int | float | bool] = {}
    match_on: tuple[str, ...] = ()

    @abstractmethod
    def plot(self, frames: Frames) -> "Figure":
        """Plot the frames of a run at any state.

        Raises:
            UserError: the selection is empty, or two rows have the same place in the figure.
        """

    def scatter_3d(self, frames: Frames) -> Scatter3D | None:
        """Return what an interactive page beside the figure shows; None where there is none."""
        return None


def drawn(figure: StudyFigure, frames: Frames) -> "tuple[Figure, Scatter3D | None]":
    """Return the figure and what its interactive page shows; a blank one with the reason where nothing is planned."""
    try:
        return figure.plot(frames), figure.scatter_3d(frames)
    except NotPlannedError as error:
        blank = new_figure(8, 1.6)
        heading(blank, f"{figure.name}: not planned", fill(shorten(str(error), 300, placeholder=" …"), 110))
        return blank, None


FIGURES = Registry[type[StudyFigure]]("figure", "offdiag.figures", StudyFigure)
