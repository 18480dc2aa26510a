"""Measurements: what a study measures besides answers; one file a measurement, each rows of a table of its own."""

from offdiag.measurements.anchoring import Anchoring

__all__ = ["Anchoring"]
