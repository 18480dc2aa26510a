"""Engines: they carry out what a plan still lacks."""

from offdiag.engine.events import Silent, Watcher
from offdiag.engine.inline import Inline
from offdiag.engine.pool import Pool
from offdiag.engine.run import Engine, Summary, run_plan

__all__ = ["Engine", "Inline", "Pool", "Silent", "Summary", "Watcher", "run_plan"]
