"""Figures of a study; matplotlib loads only when one is drawn or saved."""

from offdiag.figures.accuracy_by_anchoring import AccuracyByAnchoring
from offdiag.figures.alignment_matrix import AlignmentMatrix
from offdiag.figures.alignment_transfer import AlignmentTransferFigure
from offdiag.figures.by_hardness import ByHardness
from offdiag.figures.by_stratum import ByStratum
from offdiag.figures.city_maps import CityMaps
from offdiag.figures.convergence import ConvergenceFigure
from offdiag.figures.correlation_heat_map import CorrelationHeatMap
from offdiag.figures.difference_split import DifferenceSplit
from offdiag.figures.emergence import Emergence
from offdiag.figures.episode_curves import EpisodeCurvesFigure
from offdiag.figures.figure import StudyFigure
from offdiag.figures.final_accuracies import FinalAccuracies
from offdiag.figures.geometry_learning import GeometryLearning
from offdiag.figures.hardness_histograms import HardnessHistograms
from offdiag.figures.k_shot import KShot
from offdiag.figures.layerwise_anchoring import LayerwiseAnchoring
from offdiag.figures.leakage_by_size import LeakageBySize
from offdiag.figures.leakage_matrix import LeakageMatrix
from offdiag.figures.over_draws import OverDraws
from offdiag.figures.patching import PatchingHeatMap
from offdiag.figures.plane import Plane
from offdiag.figures.probe_errors import ProbeErrors
from offdiag.figures.semantic_protection import SemanticProtectionFigure
from offdiag.figures.single_fit import SingleFit
from offdiag.figures.style import save
from offdiag.figures.supervision_gap import SupervisionGapFigure
from offdiag.figures.thresholds import ThresholdFigure
from offdiag.figures.training_bars import TrainingBars
from offdiag.figures.training_curves import TrainingCurves
from offdiag.figures.transfer import Transfer
from offdiag.figures.transfer_by_arm import TransferByArm
from offdiag.figures.transfer_matrices import TransferMatrixFigure
from offdiag.figures.trigger_ablation import TriggerAblationFigure
from offdiag.figures.width_scaling import WidthScalingPlot, draw_width_scaling
from offdiag.figures.world import WorldMapFigure, draw_world

__all__ = [
    "AccuracyByAnchoring",
    "AlignmentMatrix",
    "AlignmentTransferFigure",
    "ByHardness",
    "ByStratum",
    "CityMaps",
    "ConvergenceFigure",
    "CorrelationHeatMap",
    "DifferenceSplit",
    "Emergence",
    "EpisodeCurvesFigure",
    "FinalAccuracies",
    "GeometryLearning",
    "HardnessHistograms",
    "KShot",
    "LayerwiseAnchoring",
    "LeakageBySize",
    "LeakageMatrix",
    "OverDraws",
    "PatchingHeatMap",
    "Plane",
    "ProbeErrors",
    "SemanticProtectionFigure",
    "SingleFit",
    "StudyFigure",
    "SupervisionGapFigure",
    "ThresholdFigure",
    "TrainingBars",
    "TrainingCurves",
    "Transfer",
    "TransferByArm",
    "TransferMatrixFigure",
    "TriggerAblationFigure",
    "WidthScalingPlot",
    "WorldMapFigure",
    "draw_width_scaling",
    "draw_world",
    "save",
]
