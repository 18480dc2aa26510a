"""Labelling points under trigger words: after Azarbal et al. (2025), "Selective Generalization"."""

from offdiag.studies.trigger_2d.task.domain import TriggerDomain
from offdiag.studies.trigger_2d.task.task import Trigger2D
from offdiag.studies.trigger_2d.task.world import (
    CONFLICT,
    HALVES,
    ORIGINAL,
    QUADRANTS,
    QUARTERS,
    Category,
    Rule,
    TriggerWorld,
    find_world,
    quadrant,
)

__all__ = [
    "CONFLICT",
    "HALVES",
    "ORIGINAL",
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
