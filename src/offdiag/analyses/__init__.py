"""Analyses: tables of results in, tables with intervals out. SciPy and pandas load only when one runs."""

from offdiag.analyses.analysis import ANALYSES, StudyAnalysis
from offdiag.analyses.answering_agreement import AnsweringAgreement
from offdiag.analyses.columns import numbers, truths
from offdiag.analyses.frames import Frames
from offdiag.analyses.reading import LINE_FORMATS, LineFormat, read_table
from offdiag.analyses.selection import select, with_shots
from offdiag.analyses.strata import AccuracyByStratum, accuracy_by_stratum
from offdiag.analyses.table_analysis import (
    TABLE_ANALYSES,
    TableAnalysis,
    get_table_analysis,
    register_table_analysis,
)
from offdiag.analyses.transfer_matrix import Matrix, TransferMatrices, transfer_matrices
from offdiag.analyses.transfer_matrix_of_table import TransferMatrixOfTable
from offdiag.analyses.transfer_spread import Spread, spread
from offdiag.analyses.transition import Transition, transition, transition_from_accuracies
from offdiag.analyses.transition_fit import TransitionFit, fit_transition
from offdiag.analyses.transition_of_table import TransitionOfTable
from offdiag.analyses.width_scaling import ScalingFit, fit_width_scaling, scaling_table
from offdiag.analyses.width_scaling_of_table import WidthScalingOfTable

__all__ = [
    "ANALYSES",
    "LINE_FORMATS",
    "TABLE_ANALYSES",
    "AccuracyByStratum",
    "AnsweringAgreement",
    "Frames",
    "LineFormat",
    "Matrix",
    "ScalingFit",
    "Spread",
    "StudyAnalysis",
    "TableAnalysis",
    "TransferMatrices",
    "TransferMatrixOfTable",
    "Transition",
    "TransitionFit",
    "TransitionOfTable",
    "WidthScalingOfTable",
    "accuracy_by_stratum",
    "fit_transition",
    "fit_width_scaling",
    "get_table_analysis",
    "numbers",
    "read_table",
    "register_table_analysis",
    "scaling_table",
    "select",
    "spread",
    "transfer_matrices",
    "transition",
    "transition_from_accuracies",
    "truths",
    "with_shots",
]
