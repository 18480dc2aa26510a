"""Run one step in this process."""

import errno
import os
import time
import traceback
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from offdiag.drain import leave_if_asked
from offdiag.engine.journal import Event, tell
from offdiag.errors import OffdiagError, StoreError
from offdiag.identity import Json
from offdiag.lease import LeaseLostError, ensure_held
from offdiag.provenance import NOTES, note, recording
from offdiag.python_files import culprit
from offdiag.runtime import Runtime
from offdiag.steps import Step, Weights
from offdiag.steps.step import FinishedStep
from offdiag.store import SEE_TRACEBACK, Store, write_json
from offdiag.store.finished import finished_steps
from offdiag.tasks.data import data_at

if TYPE_CHECKING:
    from offdiag.models import ModelSource
    from offdiag.models.answers import AnsweringModel
    from offdiag.models.lm import LM


# The folder of the store that keeps by which path each model is asked, see :mod:`offdiag.models.inference.proof`.
PROOFS = "proofs"


PROGRESS = "progress.json"  # how far a step is, for who watches from elsewhere, while it runs
PROGRESS_EVERY_S = 5.0  # as often as the lease beats


class Ended(StrEnum):
    """How a step ended."""

    DONE = "done"
    FAILED = "failed"
    BUSY = "busy"


class StepResult(NamedTuple):
    """How a step ended, the one line that says why it failed, and whether another runner did it."""

    ended: Ended
    message: str = ""
    by_others: bool = False


# What the journal says of a step that ended here.
_TOLD = {Ended.DONE: Event.DONE, Ended.FAILED: Event.FAILED, Ended.BUSY: Event.BEGUN}


@dataclass
class ModelSlot:
    """The one model that this process holds in memory; asking for another base drops it first.

    Attributes:
        group: of the last step that needed a model, or the room of one.
        servers: the models behind servers that were asked.
    """

    key: str | None = None
    model: "LM | None" = None
    group: str | None = None
    servers: "dict[ModelSource, AnsweringModel]" = field(default_factory=dict)

    def enter(self, group: str) -> None:
        """Begin a step of ``group``; the model of another group is dropped, as no step of this one asks it."""
        if group != self.group:
            self.clear()
            self.group = group

    def get(self, weights: Weights, work: "StepWork") -> "LM":
        """Return the loaded model with the adapter of ``weights``."""
        if self.model is None or self.key != weights.base_key:
            from offdiag.models.lm import LM

            self.clear()
            place, proofs = weights.location(work), work.store.root / PROOFS
            self.model = LM.load(weights.spec, place, work.runtime, proofs=proofs, identity=weights.base_key)
            self.key = weights.base_key
        from offdiag.models.loading import facts_of, template_hash

        self.model.use_adapter(weights.adapter(work))
        note(model=weights.spec.source, **facts_of(self.model.model), chat_template=template_hash(self.model.tokenizer))
        note(inference_path=str(self.model.verdict.path), inference=self.model.verdict.to_json())
        return self.model

    def answering(self, weights: Weights, work: "StepWork") -> "AnsweringModel":
        """Return the model that answers, loaded or behind its server; a server's client is made once."""
        origin = weights.spec.origin
        if not origin.served:
            return self.get(weights, work)
        if origin not in self.servers:
            self.servers[origin] = origin.connect(work.runtime.requests)
        return self.servers[origin]

    def clear(self) -> None:
        """Drop the model, so that its memory is free."""
        self.key, self.model = None, None


@dataclass
class ProgressFile:
    """How far a running step is, written for those who watch the store, no oftener than its lease beats."""

    path: Path
    _first: int = 0
    _since: float | None = None
    _written: float = 0.0

    def tell(self, done: int, total: int) -> None:
        """Note the progress: units done, all of them, those done at first, and the seconds since then."""
        now = time.monotonic()
        if self._since is None:
            self._first, self._since, self._written = done, now, now
        if now - self._written >= PROGRESS_EVERY_S:
            self._written = now
            seconds = round(now - self._since, 3)
            said: dict[str, Json] = {"done": done, "total": total, "first": self._first, "seconds": seconds}
            with suppress(OSError):  # a full disk is told by who writes results
                write_json(self.path, {**said}, to_disk=False)


@dataclass
class StepWork:
    """The engine's side of :class:`offdiag.steps.Work`: folders, model and progress of a running step."""

    place: Path
    store: Store
    runtime: Runtime
    slot: ModelSlot
    on_progress: Callable[[int, int], None] = field(default=lambda done, total: None)

    @cached_property
    def told(self) -> ProgressFile:
        """The file that says how far the step is."""
        return ProgressFile(self.place / PROGRESS)

    @property
    def folder(self) -> Path:
        """The step's own folder, for its files.

        Raises:
            LeaseLostError: another process has the step now, so nothing may be written there.
        """
        ensure_held(self.place)
        return self.place

    def output(self, step: Step) -> Path:
        """Return the folder of a finished input, whose files are what they were when it was finished.

        Raises:
            StoreError: they are not; the input is set aside.
        """
        if why := self.store.damage(step, "reading"):
            self.store.set_aside(step, why)
            raise StoreError(f"{step.kind}/{step.name} is damaged ({why}): run again, which makes it anew")
        return self.store.folder(step)

    def finished(self, kind: str, fits: Callable[[str], bool]) -> Iterator[FinishedStep]:
        """Yield finished steps of the store, the newest first."""
        return finished_steps(self.store.root, kind, fits)

    def model(self, weights: Weights) -> "LM":
        """Return the model, loaded unless the step before had it."""
        return self.slot.get(weights, self)

    def answering(self, weights: Weights) -> "AnsweringModel":
        """Return the model for a step that only asks it."""
        return self.slot.answering(weights, self)

    def progress(self, done: int, total: int) -> None:
        """Tell the watcher how far the step is.

        Raises:
            Drained: this process is to end. LeaseLostError: another one has the step now.
        """
        ensure_held(self.place)
        self.told.tell(done, total)
        self.on_progress(done, total)
        leave_if_asked()


def execute_step(
    step: Step,
    store: Store,
    runtime: Runtime,
    slot: ModelSlot,
    origin: dict[str, Json],
    on_progress: Callable[[int, int], None],
) -> StepResult:
    """Run one step in its folder; a failure is kept there as a traceback and returned, not raised.

    Raises:
        StoreError: the disk is full: no other step could succeed.
    """

    def progressed(_: Step, done: int, total: int) -> None:
        on_progress(done, total)

    ((_, result),) = execute_steps([step], store, runtime, slot, origin, lambda step: None, progressed)
    return result


def execute_steps(
    steps: Sequence[Step],
    store: Store,
    runtime: Runtime,
    slot: ModelSlot,
    origin: dict[str, Json],
    started: Callable[[Step], None],
    progressed: Callable[[Step, int, int], None],
) -> Generator[tuple[Step, StepResult]]:
    """Claim some steps together, run one after the other, and yield how each ended.

    Those that are left when the iterator is closed, or when this process drains, are given back.

    Raises:
        StoreError: the disk is full: no other step could succeed.
    """
    left: dict[str, Step] = {}
    with ExitStack() as claims:
        try:
            for step in steps:
                if claims.enter_context(store.claim(step, origin)) is not None:
                    left[step.fingerprint] = step
                elif store.result(step) is not None:
                    yield step, StepResult(Ended.DONE, by_others=True)
                else:
                    yield step, StepResult(Ended.BUSY)
            if left:
                tell(store.root, Event.BEGUN, left.values())
            for step in list(left.values()):
                leave_if_asked()
                started(step)
                work = StepWork(store.folder(step), store, runtime, slot, partial(progressed, step))
                result = _run(step, work, store)
                del left[step.fingerprint]
                tell(store.root, _TOLD[result.ended], [step])
                yield step, result
        except OSError as error:
            _raise_if_full(error, store)
            raise StoreError(f"cannot write to the store {store.root}: {error}") from error
        finally:
            if left:
                tell(store.root, Event.LEFT, left.values())


def _run(step: Step, work: StepWork, store: Store) -> StepResult:
    """Run a step that this process holds."""
    if step.group is not None:
        _limit_torch(work.runtime)
        work.slot.enter(step.group)
    try:
        with data_at(work.runtime.data_dir), recording(work.place / NOTES) as noted:
            summary = step.run(work)
        work.told.path.unlink(missing_ok=True)
        store.finish(step, summary, noted)
        (work.place / NOTES).unlink(missing_ok=True)
    except LeaseLostError:
        return StepResult(Ended.BUSY)
    except Exception as error:  # noqa: BLE001  (any failure of a step is its own; the others go on)
        _raise_if_full(error, store)
        store.fail(step, traceback.format_exc(), _said(error))
        return StepResult(Ended.FAILED, store.error(step))
    return StepResult(Ended.DONE)


def limit_threads(runtime: Runtime) -> None:
    """Give this process its share of the cores, and let idle threads sleep after a moment.

    Threads that spin while they wait keep the cores from everybody else: a second busy process on the same cores
    makes both many times slower instead of half as fast. Some spins in between bridge the gap to the next layer.

    Call it before torch is imported, which reads the environment when it loads.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    os.environ.setdefault("GOMP_SPINCOUNT", "10000")
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ[name] = str(runtime.threads)


def _limit_torch(runtime: Runtime) -> None:
    import torch

    torch.set_num_threads(runtime.threads)


def _said(error: Exception) -> str:
    """Return what went wrong in one line; of an error that is not explained in one, also where its traceback is."""
    if isinstance(error, OffdiagError):
        return " ".join(str(error).split())
    said = culprit(error) or f"{type(error).__name__}: {' '.join(str(error).split())}"
    return f"{said} {SEE_TRACEBACK}"


def _raise_if_full(error: BaseException | None, store: Store) -> None:
    while error is not None:
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise StoreError(
                f"the disk that holds {store.root} is full: free some space (or move the store and give it with "
                "--store) and run again; everything that was finished is kept"
            ) from error
        error = error.__cause__ or error.__context__
