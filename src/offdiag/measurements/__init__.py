"""Measurements: what a study measures besides answers; one file a measurement, each rows of a table of its own."""

from offdiag.measurements.training_history import TrainingHistory

__all__ = [
    "TrainingHistory",
]
