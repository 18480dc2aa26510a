"""Events of a run, for a function of one's own, and several watchers in place of one."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from offdiag.engine.engine import Watcher
from offdiag.python_files import culprit
from offdiag.steps import Step


@dataclass(frozen=True)
class StepStarted:
    """A step began here."""

    step: Step

    def __str__(self) -> str:
        return f"started {self.step.kind}/{self.step.name}"


@dataclass(frozen=True)
class StepProgressed:
    """A step did ``done`` of ``total`` units, such as items or updates."""

    step: Step
    done: int
    total: int

    def __str__(self) -> str:
        return f"{self.step.kind}/{self.step.name}: {self.done} of {self.total}"


@dataclass(frozen=True)
class StepEnded:
    """A step ended as ``done``, ``failed``, ``busy`` or ``blocked``; ``message`` is the line that says why."""

    step: Step
    state: str
    message: str

    def __str__(self) -> str:
        return f"{self.state} {self.step.kind}/{self.step.name}{': ' if self.message else ''}{self.message}"


@dataclass(frozen=True)
class RunWaits:
    """Nothing can be done here but wait for steps of other runners: each step, and who has it."""

    busy: tuple[tuple[Step, str], ...]

    def __str__(self) -> str:
        return "waiting for " + ", ".join(f"{step.kind}/{step.name} ({who})" for step, who in self.busy)


RunEvent: TypeAlias = StepStarted | StepProgressed | StepEnded | RunWaits


class Caller:
    """A watcher that calls a function with each event.

    A function that raises fails nothing: that is told once, and it is called with the next event all the same.

    Args:
        function: takes an event. say: takes the line on a function that raised.
    """

    def __init__(self, function: Callable[[RunEvent], object], say: Callable[[str], None]) -> None:
        self.function, self.say = function, say
        self._told = False

    def started(self, step: Step) -> None:
        self._call(StepStarted(step))

    def progressed(self, step: Step, done: int, total: int) -> None:
        self._call(StepProgressed(step, done, total))

    def ended(self, step: Step, state: str, message: str) -> None:
        self._call(StepEnded(step, str(state), message))

    def waiting(self, busy: Sequence[tuple[Step, str]]) -> None:
        self._call(RunWaits(tuple(busy)))

    def _call(self, event: RunEvent) -> None:
        try:
            self.function(event)
        except Exception as error:  # noqa: BLE001  (whatever it is, the run is not to blame)
            if not self._told:
                self._told = True
                said = culprit(error) or f"{type(error).__name__}: {' '.join(str(error).split())}"
                self.say(f"the callback failed at {type(event).__name__}, and the run goes on: {said}")


class Together:
    """A watcher that tells several others, one after the other."""

    def __init__(self, watchers: Sequence[Watcher]) -> None:
        self.watchers = tuple(watchers)

    def started(self, step: Step) -> None:
        for watcher in self.watchers:
            watcher.started(step)

    def progressed(self, step: Step, done: int, total: int) -> None:
        for watcher in self.watchers:
            watcher.progressed(step, done, total)

    def ended(self, step: Step, state: str, message: str) -> None:
        for watcher in self.watchers:
            watcher.ended(step, state, message)

    def waiting(self, busy: Sequence[tuple[Step, str]]) -> None:
        for watcher in self.watchers:
            watcher.waiting(busy)
