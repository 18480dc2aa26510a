"""Figures of a study; matplotlib loads only when one is drawn or saved."""

from offdiag.figures.figure import StudyFigure
from offdiag.figures.k_shot import KShot
from offdiag.figures.style import save
from offdiag.figures.transfer import Transfer

__all__ = ["KShot", "StudyFigure", "Transfer", "save"]
