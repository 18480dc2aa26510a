"""Labelling points under trigger words: after Azarbal et al. (2025), "Selective Generalization"."""

from offdiag.studies.trigger_2d.task.domain import TriggerDomain
from offdiag.studies.trigger_2d.task.task import Trigger2D
from offdiag.studies.trigger_2d.task.world import QUADRANTS, Category, Rule, TriggerWorld, quadrant
from offdiag.studies.trigger_2d.task.worlds import HALVES, QUARTERS, find_world

__all__ = [
    "HALVES",
    "QUADRANTS",
    "QUARTERS",
    "Category",
    "Rule",
    "Trigger2D",
    "TriggerDomain",
    "TriggerWorld",
    "find_world",
    "quadrant",
]
