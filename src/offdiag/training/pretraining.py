"""Train a small decoder from scratch: a stream of batches and a recipe in, weights out.

    folder/weights         the model, as save_pretrained writes it, and its tokenizer; appears only when complete
    folder/snapshots       update-000012 and so on, as weights, for the recipe's snapshots
    folder/history.jsonl   one row per update: update, loss (nats per target), accuracy (of the targets), gradient_norm
                           (before scaling), learning_rate, targets, tokens, seconds
    folder/summary.json    what pretrain returns
    folder/checkpoints     while it runs

A loop of our own and not transformers' Trainer: an update of such a model takes a fraction of a second, of which the
Trainer's own work is a part that can be measured, columns that nobody learns from are another, and threads that wait
for each other a third (``benchmarks/pretraining.py``).
"""

import math
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from offdiag.drain import draining
from offdiag.durable import move, write_text
from offdiag.errors import OffdiagError
from offdiag.identity import Json
from offdiag.lease import ensure_held
from offdiag.models.loading import device_of
from offdiag.runtime import Runtime
from offdiag.strict_json import dumps, loads
from offdiag.training.characters import character_tokenizer
from offdiag.training.checkpoints import finish, is_finished, load_checkpoint, save_checkpoint, write_summary
from offdiag.training.decoders import load_start, new_model, weight_groups
from offdiag.training.process import process_untouched
from offdiag.training.scratch import Decoder, PretrainingRecipe
from offdiag.training.shards import Arrays, Shards
from offdiag.training.snapshots import snapshot_folder

if TYPE_CHECKING:
    from offdiag.training.history import Progress


class UpdateMetrics(NamedTuple):
    """Metrics of an update; loss, accuracy and norm are still on the device.

    Attributes:
        loss: mean over the targets, nats. accuracy: share of the targets that were the most likely token.
        gradient_norm: before scaling. learning_rate: at the base width.
        targets: how many. tokens: read, without what fills rows up.
    """

    loss: torch.Tensor
    accuracy: torch.Tensor
    gradient_norm: torch.Tensor
    learning_rate: float
    targets: int
    tokens: int

    def row(self, update: int) -> dict[str, Any]:
        """Return the row of the history; waits for the device."""
        row = {n: v.item() if isinstance(v, torch.Tensor) else v for n, v in self._asdict().items()}
        return {"update": update, **row}


class UpdateLog:
    """Writes ``history.jsonl``, one line per update."""

    def __init__(self, path: Path, done: int) -> None:
        """Begin with the rows of the ``done`` updates that a killed training has left."""
        lines = path.read_text(encoding="utf-8").splitlines()[:done] if done else []
        write_text(path, "".join(f"{line}\n" for line in lines))
        self.path = path
        self.rows: list[dict[str, Any]] = [loads(line) for line in lines]
        self.waiting: list[tuple[int, UpdateMetrics]] = []
        self.clock = time.perf_counter()

    def add(self, update: int, metrics: UpdateMetrics) -> None:
        """Remember an update, counted from 1."""
        self.waiting.append((update, metrics))

    def write(self) -> None:
        """Write the rows of all updates since the last write.

        Raises:
            OffdiagError: a loss is not finite. LeaseLostError: another process trains here now.
        """
        ensure_held(self.path)
        new = [metrics.row(update) for update, metrics in self.waiting]
        for row in new:
            for name in ("loss", "gradient_norm"):
                if not math.isfinite(row[name]):
                    raise OffdiagError(
                        f"pre-training: the {name} of update {row['update']} is {row[name]}, expected a finite number; "
                        "give a lower learning_rate"
                    )
        seconds = (time.perf_counter() - self.clock) / max(len(new), 1)
        new = [{**row, "seconds": seconds} for row in new]
        with self.path.open("a", encoding="utf-8") as file:
            file.write("".join(f"{dumps(row)}\n" for row in new))
        self.rows += new
        self.waiting, self.clock = [], time.perf_counter()

    def totals(self) -> dict[str, Json]:
        """Return the counts, and means over the last tenth of the updates."""
        last = self.rows[-max(1, len(self.rows) // 10) :]
        return {
            "updates": len(self.rows),
            "total_tokens": sum(row["tokens"] for row in self.rows),
            "final_loss": sum(row["loss"] for row in last) / len(last),
            "final_accuracy": sum(row["accuracy"] for row in last) / len(last),
            "seconds": round(sum(row["seconds"] for row in self.rows), 3),
        }


Draw: TypeAlias = Callable[[int], Arrays]

REPORT_EVERY = 20


def pretrain(
    draw: Draw,
    decoder: Decoder,
    recipe: PretrainingRecipe,
    *,
    vocabulary: int,
    columns: int,
    seed: int,
    folder: Path,
    runtime: Runtime,
    start: Path | None = None,
    tokens: tuple[str, ...] | None = None,
    on_progress: "Progress | None" = None,
    checkpoint_every: int | None = None,
) -> dict[str, Json]:
    """Train all weights of a decoder and write them to ``folder/"weights"``.

    Args:
        draw: returns batch ``i``, token ids and targets, as a pure function of ``i``. Rows end with their last target.
        decoder: the architecture.
        recipe: optimiser, schedule and number of updates.
        vocabulary: number of tokens. columns: longest sequence, in tokens.
        seed: root seed; the first weights are drawn from its stream ``init``.
        folder: a folder for this training alone; the same folder resumes, and ends with the same bits.
        runtime: the device.
        start: folder of a model to go on from, with an optimiser that begins anew; from nothing if not given.
        tokens: the text of each token, for a tokenizer beside the weights; none is written if not given.
        on_progress: called with the updates done and all of them.
        checkpoint_every: updates between checkpoints; a quarter of the training, 500 at most, if not given.

    Returns:
        ``parameters, updates, total_tokens, final_loss, final_accuracy`` (means over the last tenth of the updates)
        and ``seconds`` (of the updates that led to the weights).

    Raises:
        UserError: ``start`` does not fit the decoder or the tokens.
        OffdiagError: the loss is not finite.
    """
    if is_finished(folder):
        return finish(folder)
    folder.mkdir(parents=True, exist_ok=True)
    with process_untouched():
        ratio = recipe.ratio(decoder.width)
        if start is None:
            model = new_model(decoder, vocabulary, columns, seed, ratio=ratio, tokens=tokens)
            model.to(device_of(runtime))  # type: ignore[arg-type]
        else:
            model = load_start(start, decoder, vocabulary, columns, tokens, runtime)
        tokenizer = None if tokens is None else character_tokenizer(tokens)
        every = checkpoint_every or min(-(-recipe.updates // 4), 500)
        log = _train(model, tokenizer, draw, recipe, ratio, folder, every, on_progress)
        _save(model, tokenizer, folder / "weights")
    write_summary(folder, {"parameters": sum(p.numel() for p in model.parameters()), **log.totals()})
    return finish(folder)


def _train(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase | None,
    draw: Draw,
    recipe: PretrainingRecipe,
    ratio: float,
    folder: Path,
    checkpoint_every: int,
    on_progress: "Progress | None",
) -> UpdateLog:
    """Do all updates after the last checkpoint, and return their log."""
    optimizer = new_optimizer(model, recipe, ratio)
    history = folder / "history.jsonl"
    done = load_checkpoint(model, optimizer, folder / "checkpoints", history)
    log = UpdateLog(history, done)
    with Shards(model) as shards:
        for finished in range(done, recipe.updates + 1):
            if finished > done:
                log.add(finished, train_step(shards, optimizer, draw(finished - 1), recipe, finished - 1))
            leaves = draining() and finished < recipe.updates
            due = leaves or finished % checkpoint_every == 0 or finished == recipe.updates
            if finished > done and (due or finished % REPORT_EVERY == 0):
                log.write()
                if on_progress is not None and not leaves:
                    on_progress(finished, recipe.updates)
            kept = snapshot_folder(folder, finished)
            if finished in recipe.snapshots and not kept.exists():
                _save(model, tokenizer, kept)
            if due and done < finished < recipe.updates:
                save_checkpoint(model, optimizer, folder / "checkpoints", finished, log.path)
            if leaves and on_progress is not None:
                on_progress(finished, recipe.updates)
    return log


def new_optimizer(model: PreTrainedModel, recipe: PretrainingRecipe, ratio: float = 1.0) -> torch.optim.AdamW:
    """Return AdamW in its fused form, for a width that is the base width over ``ratio``."""
    groups = weight_groups(model, ratio, recipe.weight_decay)
    return torch.optim.AdamW(groups, lr=recipe.learning_rate, betas=(0.9, recipe.beta2), fused=True)


def train_step(
    shards: Shards, optimizer: torch.optim.Optimizer, batch: Arrays, recipe: PretrainingRecipe, update: int
) -> UpdateMetrics:
    """Do one update, on the mean loss of the batch's targets."""
    stats = shards.add_gradients(batch)
    norm = torch.nn.utils.clip_grad_norm_(shards.model.parameters(), recipe.max_grad_norm)
    rate = recipe.rate(update)
    for group in optimizer.param_groups:
        group["lr"] = rate * group["scale"]
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)
    return UpdateMetrics(stats.loss, stats.accuracy, norm, rate, stats.targets, stats.tokens)


def _save(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase | None, folder: Path) -> None:
    ensure_held(folder)
    partial = folder.with_name(f"{folder.name}.partial")
    for path in (partial, folder):
        shutil.rmtree(path, ignore_errors=True)
    model.save_pretrained(partial)
    if tokenizer is not None:
        tokenizer.save_pretrained(partial)
    move(partial, folder)
