"""Measurements of use to any study; each gives rows of a table of its own."""

from offdiag.measurements.training_history import TrainingHistory

__all__ = [
    "TrainingHistory",
]
