"""What the other runners of a store do, as one runner hears of it while it works and waits."""

from collections.abc import Sequence
from random import SystemRandom

from offdiag.drain import sleep
from offdiag.engine.engine import Watcher
from offdiag.engine.journal import Event, Journal, key
from offdiag.engine.scheduler import Scheduler
from offdiag.lease import Holder
from offdiag.steps import Step
from offdiag.store import State, Store

# A runner that waits hears the journal, and asks for one step, at growing intervals up to a second: with many runners
# and steps the load on the file system stays what it is.
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.02, 1.0
A_CROWD_S = 0.002  # a pause is never shorter than this for each step that others have
# Runners must differ in what they ask for and when, and no result depends on it: a named stream would be wrong here.
CHANCE = SystemRandom()
# How long a runner stays that can take nothing of what is left, where nobody works either.
PATIENCE_S = 600.0


class Others:
    """Keeps a scheduler up to date with what other runners of the store do.

    What they begin and end is heard from the journal. A step that is waited for is asked for at the store, one after
    the other, since its runner may have died.
    """

    def __init__(self, scheduler: Scheduler, store: Store, watcher: Watcher, patience: float | None = None) -> None:
        self.scheduler, self.store, self.watcher = scheduler, store, watcher
        self.patience = PATIENCE_S if patience is None else patience
        self.journal = Journal(store.root)
        self._steps = {key(step): step for step in (*scheduler.pending.values(), *scheduler.waiting.values())}
        self._holders: dict[str, tuple[Step, Holder]] = {}
        self._asked: list[str] = []  # of the round at hand
        self._pause, self._idle = FIRST_PAUSE_S, 0.0

    def hear(self) -> bool:
        """Read the journal; return whether it said anything new."""
        new = False
        for event, name, by in self.journal.news():
            step = self._steps.get(name)
            if step is None or not self.scheduler.known(step):
                continue  # of another plan, or our own
            new = True
            if event is Event.DONE:
                self._done(step)
            elif event is Event.FAILED:
                self._failed(step)
            elif event is Event.BEGUN and step.fingerprint in self.scheduler.pending:
                self._begun(step, by)
            elif event is Event.LEFT:
                self.scheduler.put_back(step)
        if new:
            self._pause, self._idle = FIRST_PAUSE_S, 0.0
        return new

    def next(self, loaded: str | None) -> Step | float | None:
        """Return the step to run now, or for how many seconds to wait before the next call.

        None if nothing is left that can be run here or waited for.
        """
        heard = self.hear()
        step = self.scheduler.next(loaded)
        if step is None and self._may_wait() and not heard:
            self.ask()
            step = self.scheduler.next(loaded)
        if step is not None and not self.shows_inputs(step):
            self.scheduler.postpone(step)
            step = None
        if step is not None:
            self._pause, self._idle = FIRST_PAUSE_S, 0.0
            return step
        return self.pause() if self._may_wait() else None

    def wait(self) -> bool:
        """Wait for a moment and look what became of what others have; return False if nothing can be waited for.

        Raises:
            Drained: this process is to end.
        """
        if not self._may_wait():
            return False
        sleep(self.pause())
        if not self.hear():
            self.ask()
        return True

    def pause(self) -> float:
        """Return for how many seconds to wait before the next look; longer each time, never the same for all."""
        crowd = min(A_CROWD_S * len(self.scheduler.waiting), LONGEST_PAUSE_S)
        seconds = max(self._pause, crowd) * CHANCE.uniform(0.5, 1.5)
        self._pause = min(1.5 * self._pause, LONGEST_PAUSE_S)
        self._idle = 0.0 if self._holders else self._idle + seconds
        return seconds

    def _may_wait(self) -> bool:
        return bool(self.scheduler.waiting) and self._idle <= self.patience

    def shows_inputs(self, step: Step) -> bool:
        """Return whether what others made for a step is to be seen here: a network file system may be late."""
        made = (i for i in step.inputs if i.fingerprint in self.scheduler.by_others)
        return all(self.store.result(i) is not None for i in made)

    def ask(self) -> None:
        """Ask the store for one step that is waited for; each has its turn."""
        waiting = self.scheduler.waiting
        if not waiting:
            return
        self._asked = [name for name in self._asked if name in waiting] or list(waiting)
        step = waiting[self._asked.pop(CHANCE.randrange(len(self._asked)))]
        self._holders.pop(step.fingerprint, None)
        match self.store.own_state(step):
            case State.DONE:
                self._done(step)
            case State.BUSY:
                if (who := self.store.holder(step)) is not None:
                    self._holders[step.fingerprint] = (step, who)
                self.watcher.waiting(self._busy())
            case State.FAILED if self.scheduler.takes(step):  # its claim had removed an older failure
                self._failed(step)
            case _:
                self.scheduler.put_back(step)

    def _busy(self) -> Sequence[tuple[Step, str]]:
        return [(step, str(who)) for name, (step, who) in self._holders.items() if name in self.scheduler.waiting]

    def _begun(self, step: Step, by: str) -> None:
        self.scheduler.postpone(step)

    def _done(self, step: Step) -> None:
        self.scheduler.finish(step, by_others=True)
        self.watcher.ended(step, "done", "by another runner")

    def _failed(self, step: Step) -> None:
        message = self.store.error(step)
        self.watcher.ended(step, "failed", message)
        for blocked in self.scheduler.lose(step):
            self.watcher.ended(blocked, "blocked", f"needs {step.kind}/{step.name}")
