"""The engine: one step after the other at the lowest priority, so that others can work on the same machine."""

import os
from functools import partial

from offdiag.engine import Engine, ModelSlot, Scheduler, Watcher, execute_step, limit_threads, settle
from offdiag.identity import Json
from offdiag.store import Store


class Polite(Engine):
    """``offdiag run STUDY --engine polite``."""

    def run(
        self, scheduler: Scheduler, store: Store, origin: dict[str, Json], watcher: Watcher, *, fail_fast: bool
    ) -> None:
        os.nice(19)
        limit_threads(self.runtime)
        slot = ModelSlot()  # the one model that is loaded
        while (step := scheduler.next(slot.key)) is not None:  # prefers steps of that model
            watcher.started(step)
            result = execute_step(step, store, self.runtime, slot, origin, partial(watcher.progressed, step))
            settle(scheduler, watcher, step, result.ended, result.message)
            if fail_fast and scheduler.failed:
                return
