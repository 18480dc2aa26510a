"""What the workers of a plan ask of the machines of a cluster: cores, GPUs or a part of one, memory."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from math import ceil, log2

from offdiag.cost import memory_size

# An estimate leaves out what CUDA and the allocator take for themselves.
MARGIN, CUDA_BYTES = 1.15, 2**30
SMALL_BYTES = 2**30  # what takes less is one size
PARTS = (0.25, 0.5, 1.0)  # of a GPU, as workers ask for them


@dataclass(frozen=True)
class Machine:
    """What a machine has in all: cores, GPUs, and bytes of memory."""

    cores: float
    gpus: float
    memory: float


@dataclass(frozen=True)
class Room:
    """What a worker asks for. ``gpus`` may be a part of one; ``memory`` is the machine's, in bytes, 0 for any."""

    cores: int = 1
    gpus: float = 0.0
    memory: int = 0

    def __str__(self) -> str:
        gpus = f"{self.gpus:g} GPU{'s' if self.gpus > 1 else ''}, " if self.gpus else ""
        memory = f", {memory_size(self.memory)} memory" if self.memory else ""
        return f"{gpus}{self.cores} core{'s' if self.cores > 1 else ''}{memory}"

    def held_by(self, machine: Machine) -> int:
        """Return how many workers that ask for this the machine has room for, if nobody else uses it."""
        asked = ((self.cores, machine.cores), (self.gpus, machine.gpus), (self.memory, machine.memory))
        return min(int(has / wants + 1e-9) for wants, has in asked if wants)

    def with_cores(self, machines: Sequence[Machine], workers: int | None) -> "Room":
        """Return the same with as many cores as let so many workers run at once, on these machines."""
        wanted = min(workers or usual_workers(self, machines), sum(map(self.held_by, machines)))
        for cores in range(int(max((m.cores for m in machines), default=1)), 1, -1):
            found = replace(self, cores=cores)
            if wanted and sum(map(found.held_by, machines)) >= wanted:
                return found
        return self


def usual_workers(room: Room, machines: Sequence[Machine]) -> int:
    """Return how many workers a cluster is for: one per GPU, or as many as share it; without GPUs one per machine."""
    held = [room.held_by(machine) for machine in machines]
    return max(1, sum(held) if room.gpus else sum(map(bool, held)))


def rooms(needs: Iterable[float | None], *, gpu_memory: float | None, on_gpus: bool) -> list[Room]:
    """Return what workers ask for that can load each of some models, the largest first; each can load what is smaller.

    Args:
        needs: bytes that each model takes, None where they are not known; empty where no step needs a model.
        gpu_memory: bytes of a GPU, None where they are not known. on_gpus: whether the cluster has any.
    """
    found: dict[float, Room] = {}
    for need in needs:
        if on_gpus:
            part = 1.0 if need is None or not gpu_memory else (need * MARGIN + CUDA_BYTES) / gpu_memory
            part = next((size for size in PARTS if part <= size), float(ceil(part)))
            found[part] = Room(gpus=part)
        else:
            size = ceil(log2(max(need or 0, SMALL_BYTES)))  # few sizes, however many models
            found[size] = Room(memory=max(int(need or 0), found.get(size, Room()).memory))
    return [found[size] for size in sorted(found, reverse=True)] or [Room()]
