"""Checkpoints and the summary of a training: what is complete, and where a killed training goes on.

The Trainer writes a checkpoint under its final name at once, so that a marker file, written last, says that it is
complete. The summary is written after the weights: both together say that nothing is left to do.
"""

import re
import shutil
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file

from offdiag.identity import Json
from offdiag.strict_json import dumps, loads

MARKER = "complete"
STATE = "state.safetensors"


def mark_complete(checkpoint: Path) -> None:
    """Say that everything of ``checkpoint`` has been written."""
    (checkpoint / MARKER).touch()


def last_complete(folder: Path) -> Path | None:
    """Return the newest complete checkpoint in ``folder``; delete what a killed run left half-written."""
    complete = {}
    for checkpoint in folder.glob("checkpoint-*"):
        if (checkpoint / MARKER).exists():
            complete[_update(checkpoint)] = checkpoint
        else:
            shutil.rmtree(checkpoint)
    return complete[max(complete)] if complete else None


def path_of(folder: Path, update: int) -> Path:
    """Return where the Trainer writes the checkpoint after ``update`` updates."""
    return folder / f"checkpoint-{update}"


def save_checkpoint(model: torch.nn.Module, optimizer: torch.optim.Optimizer, folder: Path, update: int) -> None:
    """Write the checkpoint of a training without the Trainer, its marker last, and then drop the older ones.

    It is the state of weights and optimiser as safetensors (no pickles), so that the training goes on with the same
    bits.
    """
    checkpoint = path_of(folder, update)
    checkpoint.mkdir(parents=True)
    tensors = {f"model.{name}": tensor.contiguous() for name, tensor in model.state_dict().items()}
    for index, slots in optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer.{index}.{name}": tensor for name, tensor in slots.items()}
    save_file(tensors, checkpoint / STATE)
    mark_complete(checkpoint)
    for other in folder.iterdir():
        if other != checkpoint:
            shutil.rmtree(other)


def load_checkpoint(model: torch.nn.Module, optimizer: torch.optim.Optimizer, folder: Path) -> int:
    """Load the last complete checkpoint of ``folder``; return the updates that it has behind it, 0 without one."""
    checkpoint = last_complete(folder)
    if checkpoint is None:
        return 0
    weights: dict[str, torch.Tensor] = {}
    slots: dict[int, dict[str, Any]] = {}
    for name, tensor in load_file(checkpoint / STATE).items():
        owner, _, rest = name.partition(".")
        if owner == "model":
            weights[rest] = tensor
        else:
            index, _, slot = rest.partition(".")
            slots.setdefault(int(index), {})[slot] = tensor
    model.load_state_dict(weights)
    optimizer.load_state_dict({"state": slots, "param_groups": optimizer.state_dict()["param_groups"]})
    return _update(checkpoint)


def is_finished(folder: Path) -> bool:
    """Say whether a training in ``folder`` has its weights and its summary."""
    return _summary(folder).exists() and (folder / "weights").exists()


def write_summary(folder: Path, summary: dict[str, Json]) -> None:
    """Write the summary, whole or not at all."""
    part = _summary(folder).with_suffix(".part")
    part.write_text(dumps(summary), encoding="utf-8")
    part.replace(_summary(folder))


def finish(folder: Path) -> dict[str, Json]:
    """Return the summary of a training whose weights are in place, and delete its checkpoints."""
    shutil.rmtree(folder / "checkpoints", ignore_errors=True)
    summary: dict[str, Json] = loads(_summary(folder).read_text(encoding="utf-8"))
    return summary


def _summary(folder: Path) -> Path:
    return folder / "summary.json"


def _update(checkpoint: Path) -> int:
    return int(re.sub(r"\D", "", checkpoint.name))
