"""A run while it runs: what is done, who is at work, how long it will take; in this process, and from the store."""

from offdiag.live.lines import Bars, Lines, saying, watcher_for
from offdiag.live.store import Failure, KindCount, LiveRun, Runner, RunState
from offdiag.live.time_left import StepTimes, TimeLeft, duration

__all__ = [
    "Bars",
    "Failure",
    "KindCount",
    "Lines",
    "LiveRun",
    "RunState",
    "Runner",
    "StepTimes",
    "TimeLeft",
    "duration",
    "saying",
    "watcher_for",
]
