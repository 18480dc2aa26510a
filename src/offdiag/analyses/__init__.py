"""Analyses: tables of results in, tables with intervals out. SciPy and pandas load only when one runs."""

from offdiag.analyses.accuracy_by_hardness import AccuracyByHardness
from offdiag.analyses.accuracy_grid import AccuracyGrid
from offdiag.analyses.alignment_transfer import AlignmentTransfer
from offdiag.analyses.analysis import StudyAnalysis
from offdiag.analyses.anchoring import AnchoringScores
from offdiag.analyses.anchoring_correlation import AnchoringCorrelation
from offdiag.analyses.answering_agreement import AnsweringAgreement
from offdiag.analyses.city_alignment import Convergence, cka_table
from offdiag.analyses.draws import AccuracyOverDraws
from offdiag.analyses.forgetting import Forgetting
from offdiag.analyses.frames import Frames
from offdiag.analyses.generalisation_gap import GeneralisationGap
from offdiag.analyses.handed_on import HandedOn
from offdiag.analyses.hardness_summary import HardnessSummary
from offdiag.analyses.improvement import Improvement, normalised_improvement
from offdiag.analyses.leakage import Leakage, LeakageByTrigger
from offdiag.analyses.learnt import Learnt
from offdiag.analyses.measure_correlations import MeasureCorrelations
from offdiag.analyses.pair_differences import PairDifferences
from offdiag.analyses.patching import PatchingRecovery
from offdiag.analyses.probe_generalisation import ProbeGeneralisation
from offdiag.analyses.protection import Protection
from offdiag.analyses.reading import read_table
from offdiag.analyses.selection import select, with_shots
from offdiag.analyses.semantic_protection import ProtectionBySimilarity, SemanticProtection
from offdiag.analyses.state_sizes import StatesKept
from offdiag.analyses.strata import AccuracyByStratum, accuracy_by_stratum
from offdiag.analyses.supervision_gap import SupervisionGapRecovered
from offdiag.analyses.supervision_tests import SupervisionTests
from offdiag.analyses.table_analysis import (
    TableAnalysis,
    get_table_analysis,
    register_table_analysis,
    table_analyses,
)
from offdiag.analyses.task_learning import TaskLearning
from offdiag.analyses.thresholds import Thresholds, ThresholdSlopes
from offdiag.analyses.transfer_improvement import TransferImprovement
from offdiag.analyses.transfer_matrix import Matrix, TransferMatrices, transfer_matrices
from offdiag.analyses.transfer_matrix_of_table import TransferMatrixOfTable
from offdiag.analyses.transfer_spread import Spread, spread
from offdiag.analyses.transfer_statistics import TransferStatistics
from offdiag.analyses.transition import Transition, transition, transition_from_accuracies
from offdiag.analyses.transition_fit import TransitionFit, fit_transition
from offdiag.analyses.transition_of_table import TransitionOfTable
from offdiag.analyses.trigger_ablation import TriggerAblationRates
from offdiag.analyses.width_scaling import ScalingFit, fit_width_scaling, scaling_table
from offdiag.analyses.width_scaling_of import WidthScaling, WidthScalingOfTable

__all__ = [
    "AccuracyByHardness",
    "AccuracyByStratum",
    "AccuracyGrid",
    "AccuracyOverDraws",
    "AlignmentTransfer",
    "AnchoringCorrelation",
    "AnchoringScores",
    "AnsweringAgreement",
    "Convergence",
    "Forgetting",
    "Frames",
    "GeneralisationGap",
    "HandedOn",
    "HardnessSummary",
    "Improvement",
    "Leakage",
    "LeakageByTrigger",
    "Learnt",
    "Matrix",
    "MeasureCorrelations",
    "PairDifferences",
    "PatchingRecovery",
    "ProbeGeneralisation",
    "Protection",
    "ProtectionBySimilarity",
    "ScalingFit",
    "SemanticProtection",
    "Spread",
    "StatesKept",
    "StudyAnalysis",
    "SupervisionGapRecovered",
    "SupervisionTests",
    "TableAnalysis",
    "TaskLearning",
    "ThresholdSlopes",
    "Thresholds",
    "TransferImprovement",
    "TransferMatrices",
    "TransferMatrixOfTable",
    "TransferStatistics",
    "Transition",
    "TransitionFit",
    "TransitionOfTable",
    "TriggerAblationRates",
    "WidthScaling",
    "WidthScalingOfTable",
    "accuracy_by_stratum",
    "cka_table",
    "fit_transition",
    "fit_width_scaling",
    "get_table_analysis",
    "normalised_improvement",
    "read_table",
    "register_table_analysis",
    "scaling_table",
    "select",
    "spread",
    "table_analyses",
    "transfer_matrices",
    "transition",
    "transition_from_accuracies",
    "with_shots",
]
