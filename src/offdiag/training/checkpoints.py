"""Checkpoints and the summary of a training: what is complete, and where a killed training goes on.

A checkpoint is complete with its marker, which is written last, when all else is on the disk. It lists the other files,
so that a damaged checkpoint is known and the one before it is taken. Nothing in it is a pickle. The summary is written
after the weights: both together say that nothing is left to do.
"""

import re
import shutil
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file

from offdiag.durable import sync, sync_tree, write_text
from offdiag.identity import Json
from offdiag.lease import ensure_held
from offdiag.manifest import damages, manifest_of, measured
from offdiag.strict_json import dumps, loads

MARKER = "complete"
STATE = "state.safetensors"
KEPT = 2  # newest checkpoints; the second is taken where the first is damaged


def mark_complete(checkpoint: Path, history: Path | None = None) -> None:
    """Say that everything of ``checkpoint`` has been written, and the rows of ``history`` that belong to it."""
    sync_tree(checkpoint)
    marker: dict[str, Json] = {"files": manifest_of(checkpoint, (MARKER,), sha256=False)}
    if history is not None:
        sync(history)
        marker["history"] = measured(history, sha256=False)
    write_text(checkpoint / MARKER, dumps(marker))


def last_complete(folder: Path, history: Path | None = None) -> Path | None:
    """Return the newest checkpoint in ``folder`` that is complete and whole; delete those that are not.

    ``history`` is the file whose beginning belongs to the checkpoints, where one does.
    """
    for checkpoint in sorted(folder.glob("checkpoint-*"), key=update_of, reverse=True):
        if _is_whole(checkpoint, history):
            return checkpoint
        shutil.rmtree(checkpoint)
    return None


def _is_whole(checkpoint: Path, history: Path | None) -> bool:
    marker = checkpoint / MARKER
    try:
        said = loads(marker.read_text(encoding="utf-8"))
        if any(damages(checkpoint, said["files"], "reading", marker.stat().st_mtime_ns)):
            return False
        return history is None or measured(history, sha256=False, most=said["history"]["bytes"]) == said["history"]
    except (OSError, ValueError, KeyError, TypeError):
        return False


def path_of(folder: Path, update: int) -> Path:
    """Return where the Trainer writes the checkpoint after ``update`` updates."""
    return folder / f"checkpoint-{update}"


def update_of(checkpoint: Path) -> int:
    """Return the number of updates that a checkpoint has behind it."""
    return int(re.sub(r"\D", "", checkpoint.name))


def save_checkpoint(
    model: torch.nn.Module, optimizer: torch.optim.Optimizer, folder: Path, update: int, history: Path
) -> None:
    """Write the checkpoint of a training without the Trainer, its marker last, and then drop all but the one before.

    It is the state of weights and optimiser as safetensors, so that the training goes on with the same bits.
    """
    ensure_held(folder)
    checkpoint = path_of(folder, update)
    checkpoint.mkdir(parents=True)
    tensors = {f"model.{name}": tensor.contiguous() for name, tensor in model.state_dict().items()}
    for index, slots in optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer.{index}.{name}": tensor for name, tensor in slots.items()}
    save_file(tensors, checkpoint / STATE)
    mark_complete(checkpoint, history)
    for older in sorted(folder.glob("checkpoint-*"), key=update_of)[:-KEPT]:
        shutil.rmtree(older)


def load_checkpoint(model: torch.nn.Module, optimizer: torch.optim.Optimizer, folder: Path, history: Path) -> int:
    """Load the last complete checkpoint of ``folder``; return the updates that it has behind it, 0 without one."""
    checkpoint = last_complete(folder, history)
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
    return update_of(checkpoint)


def is_finished(folder: Path) -> bool:
    """Say whether a training in ``folder`` has its weights and its summary."""
    return _summary(folder).exists() and (folder / "weights").exists()


def write_summary(folder: Path, summary: dict[str, Json]) -> None:
    """Write the summary, whole or not at all, once the history is on the disk: nothing writes that again."""
    if (history := folder / "history.jsonl").exists():
        sync(history)
    write_text(_summary(folder), dumps(summary))


def finish(folder: Path) -> dict[str, Json]:
    """Return the summary of a training whose weights are in place, and delete its checkpoints."""
    shutil.rmtree(folder / "checkpoints", ignore_errors=True)
    summary: dict[str, Json] = loads(_summary(folder).read_text(encoding="utf-8"))
    return summary


def _summary(folder: Path) -> Path:
    return folder / "summary.json"
