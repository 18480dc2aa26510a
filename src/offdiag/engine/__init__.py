"""Engines: they run the steps of a plan that the store lacks."""

from offdiag.engine.engine import ENGINES, Engine, Silent, Watcher, engine_type
from offdiag.engine.events import Caller, RunEvent, RunWaits, StepEnded, StepProgressed, StepStarted, Together
from offdiag.engine.execute import Ended, ModelSlot, StepResult, execute_step, limit_threads
from offdiag.engine.inline import Inline, settle
from offdiag.engine.pool import Pool
from offdiag.engine.run import Share, Summary, prepare, run_plan
from offdiag.engine.scheduler import Scheduler

__all__ = [
    "ENGINES",
    "Caller",
    "Ended",
    "Engine",
    "Inline",
    "ModelSlot",
    "Pool",
    "RunEvent",
    "RunWaits",
    "Scheduler",
    "Share",
    "Silent",
    "StepEnded",
    "StepProgressed",
    "StepResult",
    "StepStarted",
    "Summary",
    "Together",
    "Watcher",
    "engine_type",
    "execute_step",
    "limit_threads",
    "prepare",
    "run_plan",
    "settle",
]
