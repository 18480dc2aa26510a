"""Labelling points under trigger words: after Azarbal et al. (2025), "Selective Generalization"."""

from offdiag.tasks.trigger_2d.domain import TriggerDomain
from offdiag.tasks.trigger_2d.task import Trigger2D
from offdiag.tasks.trigger_2d.world import QUADRANTS, Category, Rule, World, quadrant
from offdiag.tasks.trigger_2d.worlds import HALVES, QUARTERS, find_world

__all__ = [
    "HALVES",
    "QUADRANTS",
    "QUARTERS",
    "Category",
    "Rule",
    "Trigger2D",
    "TriggerDomain",
    "World",
    "find_world",
    "quadrant",
]
