"""What a store says of a run while others run it: it is only read, and nobody's code is called.

The states of all steps are looked up once. After that a look lists the folders of each kind, and opens those of steps
that are not done and have been begun.
"""

import os
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from offdiag.engine.execute import PROGRESS
from offdiag.errors import StoreError
from offdiag.lease import Holder
from offdiag.live.time_left import StepTimes, TimeLeft, UnderWay
from offdiag.planning import Plan
from offdiag.steps import Step
from offdiag.store import State, Store, read_json

WINDOW_S = 600.0  # the rate is that of the last minutes


class KindCount(NamedTuple):
    """How many steps of a kind there are, by state; ``seconds`` is the mean of the last ones, None where none ended."""

    kind: str
    planned: int
    done: int
    busy: int
    failed: int
    seconds: float | None


class Runner(NamedTuple):
    """A process at work on a step.

    Attributes:
        who: host, process, and job if it has one. step: ``kind/name``. seconds: since the step began; None where the
            store does not say. done, total: how far the step said it is, some seconds ago; None where it does not.
    """

    who: str
    step: str
    seconds: float | None
    done: int | None
    total: int | None


class Failure(NamedTuple):
    """A step that failed or is damaged, and why, in one line."""

    step: str
    why: str


class RunState(NamedTuple):
    """A run at one moment.

    Attributes:
        planned, done, blocked: numbers of steps; ``blocked`` are those that wait for a failed one. kinds: by kind.
        runners: who has what. failures: all there are. rate: steps a minute of the last ten minutes; None where
            none ended. left: how long the rest takes; None where that is not known.
    """

    planned: int
    done: int
    blocked: int
    kinds: Sequence[KindCount]
    runners: Sequence[Runner]
    failures: Sequence[Failure]
    rate: float | None
    left: TimeLeft | None

    @property
    def to_go(self) -> int:
        """The number of steps that somebody can still do, those at work among them."""
        return self.planned - self.done - len(self.failures) - self.blocked

    @property
    def ended(self) -> bool:
        """Whether nothing is at work or left to do."""
        return not self.to_go and not self.runners


class LiveRun:
    """The steps that a plan needs, followed in a store."""

    def __init__(self, plan: Plan, store: Store) -> None:
        self.store = store
        survey = plan.survey(store)
        self._left = {state.step.fingerprint: state.step for state in survey if state.needed}
        self._done = Counter(state.step.kind for state in survey if state.state is State.DONE)
        self._kinds = list(dict.fromkeys(step.kind for step in plan.steps))
        self._ends: list[float] = []
        self._times_of = StepTimes()
        finished = [(end, step.kind, took) for state in survey if state.state is State.DONE
                    for step in [state.step] if (times := self._times(step)) for end, took in [times]]  # fmt: skip
        for end, kind, took in sorted(finished):
            self._note(end, kind, took)

    def look(self) -> RunState:
        """Return the run as it is now."""
        there = {kind: self._listed(kind) for kind in {step.kind for step in self._left.values()}}
        busy: list[tuple[Step, Holder | None]] = []
        failures: dict[str, Failure] = {}
        for step in list(self._left.values()):
            if step.folder_name not in there[step.kind]:
                continue
            match self.store.own_state(step):
                case State.DONE:
                    del self._left[step.fingerprint]
                    self._done[step.kind] += 1
                    if times := self._times(step):
                        self._note(times[0], step.kind, times[1])
                case State.BUSY:
                    busy.append((step, self.store.holder(step)))
                case State.FAILED:
                    failures[step.fingerprint] = Failure(f"{step.kind}/{step.name}", self.store.error(step))
        return self._at(busy, failures)

    def _at(self, busy: Sequence[tuple[Step, Holder | None]], failures: dict[str, Failure]) -> RunState:
        now = max([time.time(), *self._ends[-1:]])
        at_work = Counter(step.kind for step, _ in busy)
        failed = Counter(self._left[name].kind for name in failures)
        blocked = self._blocked(failures)
        runners, under_way = [], []
        for step, who in busy:
            runner, rest = self._runner(step, who, now)
            runners.append(runner)
            under_way.append(UnderWay(step.kind, runner.seconds or 0.0, rest))
        begun = {step.fingerprint for step, _ in busy}
        to_go = Counter(s.kind for name, s in self._left.items() if name not in begun | failures.keys() | blocked)
        processes = len({(who.host, who.pid) if who else step.fingerprint for step, who in busy})
        planned = Counter(step.kind for step in self._left.values()) + self._done
        recent = [end for end in self._ends if end > now - WINDOW_S]
        return RunState(
            planned.total(),
            self._done.total(),
            len(blocked),
            [KindCount(k, planned[k], self._done[k], at_work[k], failed[k], self._times_of.mean(k))
             for k in self._kinds if planned[k]],
            runners,
            list(failures.values()),
            60 * (len(recent) - 1) / max(now - min(recent), 1.0) if len(recent) > 1 else None,
            self._times_of.left(to_go, under_way, processes),
        )  # fmt: skip

    def _runner(self, step: Step, who: Holder | None, now: float) -> tuple[Runner, float | None]:
        """Return who has a step and how far it is, and how many seconds it needs by that, if it is known."""
        folder = self.store.folder(step)
        began = _modified(folder / "cell.json")
        seconds = None if began is None else max(now - began, 0.0)
        try:
            said = read_json(folder / PROGRESS)
            done, total, first, spent = (said[name] for name in ("done", "total", "first", "seconds"))
            rest = (total - done) * spent / (done - first) if done > first else None
        except (StoreError, KeyError, TypeError, ZeroDivisionError):
            done = total = rest = None
        return Runner(str(who or "somebody"), f"{step.kind}/{step.name}", seconds, done, total), rest

    def _blocked(self, failures: dict[str, Failure]) -> set[str]:
        """Return the steps that need a failed one; inputs come before what needs them."""
        lost: set[str] = set()
        for name, step in self._left.items():
            if name not in failures and any(i.fingerprint in failures or i.fingerprint in lost for i in step.inputs):
                lost.add(name)
        return lost

    def _note(self, end: float, kind: str, took: float) -> None:
        self._ends.append(end)
        self._times_of.took(kind, took)

    def _times(self, step: Step) -> tuple[float, float] | None:
        """Return when a finished step ended, by the clock of the file system, and how many seconds it took."""
        folder = self.store.folder(step)
        end, began = _modified(folder / "result.json"), _modified(folder / "cell.json")
        return None if end is None or began is None else (end, end - began)

    def _listed(self, kind: str) -> frozenset[str]:
        try:
            return frozenset(os.listdir(self.store.root / kind))
        except OSError:
            return frozenset()


def _modified(path: Path) -> float | None:
    try:
        return path.stat().st_mtime
    except OSError:
        return None
