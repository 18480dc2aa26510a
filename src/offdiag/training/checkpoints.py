"""Checkpoints that can be trusted: the Trainer writes into the final name, so a marker file, written last, tells."""

import re
import shutil
from pathlib import Path

MARKER = "complete"


def mark_complete(checkpoint: Path) -> None:
    """Say that everything of ``checkpoint`` has been written."""
    (checkpoint / MARKER).touch()


def last_complete(folder: Path) -> Path | None:
    """The newest complete checkpoint in ``folder``; what a killed run left half-written is deleted."""
    complete = {}
    for checkpoint in folder.glob("checkpoint-*"):
        if (checkpoint / MARKER).exists():
            complete[_update(checkpoint)] = checkpoint
        else:
            shutil.rmtree(checkpoint)
    return complete[max(complete)] if complete else None


def path_of(folder: Path, update: int) -> Path:
    """Where the Trainer writes the checkpoint after ``update`` updates."""
    return folder / f"checkpoint-{update}"


def _update(checkpoint: Path) -> int:
    return int(re.sub(r"\D", "", checkpoint.name))
