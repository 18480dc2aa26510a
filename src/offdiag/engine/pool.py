"""Engine ``pool``: runs steps in worker processes, each with one model at a time.

A worker with a GPU that is to change its model is replaced by a new process: that frees the GPU's memory for sure. On
a CPU it stays. A worker that dies takes only its step with it. Each sees GPUs of its own, by ``CUDA_VISIBLE_DEVICES``.

Without GPUs, Linux forks the workers from one process that has imported the large libraries already, which takes
seconds of a core and not those of every worker. With GPUs each begins as a new process: CUDA forbids forks of one that
has asked for its devices, as some libraries do when they are imported.
"""

import multiprocessing as mp
import os
import sys
import threading
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from multiprocessing import forkserver
from multiprocessing.connection import Connection, wait
from multiprocessing.context import ForkServerContext, SpawnContext
from multiprocessing.process import BaseProcess
from pathlib import Path

from offdiag.engine import journal
from offdiag.engine.engine import Engine, Watcher
from offdiag.engine.execute import Ended, ModelSlot, execute_step, limit_threads
from offdiag.engine.inline import settle
from offdiag.engine.others import Others
from offdiag.engine.scheduler import Scheduler
from offdiag.errors import OffdiagError, StoreError, UserError
from offdiag.identity import Json
from offdiag.lease import held
from offdiag.runtime import Runtime, available_cores, visible_gpus
from offdiag.steps import Step, Trained
from offdiag.store import Store
from offdiag.study_files import load_study

ORPHANED = 1  # exit code of a worker whose parent has ended
DEEPEST = 20_000  # calls inside each other while a step is sent: some 40 for each stage that its weights went through


@dataclass
class Worker:
    """A worker process: our end of its pipe, its GPUs, its current step, and the model group that it has loaded."""

    process: BaseProcess
    pipe: Connection
    gpus: tuple[str, ...] = ()
    step: Step | None = None
    group: str | None = None


class Pool(Engine):
    """Engine that runs up to ``workers`` steps at once; workers × threads never exceed the cores."""

    workers: int

    def __init__(self, runtime: Runtime, workers: int | None = None) -> None:
        workers = workers or 1
        if runtime.requests.most is not None:
            raise UserError("a budget of requests is kept by one process: leave --workers and --engine out")
        threads = max(1, min(runtime.threads, available_cores() // workers))
        super().__init__(replace(runtime, threads=threads), workers)
        self._gpus = visible_gpus() if runtime.device in ("auto", "cuda") else ()
        self._context: ForkServerContext | SpawnContext | None = None
        if self._gpus and runtime.gpus > len(self._gpus):
            raise UserError(f"--gpus {runtime.gpus}: this process sees {len(self._gpus)} GPUs; type up to that")

    def run(
        self, scheduler: Scheduler, store: Store, origin: dict[str, Json], watcher: Watcher, *, fail_fast: bool
    ) -> None:
        """Run until the scheduler has nothing left, or until the first failure if ``fail_fast``."""
        workers: list[Worker] = []
        others = Others(scheduler, store, watcher)
        try:
            while not scheduler.finished:
                stop = fail_fast and bool(scheduler.failed)
                if not stop:
                    others.hear()
                    self._feed(workers, scheduler, store, origin, watcher, others)
                working = [worker for worker in workers if worker.step is not None]
                if not working:
                    if stop or not others.wait():
                        return
                    continue
                # what others have may end sooner than what runs here
                wake = others.pause() if scheduler.waiting else None
                for ready in wait([worker.pipe for worker in working], wake):
                    worker = next(w for w in working if w.pipe is ready)
                    if not _receive(worker, scheduler, store, watcher):
                        workers.remove(worker)
        finally:
            for worker in workers:
                _dismiss(worker)

    def _free_gpus(self, workers: Sequence[Worker]) -> tuple[str, ...]:
        """Return the GPUs of a new worker: those that fewest workers have; none where there are none."""
        taken = Counter(gpu for worker in workers for gpu in worker.gpus)
        return tuple(sorted(self._gpus, key=lambda gpu: taken[gpu])[: self.runtime.gpus])

    def _start_from(self, steps: Iterable[Step]) -> ForkServerContext | SpawnContext:
        """Return how worker processes start: forked from one that has imported what the steps need, or as new ones."""
        if self._gpus or sys.platform != "linux":
            return mp.get_context("spawn")
        context = mp.get_context("forkserver")
        context.set_forkserver_preload(list(_libraries(steps)))
        before = dict(os.environ)
        limit_threads(self.runtime)  # before its libraries read how many threads they may have
        try:
            forkserver.ensure_running()
        finally:
            _put_environment(before)
        return context

    def _feed(
        self,
        workers: list[Worker],
        scheduler: Scheduler,
        store: Store,
        origin: dict[str, Json],
        watcher: Watcher,
        others: Others,
    ) -> None:
        idle = [worker for worker in workers if worker.step is None]
        while len(workers) < self.workers or idle:
            worker = max(idle, key=lambda w: scheduler.suits(w.group), default=None)
            if worker is not None:
                idle.remove(worker)
            step = scheduler.next(None if worker is None else worker.group)
            if step is None:
                return
            if not others.shows_inputs(step):
                scheduler.postpone(step)
                return
            if worker is not None and worker.gpus and step.group and worker.group and step.group != worker.group:
                workers.remove(worker)
                _dismiss(worker)
                worker = None
            if worker is None:
                self._context = self._context or self._start_from(scheduler.pending.values())
                worker = _hire(self._context, store.root, self.runtime, self._free_gpus(workers))
                workers.append(worker)
            worker.step, worker.group = step, step.group or worker.group
            watcher.started(step)
            sys.setrecursionlimit(max(sys.getrecursionlimit(), DEEPEST))
            with suppress(ConnectionError):  # it died while idle: its pipe says so when it is read
                worker.pipe.send((step, origin))


def _libraries(steps: Iterable[Step]) -> tuple[str, ...]:
    """Return the modules that take long to import and that the steps need; the first one keeps the others quiet."""
    trains = [isinstance(step, Trained) for step in steps if step.group is not None]
    of_models = ["transformers.modeling_utils", *(["peft"] if any(trains) else [])] if trains else []
    return ("offdiag.models", "torch", *of_models)


def _put_environment(environment: Mapping[str, str]) -> None:
    """Make the environment of this process that one; what is the same stays, as other threads may read it."""
    for name in os.environ.keys() - environment.keys():
        del os.environ[name]
    os.environ.update(environment)


def _hire(context: ForkServerContext | SpawnContext, root: Path, runtime: Runtime, gpus: tuple[str, ...]) -> Worker:
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(theirs, root, runtime, gpus, dict(os.environ)), daemon=True)
    process.start()
    theirs.close()
    return Worker(process, ours, gpus)


def _dismiss(worker: Worker) -> None:
    worker.pipe.close()
    if worker.step is not None:
        worker.process.terminate()
    worker.process.join(timeout=10)
    if worker.process.is_alive():
        worker.process.kill()


def _receive(worker: Worker, scheduler: Scheduler, store: Store, watcher: Watcher) -> bool:
    """Receive one message of a worker; return False if the worker has died."""
    step = worker.step
    assert step is not None
    try:
        message = worker.pipe.recv()
    except (EOFError, ConnectionError):
        worker.process.join()
        reason = f"the worker process died (exit code {worker.process.exitcode}); out of memory?"
        worker.step = None
        ended = Ended.BUSY if held(store.folder(step) / "lease.json") else Ended.FAILED
        if ended is Ended.FAILED:
            store.fail(step, reason)
            journal.tell(store.root, journal.Event.FAILED, [step])
        settle(scheduler, watcher, step, ended, reason)
        return False
    match message:
        case ("progress", done, total):
            watcher.progressed(step, done, total)
        case ("ended", ended, reason, by_others):
            worker.step = None
            settle(scheduler, watcher, step, ended, reason, by_others=by_others)
        case ("abort", reason):
            raise StoreError(reason)
    return True


def _serve(
    pipe: Connection, root: Path, runtime: Runtime, gpus: tuple[str, ...], environment: Mapping[str, str]
) -> None:
    """Serve as a worker: run one step after the other until the pipe closes.

    Args:
        pipe: to the parent. root: the store's folder. runtime, gpus: of this worker.
        environment: the parent's; a fork has that of the process it was forked from, which may be of an earlier run.
    """
    import signal

    _put_environment(environment)
    if gpus:  # before anything asks CUDA for its devices
        os.environ["CUDA_VISIBLE_DEVICES"] = ",".join(gpus)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the parent, which stops the workers
    threading.Thread(target=_end_with_parent, daemon=True).start()
    limit_threads(runtime)
    for file in runtime.study_files:
        load_study(file)
    store, slot = Store(root), ModelSlot()

    def tell(message: tuple[object, ...]) -> None:
        try:
            pipe.send(message)
        except ConnectionError:  # the parent has ended: no failure of the step
            os._exit(ORPHANED)

    while True:
        try:
            step, origin = pipe.recv()
        except EOFError:
            return
        try:
            result = execute_step(step, store, runtime, slot, origin, lambda d, t: tell(("progress", d, t)))
            tell(("ended", *result))
        except OffdiagError as error:
            tell(("abort", str(error)))


def _end_with_parent() -> None:
    """End this process as soon as its parent has ended, however that was: nobody hears of its step any more."""
    parent = mp.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(ORPHANED)
