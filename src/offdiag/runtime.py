"""Settings of a run: device, batch budget, threads. They may not change a result, so none is fingerprinted."""

import gc
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import takewhile
from pathlib import Path
from threading import Lock
from typing import Literal, TypeAlias

TOKEN_BUDGET = 16_384  # the usual one
DEVICES = Path("/dev")
Device: TypeAlias = Literal["auto", "cpu", "cuda", "mps"]


def available_cores() -> int:
    """Return how many CPU cores this process may use (the affinity mask, where there is one)."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def default_threads() -> int:
    """Return the number that ``OMP_NUM_THREADS`` says, or what Slurm gives this task, or all available cores."""
    for name, most in (("OMP_NUM_THREADS", None), ("SLURM_CPUS_PER_TASK", available_cores())):
        said = os.environ.get(name, "")
        if said.isdigit() and int(said) > 0:
            return min(int(said), most or int(said))
    return available_cores()


def visible_gpus() -> tuple[str, ...]:
    """Return the names of the CUDA devices that this process may use, as ``CUDA_VISIBLE_DEVICES`` has them.

    Torch is not asked, which would load it. What stands behind a name that is no device does not count, as in CUDA.
    """
    said = os.environ.get("CUDA_VISIBLE_DEVICES")
    if said is None:
        return tuple(map(str, range(sum(path.name[6:].isdigit() for path in DEVICES.glob("nvidia*")))))
    return tuple(takewhile(lambda name: name not in ("", "-1"), (name.strip() for name in said.split(","))))


def runs_on_cpu(runtime: "Runtime") -> bool:
    """Say whether a run computes on the CPU, as far as that is known without torch."""
    return runtime.device == "cpu" or (runtime.device == "auto" and not visible_gpus() and sys.platform != "darwin")


def available_memory() -> int | None:
    """Return the bytes of memory that this process may use: of the machine, its control group or its Slurm job."""
    limits = []
    with suppress(ValueError, OSError):
        limits.append(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    for file in ("memory.max", "memory/memory.limit_in_bytes"):  # version 2, version 1
        with suppress(ValueError, OSError):
            limits.append(int(Path("/sys/fs/cgroup", file).read_text(encoding="utf-8")))
    with suppress(ValueError):
        limits.append(int(os.environ.get("SLURM_MEM_PER_NODE", "")) << 20)
    return min((limit for limit in limits if limit > 0), default=None)  # Slurm's 0 is all of the machine


@contextmanager
def without_collection() -> Iterator[None]:
    """Turn the cyclic garbage collector off, and freeze what is made meanwhile, for good.

    A plan is made of a million objects that all stay: looking among them for cycles again and again takes as long as
    making them, and once more at the end.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if enabled:
            gc.enable()


_COUNTING = Lock()


@dataclass
class Spent:
    """The number of requests that a run has sent to servers so far, of all threads of this process."""

    n: int = 0

    def take(self, most: int | None) -> bool:
        """Count one more request unless that exceeds ``most``; returns whether it was counted."""
        with _COUNTING:
            if most is not None and self.n >= most:
                return False
            self.n += 1
            return True


@dataclass(frozen=True, kw_only=True)
class Requests:
    """How servers are asked, see :mod:`offdiag.models.server`.

    Attributes:
        at_once: requests that are under way at the same time. most: requests of a run, repeated ones included; None
            for any number. attempts: how often one question is asked before the step fails.
        timeout: seconds until an answer counts as lost. pause: seconds before the second attempt; it doubles with each.
        spent: what a run has sent so far.
    """

    at_once: int = 8
    most: int | None = None
    attempts: int = 6
    timeout: float = 120.0
    pause: float = 1.0
    spent: Spent = field(default_factory=Spent, compare=False)


@dataclass(frozen=True, kw_only=True)
class Runtime:
    """Device, batch budget, threads and place of data of one process that runs steps.

    Attributes:
        device: ``"auto"`` takes CUDA, then MPS, then the CPU.
        token_budget: most padded tokens (prompt and completion, rows x columns) in one batch of a float32 model; one
            in 16 bits has its own, see :class:`offdiag.models.ModelSpec`.
        fill_memory: whether batches of a float32 model that is asked have as many tokens as the device's free memory
            holds instead, see :mod:`offdiag.models.inference.room`.
        threads: CPU threads of this process; workers x threads never exceed the cores.
        gpus: CUDA devices of each worker process, on which its model lies.
        data_dir: where data lie that are not built in, see :mod:`offdiag.tasks.data`; if empty, where the plan or
            ``OFFDIAG_DATA`` says.
        requests: how models behind servers are asked.
        study_files: Python files to import first, so that what they register exists in a worker too.
    """

    device: Device = "auto"
    token_budget: int = TOKEN_BUDGET
    fill_memory: bool = False
    threads: int = field(default_factory=default_threads)
    gpus: int = 1
    data_dir: str = ""
    requests: Requests = field(default_factory=Requests)
    study_files: tuple[Path, ...] = ()
