"""The state of a training as tensors, so that it can go on with the same bits; safetensors, no pickles."""

import shutil
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file

from offdiag.training.checkpoints import last_complete, mark_complete, path_of

STATE = "state.safetensors"


def save_snapshot(model: torch.nn.Module, optimizer: torch.optim.Optimizer, folder: Path, update: int) -> None:
    """Write the checkpoint after ``update`` updates, its marker last, and then drop the older ones."""
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


def load_snapshot(model: torch.nn.Module, optimizer: torch.optim.Optimizer, folder: Path) -> int:
    """Continue at the last complete checkpoint of ``folder``; returns the updates it has behind it, 0 without one."""
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
    return int(checkpoint.name.rpartition("-")[2])
