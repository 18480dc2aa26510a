"""Analyses: tables of results in, tables with intervals out. SciPy and pandas load only when one runs."""

from offdiag.analyses.analysis import StudyAnalysis
from offdiag.analyses.frames import Frames
from offdiag.analyses.selection import select, with_shots
from offdiag.analyses.transition import Transition, transition, transition_from_accuracies
from offdiag.analyses.transition_fit import TransitionFit, fit_transition

__all__ = [
    "Frames",
    "StudyAnalysis",
    "Transition",
    "TransitionFit",
    "fit_transition",
    "select",
    "transition",
    "transition_from_accuracies",
    "with_shots",
]
