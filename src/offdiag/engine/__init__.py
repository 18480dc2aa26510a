"""Engines: they carry out what a plan still lacks."""

from offdiag.engine.engine import ENGINES, Engine, engine_type
from offdiag.engine.events import Silent, Watcher
from offdiag.engine.inline import Inline
from offdiag.engine.pool import Pool
from offdiag.engine.run import Summary, run_plan

__all__ = ["ENGINES", "Engine", "Inline", "Pool", "Silent", "Summary", "Watcher", "engine_type", "run_plan"]
