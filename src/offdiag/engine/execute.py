"""Run one step in this process."""

import errno
import os
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from offdiag.errors import OffdiagError, StoreError
from offdiag.identity import Json
from offdiag.provenance import note, recording
from offdiag.python_files import culprit
from offdiag.runtime import Runtime
from offdiag.steps import Step, Weights
from offdiag.store import Store
from offdiag.tasks.data import data_at

if TYPE_CHECKING:
    from offdiag.models import ModelSource
    from offdiag.models.answers import AnsweringModel
    from offdiag.models.lm import LM


# The folder of the store that keeps by which path each model is asked, see :mod:`offdiag.models.inference.proof`.
PROOFS = "proofs"


NOTES = "noted.partial.json"  # what is known of how the result is made, while it is


class Ended(StrEnum):
    """How a step ended."""

    DONE = "done"
    FAILED = "failed"
    BUSY = "busy"


class StepResult(NamedTuple):
    """How a step ended, and the one line that says why it failed."""

    ended: Ended
    message: str = ""


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
class StepWork:
    """The engine's side of :class:`offdiag.steps.Work`: folders, model and progress of a running step."""

    folder: Path
    store: Store
    runtime: Runtime
    slot: ModelSlot
    on_progress: Callable[[int, int], None] = field(default=lambda done, total: None)

    def output(self, step: Step) -> Path:
        """Return the folder of a finished input, whose files are what they were when it was finished.

        Raises:
            StoreError: they are not; the input is set aside.
        """
        if why := self.store.damage(step, "reading"):
            self.store.set_aside(step, why)
            raise StoreError(f"{step.kind}/{step.name} is damaged ({why}): run again, which makes it anew")
        return self.store.folder(step)

    def model(self, weights: Weights) -> "LM":
        """Return the model, loaded unless the step before had it."""
        return self.slot.get(weights, self)

    def answering(self, weights: Weights) -> "AnsweringModel":
        """Return the model for a step that only asks it."""
        return self.slot.answering(weights, self)

    def progress(self, done: int, total: int) -> None:
        """Tell the watcher how far the step is."""
        self.on_progress(done, total)


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
    try:
        if step.group is not None:
            _limit_torch(runtime)
            slot.enter(step.group)
        with store.claim(step, origin) as folder:
            if folder is None:
                return StepResult(Ended.DONE if store.result(step) is not None else Ended.BUSY)
            try:
                with data_at(runtime.data_dir), recording(folder / NOTES) as noted:
                    summary = step.run(StepWork(folder, store, runtime, slot, on_progress))
            except Exception as error:  # noqa: BLE001  (any failure of a step is its own; the others go on)
                _raise_if_full(error, store)
                store.fail(step, traceback.format_exc())
                return StepResult(Ended.FAILED, _message(error, folder))
            store.finish(step, summary, noted)
            return StepResult(Ended.DONE)
    except OSError as error:
        _raise_if_full(error, store)
        raise StoreError(f"cannot write to the store {store.root}: {error}") from error


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


def _message(error: Exception, folder: Path) -> str:
    """Return what went wrong in one line; of an error that is not explained in one, also where its traceback is."""
    if isinstance(error, OffdiagError):
        return " ".join(str(error).split())
    said = culprit(error) or f"{type(error).__name__}: {' '.join(str(error).split())}"
    return f"{said} (traceback: {folder / 'error.txt'})"


def _raise_if_full(error: BaseException | None, store: Store) -> None:
    while error is not None:
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise StoreError(
                f"the disk that holds {store.root} is full: free some space (or move the store and give it with "
                "--store) and run again; everything that was finished is kept"
            ) from error
        error = error.__cause__ or error.__context__
