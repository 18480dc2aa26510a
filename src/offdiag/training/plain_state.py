"""Checkpoints of a Trainer without pickles: the optimiser as safetensors and JSON, the schedule as JSON.

What the Trainer writes by itself can run any code when it is read, and is read by whoever resumes a training in a store
that others write to, too.
"""

from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file

from offdiag.strict_json import dumps, loads

TENSORS, REST = "optimizer.safetensors", "optimizer.json"


class PlainState:
    """Part of a Trainer: it writes and reads the state of optimiser and schedule.

    The states of the generators of random numbers are left out: nothing draws from them, see
    :mod:`offdiag.training.dropout` and :mod:`offdiag.training.rounds`.
    """

    optimizer: Any
    lr_scheduler: Any

    def _save_optimizer_and_scheduler(self, output_dir: str) -> None:
        save_optimizer(Path(output_dir), self.optimizer.state_dict(), self.lr_scheduler.state_dict())

    def _load_optimizer_and_scheduler(self, checkpoint: str | None) -> None:
        if checkpoint is not None:
            optimizer, schedule = load_optimizer(Path(checkpoint))
            self.optimizer.load_state_dict(optimizer)
            self.lr_scheduler.load_state_dict(schedule)

    def _save_rng_state(self, output_dir: str) -> None:
        """Write nothing."""

    def _load_rng_state(self, checkpoint: str | None) -> None:
        """Read nothing."""

    def _save(self, output_dir: str | None = None, state_dict: dict[str, Any] | None = None) -> None:
        super()._save(output_dir, state_dict)  # type: ignore[misc]
        if output_dir is not None:
            (Path(output_dir) / "training_args.bin").unlink()  # a pickle that nobody reads


def save_optimizer(folder: Path, optimizer: dict[str, Any], schedule: dict[str, Any]) -> None:
    """Write the states of an optimiser and of its schedule, as their ``state_dict`` returns them."""
    tensors: dict[str, torch.Tensor] = {}
    held: set[int] = set()
    numbers: dict[str, dict[str, Any]] = {}
    for index, slots in optimizer["state"].items():
        for name, value in slots.items():
            if isinstance(value, torch.Tensor):
                place = value.untyped_storage().data_ptr()
                # two may share their memory; a copy of each would take as much as the optimiser again
                tensors[f"{index}.{name}"] = value.detach().clone() if place in held else value.detach().contiguous()
                held.add(place)
            else:
                numbers.setdefault(str(index), {})[name] = value
    save_file(tensors, folder / TENSORS)
    rest = {"groups": optimizer["param_groups"], "numbers": numbers, "schedule": schedule}
    (folder / REST).write_text(dumps(rest), encoding="utf-8")


def load_optimizer(folder: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """Read what :func:`save_optimizer` wrote: the states of the optimiser and of the schedule."""
    rest = loads((folder / REST).read_text(encoding="utf-8"))
    state: dict[int, dict[str, Any]] = {int(index): dict(slots) for index, slots in rest["numbers"].items()}
    for name, tensor in load_file(folder / TENSORS).items():
        index, _, slot = name.partition(".")
        state.setdefault(int(index), {})[slot] = tensor
    return {"state": state, "param_groups": rest["groups"]}, rest["schedule"]
