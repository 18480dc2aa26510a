"""Engines: they run the steps of a plan that the store lacks."""

from offdiag.engine.engine import ENGINES, Engine, Silent, Watcher, engine_type
from offdiag.engine.inline import Inline
from offdiag.engine.pool import Pool
from offdiag.engine.run import Summary, run_plan

__all__ = ["ENGINES", "Engine", "Inline", "Pool", "Silent", "Summary", "Watcher", "engine_type", "run_plan"]
