"""Figures of a study; matplotlib loads only when one is drawn or saved."""

from offdiag.figures.accuracy_by_anchoring import AccuracyByAnchoring
from offdiag.figures.by_stratum import ByStratum
from offdiag.figures.episode_curves import EpisodeCurvesFigure
from offdiag.figures.figure import StudyFigure
from offdiag.figures.k_shot import KShot
from offdiag.figures.layerwise_anchoring import LayerwiseAnchoring
from offdiag.figures.leakage_matrix import LeakageMatrix
from offdiag.figures.plane import Plane
from offdiag.figures.single_fit import SingleFit
from offdiag.figures.style import save
from offdiag.figures.thresholds import ThresholdFigure
from offdiag.figures.transfer import Transfer
from offdiag.figures.width_scaling import WidthScalingPlot, draw_width_scaling
from offdiag.figures.world import WorldMapFigure, draw_world

__all__ = [
    "AccuracyByAnchoring",
    "ByStratum",
    "EpisodeCurvesFigure",
    "KShot",
    "LayerwiseAnchoring",
    "LeakageMatrix",
    "Plane",
    "SingleFit",
    "StudyFigure",
    "ThresholdFigure",
    "Transfer",
    "WidthScalingPlot",
    "WorldMapFigure",
    "draw_width_scaling",
    "draw_world",
    "save",
]
