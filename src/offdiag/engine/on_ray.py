"""Engine ``ray``: workers as actors of a Ray cluster, which take their steps from the store.

Ray starts and places processes, and the store says what is done: each actor is a worker, as ``offdiag run … --worker``
is. An actor is told the steps of the plan and no more, so that nothing waits for one that found no room or was lost:
another one does what it would have done.
"""

import os
import pickle
import secrets
import socket
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

from offdiag.drain import Drained, ask_to_drain
from offdiag.engine import journal
from offdiag.engine.engine import Engine, Watcher
from offdiag.engine.execute import Ended, limit_threads
from offdiag.engine.inline import settle
from offdiag.engine.others import Others
from offdiag.engine.placing import Machine, Room, rooms, usual_workers
from offdiag.engine.pool import DEEPEST
from offdiag.engine.ray_cluster import connected, gpu_memory, in_words, knock, machines_of_cluster, nodes
from offdiag.engine.scheduler import Scheduler
from offdiag.engine.worker import Fit, memory_of_groups, pull
from offdiag.errors import OffdiagError, StoreError, UserError
from offdiag.identity import Json
from offdiag.lease import JOB
from offdiag.runtime import Runtime
from offdiag.steps import Step
from offdiag.store import State, Store
from offdiag.study_files import load_study

ROOM_S = 600.0  # how long an existing cluster has until it shows room for a worker, as by starting a machine
START_S = 20.0  # how long it may take Ray to start a process
FAREWELL_S = 20.0  # how long workers have to give their steps back
# How long a worker stays that can take nothing of what is left, where nobody works: another one may need its room.
PATIENCE_S = 10.0
MOST_DEATHS = 2  # of workers at the same step, or before any step


class Ray(Engine):
    """Engine whose workers are actors of a Ray cluster.

    Attributes:
        address: of the cluster, HOST:PORT or ``auto``; None for the one that ``RAY_ADDRESS`` names or that runs on
            this machine, else for one of this machine alone while the run takes.
        gpus_per_worker: GPUs that each worker asks for; None goes by what the models need.
    """

    local: ClassVar[bool] = False
    options: ClassVar[frozenset[str]] = frozenset({"address", "gpus_per_worker"})

    def __init__(
        self,
        runtime: Runtime,
        workers: int | None = None,
        *,
        address: str | None = None,
        gpus_per_worker: float | None = None,
    ) -> None:
        if find_spec("ray") is None:
            raise UserError('--engine ray needs Ray, which is not installed; type: pip install "offdiag[ray]"')
        if runtime.requests.most is not None:
            raise UserError("a budget of requests is kept by one process: leave --engine out")
        if gpus_per_worker is not None and (gpus_per_worker < 0 or (gpus_per_worker > 1 and gpus_per_worker % 1)):
            raise UserError(f"--gpus-per-worker {gpus_per_worker:g}: expected a part of one GPU such as 0.5, 1, or 0")
        super().__init__(runtime, workers)
        self.address, self.gpus_per_worker = address or os.environ.get("RAY_ADDRESS") or None, gpus_per_worker
        if self.address not in (None, "auto", "local"):
            knock(str(self.address))

    def run(
        self, scheduler: Scheduler, store: Store, origin: dict[str, Json], watcher: Watcher, *, fail_fast: bool
    ) -> None:
        """Run until the scheduler has nothing left, or until the first failure if ``fail_fast``.

        Raises:
            UserError: the cluster has no room, its machines do not see the store, or none can take what is left.
            StoreError: the disk is full, or workers die before they take a step.
        """
        steps = [*scheduler.pending.values(), *scheduler.waiting.values()]
        for step in steps:
            store.forgive(step)  # workers leave alone what has failed
        with connected(self.address) as own, _token(store) as token:
            machines = machines_of_cluster()
            asked = [room.with_cores(machines, self.workers) for room in self._rooms(steps, machines)]
            n = min(self.workers or usual_workers(asked[0], machines), len(steps))
            sys.setrecursionlimit(max(sys.getrecursionlimit(), DEEPEST))
            task = Assignment(
                "", store.root.absolute(), token, self.runtime, pickle.dumps(steps), origin, 1.0, PATIENCE_S
            )
            crew = Crew(scheduler, store, watcher, task, asked[:n], 0.0 if own else ROOM_S)
            try:
                crew.run(n, fail_fast=fail_fast)
            finally:
                crew.dismiss()

    def _rooms(self, steps: Sequence[Step], machines: Sequence[Machine]) -> list[Room]:
        needs = memory_of_groups(steps, self.runtime)
        if self.gpus_per_worker is not None:
            return [Room(gpus=self.gpus_per_worker if needs else 0.0)]
        on_gpus = self.runtime.device != "cpu" and any(machine.gpus for machine in machines)
        return rooms(needs, gpu_memory=gpu_memory() if on_gpus and needs else None, on_gpus=on_gpus)


class Assignment(NamedTuple):
    """What a worker is told.

    Attributes:
        job: its name in leases. root: of the store. token: the name of a file of the store that it must see.
        runtime: how steps are carried out. steps: those of the plan, pickled. origin: of the plan.
        share: of its GPU. patience: see ``PATIENCE_S``.
    """

    job: str
    root: Path
    token: str
    runtime: Runtime
    steps: bytes
    origin: dict[str, Json]
    share: float
    patience: float


class RayWorker:
    """The actor. One thread of it works; the other one hears that it is to end."""

    def work(self, task: Assignment) -> list[str]:
        """Work until nothing is left that can be done here; return what was left to others, and why.

        Raises:
            UserError: this machine does not see the store, or cannot load the study. StoreError: the disk is full.
        """
        os.environ[JOB] = task.job
        if not (task.root / task.token).exists():
            raise UserError(
                f"the machine {socket.gethostname()} of the Ray cluster does not see the store {task.root}: give a "
                "folder that all machines share, with --store"
            )
        limit_threads(task.runtime)
        for file in task.runtime.study_files:
            load_study(file)
        said: list[str] = []
        fits = Fit(task.runtime, said.append, task.share)
        with suppress(Drained):
            pull(pickle.loads(task.steps), Store(task.root), task.runtime, task.origin, fits, task.patience)
        return said

    def drain(self) -> None:
        """Let the worker give its step back at the next good moment."""
        ask_to_drain()

    def node(self) -> str:
        """Return the name of its machine in the cluster."""
        import ray

        return str(ray.get_runtime_context().get_node_id())


@dataclass
class Hand:
    """A worker as seen from here: its name in leases, what it asked for, its actor, and when it is there and done."""

    job: str
    room: Room
    actor: Any
    there: Any
    end: Any
    node: str = ""


class Crew(Others):
    """The workers of a run: it starts them, and another one for each that is lost, and hears from the store."""

    def __init__(
        self,
        scheduler: Scheduler,
        store: Store,
        watcher: Watcher,
        task: Assignment,
        asked: Sequence[Room],
        room_s: float,
    ) -> None:
        super().__init__(scheduler, store, watcher)
        self.task, self.asked = task, asked
        self.hands: list[Hand] = []
        self.said: list[str] = []
        self._begun_by: dict[str, dict[str, Step]] = {}  # what each worker has claimed and not ended, in its order
        self._shown: set[str] = set()
        self._deaths: Counter[str] = Counter()  # by step, and before any step
        self._look_for_room_from = time.monotonic() + min(room_s, START_S)
        self._no_room_from = time.monotonic() + room_s

    def run(self, n: int, *, fail_fast: bool) -> None:
        """Watch ``n`` workers until nothing is left to do, or none of them can go on; see :meth:`Ray.run`."""
        import ray

        for i in range(n):
            self._hire(self.asked[i % len(self.asked)])
        while self.hands and not self.scheduler.finished and not (fail_fast and self.scheduler.failed):
            awaited = [hand.end for hand in self.hands] + [hand.there for hand in self.hands if not hand.node]
            arrived, _ = ray.wait(awaited, num_returns=1, timeout=self.pause())
            if not self.hear():
                self.ask()
            for hand in [hand for hand in self.hands if hand.end in arrived]:
                self._part(hand)
            for hand in [hand for hand in self.hands if hand.there in arrived]:
                hand.node = _node_of(hand)
            if not any(hand.node for hand in self.hands) and time.monotonic() >= self._look_for_room_from:
                self._see_whether_there_is_room()
        if not self.hands:
            self._look_a_last_time()

    def dismiss(self) -> None:
        """Let workers give their steps back, and end them."""
        import ray

        here = [hand for hand in self.hands if hand.node]
        for hand in here:
            hand.actor.drain.remote()
        if here:
            ray.wait([hand.end for hand in here], num_returns=len(here), timeout=FAREWELL_S)
        for hand in self.hands:
            ray.kill(hand.actor)

    def _hire(self, room: Room) -> None:
        """Start a worker, wherever and whenever Ray finds room."""
        import ray

        job = f"ray-{secrets.token_hex(3)}"
        kind: Any = ray.remote(RayWorker)
        actor = kind.options(
            num_cpus=room.cores, num_gpus=room.gpus, memory=room.memory or None, max_concurrency=2
        ).remote()
        runtime = replace(self.task.runtime, threads=room.cores)
        task = self.task._replace(job=job, runtime=runtime, share=min(room.gpus, 1.0) or 1.0)
        self.hands.append(Hand(job, room, actor, actor.node.remote(), actor.work.remote(task)))

    def _part(self, hand: Hand) -> None:
        """Note that a worker has ended; one that was lost is replaced.

        Raises:
            OffdiagError: it says that no worker can go on.
        """
        import ray
        from ray.exceptions import RayError, RayTaskError

        self.hands.remove(hand)
        try:
            self.said += ray.get(hand.end)
        except RayTaskError as error:
            if isinstance(error.cause, OffdiagError):
                raise error.cause from None
            said = " ".join(str(error.cause).split())
            raise OffdiagError(f"a Ray worker failed: {type(error.cause).__name__}: {said}") from None
        except RayError as error:
            self._count_death(hand, str(error))
            ray.kill(hand.actor)  # it may live where only the connection was lost
            self._hire(hand.room)

    def _count_death(self, hand: Hand, why: str) -> None:
        """Count that a worker died on a machine that lives: a step at which several did has failed.

        Raises:
            StoreError: several died before they took a step.
        """
        if hand.node and not any(node["Alive"] and node["NodeID"] == hand.node for node in nodes()):
            return
        step = next(iter(self._begun_by.pop(hand.job, {}).values()), None)
        name = "" if step is None else step.fingerprint
        self._deaths[name] += 1
        if self._deaths[name] < MOST_DEATHS:
            return
        if step is None:
            raise StoreError(f"workers of the Ray cluster die before they take a step: {_last_line(why)}")
        reason = f"{MOST_DEATHS} workers died at this step; out of memory?"
        self.store.fail(step, reason)
        journal.tell(self.store.root, journal.Event.FAILED, [step])
        settle(self.scheduler, self.watcher, step, Ended.FAILED, reason)

    def _see_whether_there_is_room(self) -> None:
        """Say what the run waits for where no worker is there.

        Raises:
            UserError: there is not, and the cluster has had its time to change that.
        """
        machines = machines_of_cluster()
        wanted = ", or ".join(map(str, self.asked))
        ever = any(room.held_by(machine) for room in self.asked for machine in machines)
        if not ever and time.monotonic() >= self._no_room_from:
            raise UserError(
                f"no machine of the Ray cluster has room for a worker with {wanted} (they have "
                f"{in_words(machines)}): ask for less with --gpus-per-worker, or add machines"
            )
        first = next(iter((self.scheduler.pending or self.scheduler.waiting).values()))
        self.watcher.waiting([(first, f"no worker yet: each asks the Ray cluster for {wanted}")])

    def _look_a_last_time(self) -> None:
        """Look what became of all that is left, once no worker is.

        Raises:
            UserError: something is undone that none of them could do.
        """
        left = [*self.scheduler.waiting.values(), *self.scheduler.pending.values()]
        for step, state in zip(left, self.store.states(left).values(), strict=True):
            if state is State.DONE:
                self._done(step)
            elif state is State.FAILED and self.scheduler.known(step):
                self._failed(step)
        if not self.scheduler.finished and self.said:
            raise UserError(f"no worker of the Ray cluster can do what is left: {self.said[0]}")

    def _begun(self, step: Step, by: str) -> None:
        super()._begun(step, by)
        self._begun_by.setdefault(by, {})[step.fingerprint] = step
        if step.fingerprint not in self._shown:
            self._shown.add(step.fingerprint)
            self.watcher.started(step)

    def _done(self, step: Step) -> None:
        self._end(step)
        settle(self.scheduler, self.watcher, step, Ended.DONE, "")

    def _failed(self, step: Step) -> None:
        self._end(step)
        super()._failed(step)

    def _end(self, step: Step) -> None:
        for begun in self._begun_by.values():
            begun.pop(step.fingerprint, None)
        self._deaths[""] = 0  # a worker got somewhere


@contextmanager
def _token(store: Store) -> Iterator[str]:
    """Yield the name of a file of the store, by which a machine tells that it sees this very store."""
    store.mark()
    path = store.root / f".seen-{secrets.token_hex(8)}"
    path.touch()
    try:
        yield path.name
    finally:
        path.unlink(missing_ok=True)


def _node_of(hand: Hand) -> str:
    import ray
    from ray.exceptions import RayError

    try:
        return str(ray.get(hand.there))
    except RayError:
        return ""


def _last_line(text: str) -> str:
    return next(reversed([line.strip() for line in text.splitlines() if line.strip()]), "")
