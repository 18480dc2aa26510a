"""Measurements: what a study measures besides answers; one file a measurement, each rows of a table of its own."""

from offdiag.measurements.anchoring import Anchoring
from offdiag.measurements.episode_curves import EpisodeCurves

__all__ = ["Anchoring", "EpisodeCurves"]
