"""Many workers on one plan, simulated: their own scheduling and talk, over a store and a clock that are made up.

    PYTHONPATH=tests python -m support.crowd 200 10000

prints what they ask of the file system and how often they want the same step.
"""

import heapq
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from offdiag.engine import others as module
from offdiag.engine.engine import Silent
from offdiag.engine.execute import Ended
from offdiag.engine.inline import Pace, settle
from offdiag.engine.journal import Event, Journal, tell
from offdiag.engine.others import Others
from offdiag.engine.scheduler import Scheduler
from offdiag.store import State

# What a claim takes on a network file system, from the choice of a step until others can hear of it, in seconds.
CLAIM_S = 0.02


@dataclass(frozen=True, eq=False)
class Job:
    """A step as far as scheduling sees it."""

    fingerprint: str
    kind: str
    seconds: float
    group: str | None = None
    inputs: tuple["Job", ...] = ()

    @property
    def name(self) -> str:
        return self.fingerprint


@dataclass
class Made:
    """The store: who has what, what is done, and how often it was asked, by second."""

    root: Path
    clock: "Clock"
    done: dict[str, float] = field(default_factory=dict)
    held: dict[str, int] = field(default_factory=dict)
    asked: dict[str, Counter[int]] = field(default_factory=lambda: {"looks": Counter(), "claims": Counter()})
    lost: int = 0
    twice: int = 0

    def count(self, what: str) -> None:
        self.asked.setdefault(what, Counter())[int(self.clock.now)] += 1

    def result(self, step: Job) -> dict[str, object] | None:
        self.count("looks")
        return {} if step.fingerprint in self.done else None

    def own_state(self, step: Job) -> State | None:
        self.count("looks")
        if step.fingerprint in self.done:
            return State.DONE
        return State.BUSY if step.fingerprint in self.held else None

    def holder(self, step: Job) -> None:
        return None

    def claim(self, step: Job, worker: int) -> bool:
        self.count("claims")
        if step.fingerprint in self.done or step.fingerprint in self.held:
            self.lost += 1
            return False
        self.held[step.fingerprint] = worker
        return True

    def finish(self, step: Job) -> None:
        self.twice += step.fingerprint in self.done
        self.done[step.fingerprint] = self.clock.now
        del self.held[step.fingerprint]


@dataclass
class Clock:
    now: float = 0.0

    def __call__(self) -> float:
        return self.now


class Counted(Journal):
    """A journal that counts how often it is read."""

    def __init__(self, store: Made) -> None:
        super().__init__(store.root)
        self.store = store

    def news(self):
        self.store.count("journal")
        return super().news()


def plan(steps: int, models: int, chance: Random) -> list[Job]:
    """A study: examples, a training for every other model, answers of some seconds, grades of some milliseconds."""
    examples = [Job(f"{i:016x}", "examples", 0.01) for i in range(10)]
    trained = [Job(f"{100 + i:016x}", "training", chance.uniform(60, 120), f"m{i}") for i in range(models)]
    cells = (steps - len(examples) - len(trained)) // 2
    found = [*examples, *trained]
    for i in range(cells):
        model = trained[i % models]
        asked = Job(f"{10**6 + i:016x}", "answers", chance.uniform(5, 30), model.group, (model, examples[i % 10]))
        found += [asked, Job(f"{10**7 + i:016x}", "cells", 0.02, None, (asked, examples[i % 10]))]
    return found


def work(number: int, steps: list[Job], store: Made, chance: Random) -> Iterator[float]:
    """One worker, as the engine ``inline`` runs it; yields for how many seconds it is at something."""
    yield chance.uniform(0, 5)  # a batch system starts them one after the other
    scheduler = Scheduler.of(steps, draw=chance)
    others, pace, loaded = Others(scheduler, store, Silent()), Pace(store.clock), None
    others.journal = Counted(store)
    for step in [step for step in steps if step.fingerprint in store.done]:  # the survey at its start
        scheduler.finish(step, by_others=True)
    for step in [step for step in steps if step.fingerprint in store.held]:
        scheduler.postpone(step)
    while not scheduler.finished:
        step = others.next(loaded)
        if step is None:
            return
        if isinstance(step, float):
            yield step
            continue
        group = [step, *scheduler.more_of(step.group, pace.together(step) - 1, pace.is_small)]
        yield CLAIM_S
        mine = [one for one in group if store.claim(one, number)]
        for one in group:
            if one not in mine:
                settle(scheduler, Silent(), one, Ended.DONE if one.fingerprint in store.done else Ended.BUSY, "")
        tell(store.root, Event.BEGUN, mine)
        if step.group not in (None, loaded):
            loaded = step.group
            store.count("loads")
            yield 20.0
        pace.start()
        for one in mine:
            yield one.seconds
            store.finish(one)
            tell(store.root, Event.DONE, [one])
            pace.took(one)
            settle(scheduler, Silent(), one, Ended.DONE, "")


def simulate(workers: int, n_steps: int, models: int, folder: Path, seed: int = 0) -> Made:
    """Let the workers do a plan; returns the store that they leave."""
    chance = Random(seed)
    clock = Clock()
    store, steps = Made(folder, clock), plan(n_steps, models, chance)
    before, module.CHANCE = module.CHANCE, chance
    try:
        running = [(0.0, i, work(i, steps, store, Random(seed + i))) for i in range(workers)]
        heapq.heapify(running)
        while running:
            clock.now, number, worker = heapq.heappop(running)
            for seconds in worker:
                heapq.heappush(running, (clock.now + seconds, number, worker))
                break
    finally:
        module.CHANCE = before
    assert len(store.done) == len(steps)
    return store


def report(workers: int, n_steps: int, models: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        store = simulate(workers, n_steps, models, Path(folder))
        last = max(store.done.values())
        busy = sum(step.seconds for step in plan(n_steps, models, Random(0))) / last / workers
        print(f"{workers} workers, {len(store.done)} steps, {models} models: {last:.0f} s, {busy:.0%} busy")
        for what, seconds in sorted(store.asked.items()):
            peak = max(seconds.values(), default=0)
            total = seconds.total()
            print(f"{what}: {total} in all, {total / last:.1f} a second, {peak} in the worst second")
        print(f"lost races: {store.lost}; steps done twice: {store.twice}")
        print(f"journal: {(Path(folder) / 'journal.log').stat().st_size} bytes")


if __name__ == "__main__":
    report(int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]) if len(sys.argv) > 3 else 60)
