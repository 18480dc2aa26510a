"""Engine ``inline``: runs one step after the other in this process."""

from functools import partial

from offdiag.engine.engine import Engine, Watcher
from offdiag.engine.execute import Ended, ModelSlot, execute_step, limit_threads
from offdiag.engine.scheduler import Scheduler
from offdiag.errors import UserError
from offdiag.identity import Json
from offdiag.runtime import Runtime
from offdiag.steps import Step
from offdiag.store import Store


class Inline(Engine):
    """Engine that runs everything in this process, with one model in memory at a time."""

    def __init__(self, runtime: Runtime, workers: int = 1) -> None:
        if workers > 1:
            raise UserError(f"--engine inline runs in one process, not in {workers}: leave --workers out")
        super().__init__(runtime)

    def run(
        self, scheduler: Scheduler, store: Store, origin: dict[str, Json], watcher: Watcher, *, fail_fast: bool
    ) -> None:
        """Run until the scheduler has nothing left, or until the first failure if ``fail_fast``."""
        limit_threads(self.runtime)
        slot = ModelSlot()
        while (step := scheduler.next(slot.key)) is not None:
            watcher.started(step)
            result = execute_step(step, store, self.runtime, slot, origin, partial(watcher.progressed, step))
            settle(scheduler, watcher, step, result.ended, result.message)
            if fail_fast and scheduler.failed:
                return


def settle(scheduler: Scheduler, watcher: Watcher, step: Step, ended: Ended, message: str) -> None:
    """Record how a step ended and tell the watcher, also of the steps that it blocks."""
    watcher.ended(step, ended, message)
    if ended is Ended.DONE:
        scheduler.finish(step)
        return
    for blocked in scheduler.lose(step, busy=ended is Ended.BUSY):
        watcher.ended(blocked, "blocked", f"needs {step.kind}/{step.name}")
