"""Engine ``inline``: runs one step after the other in this process."""

import time
from collections import defaultdict
from collections.abc import Callable
from contextlib import closing

from offdiag.drain import leave_if_asked, sleep
from offdiag.engine.engine import Engine, Watcher
from offdiag.engine.execute import Ended, ModelSlot, execute_steps, limit_threads
from offdiag.engine.others import Others
from offdiag.engine.scheduler import Scheduler
from offdiag.errors import UserError
from offdiag.identity import Json
from offdiag.runtime import Runtime
from offdiag.steps import Step
from offdiag.store import Store

# Small steps are claimed together, as many as take about a second: others learn of them at once, and want other ones.
TOGETHER_S, MOST_TOGETHER = 1.0, 32


class Inline(Engine):
    """Engine that runs everything in this process, with one model in memory at a time.

    ``patience`` is for how many seconds it stays where it can take nothing of what is left, and nobody works.
    """

    def __init__(self, runtime: Runtime, workers: int | None = None, patience: float | None = None) -> None:
        if workers is not None and workers > 1:
            raise UserError(f"--engine inline runs in one process, not in {workers}: leave --workers out")
        super().__init__(runtime)
        self.patience = patience

    def run(
        self, scheduler: Scheduler, store: Store, origin: dict[str, Json], watcher: Watcher, *, fail_fast: bool
    ) -> None:
        """Run until the scheduler has nothing left, or until the first failure if ``fail_fast``.

        Raises:
            Drained: this process was told to end, see :mod:`offdiag.drain`.
        """
        limit_threads(self.runtime)
        slot, pace = ModelSlot(), Pace()
        others = Others(scheduler, store, watcher, self.patience)
        while not scheduler.finished:
            leave_if_asked()
            step = others.next(slot.group)
            if step is None:
                return
            if isinstance(step, float):
                sleep(step)
                continue
            steps = [step, *scheduler.more_of(step.group, pace.together(step) - 1, pace.is_small)]
            with closing(
                execute_steps(steps, store, self.runtime, slot, origin, watcher.started, watcher.progressed)
            ) as ends:
                pace.start()
                for step, result in ends:
                    pace.took(step)
                    settle(scheduler, watcher, step, result.ended, result.message, by_others=result.by_others)
                    if fail_fast and scheduler.failed:
                        return


class Pace:
    """How long the steps of a kind take here, as a mean in which the last ones count most."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._seconds: dict[str, float] = defaultdict(lambda: TOGETHER_S)
        self._clock, self._started = clock, clock()

    def start(self) -> None:
        """Start the clock."""
        self._started = self._clock()

    def took(self, step: Step) -> None:
        """Note that a step has ended, and start the clock again."""
        before, self._started = self._started, self._clock()
        self._seconds[step.kind] += (self._started - before - self._seconds[step.kind]) / 2

    def together(self, step: Step) -> int:
        """Return how many steps of this kind to claim at once."""
        return max(1, min(MOST_TOGETHER, int(TOGETHER_S / max(self._seconds[step.kind], 1e-3))))

    def is_small(self, step: Step) -> bool:
        """Return whether a step takes little of the time that several take together."""
        return self._seconds[step.kind] <= TOGETHER_S / 4


def settle(
    scheduler: Scheduler, watcher: Watcher, step: Step, ended: Ended, message: str, *, by_others: bool = False
) -> None:
    """Record how a step ended and tell the watcher, also of the steps that it blocks."""
    if ended is Ended.BUSY and scheduler.patient:
        scheduler.postpone(step)
        return
    watcher.ended(step, ended, message)
    if ended is Ended.DONE:
        scheduler.finish(step, by_others=by_others)
        return
    for blocked in scheduler.lose(step, busy=ended is Ended.BUSY):
        watcher.ended(blocked, "blocked", f"needs {step.kind}/{step.name}")
