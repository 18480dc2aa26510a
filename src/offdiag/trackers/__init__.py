"""Trackers: programs that show the curves of trainings and the results of cells while a study runs."""

from offdiag.trackers.tracker import TRACKERS, TrackedRun, Tracker
from offdiag.trackers.tracking import Tracking, with_tracker

__all__ = ["TRACKERS", "TrackedRun", "Tracker", "Tracking", "with_tracker"]
