"""Figures of a study; matplotlib loads only when one is drawn or saved."""

from offdiag.figures.by_stratum import ByStratum
from offdiag.figures.figure import FIGURES, StudyFigure, drawn
from offdiag.figures.k_shot import KShot
from offdiag.figures.single_fit import SingleFit
from offdiag.figures.style import save
from offdiag.figures.training_curves import TrainingCurves
from offdiag.figures.transfer import Transfer

__all__ = [
    "FIGURES",
    "ByStratum",
    "KShot",
    "SingleFit",
    "StudyFigure",
    "TrainingCurves",
    "Transfer",
    "drawn",
    "save",
]
