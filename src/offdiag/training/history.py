"""Callbacks of the Trainer that keep the history, one row per update, and snapshots of the weights."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from offdiag.drain import draining
from offdiag.durable import write_text
from offdiag.errors import OffdiagError
from offdiag.identity import Json
from offdiag.lease import ensure_held
from offdiag.strict_json import dumps
from offdiag.training.checkpoints import mark_complete, path_of
from offdiag.training.recipe import Recipe
from offdiag.training.snapshots import snapshot_folder

Row: TypeAlias = dict[str, Any]
Progress: TypeAlias = Callable[[int, int], None]


class History(TrainerCallback):
    """Writes ``history.jsonl``, marks checkpoints complete and tells the progress.

    The rows travel in the Trainer's own state, so that a resumed training begins with those of its checkpoint. A
    process that is to end writes a checkpoint first: the word of the progress that lets it leave comes after that.
    """

    def __init__(self, path: Path, on_progress: Progress | None) -> None:
        self.path = path
        self.on_progress = on_progress

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Begin the file with what the checkpoint remembers."""
        write_text(self.path, "".join(f"{dumps(row)}\n" for row in rows(state)))

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        """Ask for a checkpoint if the process is to end."""
        if draining() and self.may_stop(state.global_step):
            control.should_save = True

    def may_stop(self, update: int) -> bool:
        """Return whether a checkpoint after this update holds all that the training needs to go on."""
        return True

    def on_log(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        """Append the update's row.

        Raises:
            OffdiagError: a loss or the norm of the gradient is not finite; the weights are spoilt.
            LeaseLostError: another process trains here now; neither the row nor a checkpoint is written.
        """
        ensure_held(self.path)
        self._check_finite(rows(state)[-1])
        with self.path.open("a", encoding="utf-8") as file:
            file.write(f"{dumps(rows(state)[-1])}\n")
        if self.on_progress is not None and not draining():
            self.on_progress(state.global_step, state.max_steps)

    def _check_finite(self, row: Row) -> None:
        for name, value in row.items():
            if isinstance(value, float) and not math.isfinite(value):
                raise OffdiagError(
                    f"training: {name} of update {row['update']} is {value}, expected a finite number; give a lower "
                    "learning_rate or dtype='float32'"
                )

    def on_save(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        """Mark the checkpoint that the Trainer has just written as complete."""
        mark_complete(path_of(Path(str(args.output_dir)), state.global_step))
        if self.on_progress is not None and draining():
            self.on_progress(state.global_step, state.max_steps)


class Snapshots(TrainerCallback):
    """Keeps the weights after some updates, beside those of the end.

    A snapshot that a killed training has left is complete, and its bits are those that the resumed one would write.

    Args:
        recipe: names the updates. save: writes the weights to a folder. folder: of the training.
    """

    def __init__(self, recipe: Recipe, save: Callable[[Path], None], folder: Path) -> None:
        self.updates = frozenset(recipe.snapshots)
        self.save = save
        self.folder = folder

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Keep the weights before the first update, if they are asked for."""
        self._keep(state.global_step)

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        """Keep the weights after an update, if they are asked for."""
        self._keep(state.global_step)

    def _keep(self, update: int) -> None:
        kept = snapshot_folder(self.folder, update)
        if update in self.updates and not kept.exists():
            self.save(kept)


def rows(state: TrainerState) -> list[Row]:
    """Return the rows of the updates so far, counted from 1."""
    return [
        {"update": row["step"], **{name: row[name] for name in row if name not in ("step", "epoch")}}
        for row in state.log_history
    ]


def totals(history: list[Row]) -> dict[str, Json]:
    """Return token counts, losses of the last update and seconds of a finished training."""
    return {
        "updates": len(history),
        "supervised_tokens": sum(row["supervised_tokens"] for row in history),
        "total_tokens": sum(row["tokens"] for row in history),
        "final_response_loss": history[-1]["response_loss"],
        "final_text_loss": history[-1]["text_loss"],
        "seconds": round(sum(row["seconds"] for row in history), 3),
    }
