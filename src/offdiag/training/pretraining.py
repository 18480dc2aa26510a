"""Pre-training from scratch: a stream of batches and a recipe in, the weights of a small decoder out.

    folder/weights         the model, as save_pretrained writes it; appears only when complete
    folder/history.jsonl   one row an update: update, loss (nats per target), accuracy (of the targets), learning_rate,
                           gradient_norm (before scaling), seconds
    folder/summary.json    what pretrain returns
    folder/checkpoints     while it runs

A loop of our own and not transformers' Trainer: an update of such a model takes a fraction of a second, of which the
Trainer's own work is a part that can be measured (``benchmarks/pretraining.py``).
"""

import json
import math
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import torch
from torch.nn.functional import cross_entropy
from transformers import AutoModelForCausalLM, GPT2Config, LlamaConfig, PreTrainedConfig, PreTrainedModel

from offdiag.errors import OffdiagError
from offdiag.identity import Json
from offdiag.models.loading import device_of
from offdiag.runtime import Runtime
from offdiag.seeds import derive
from offdiag.training.batches import IGNORED
from offdiag.training.scope import process_untouched
from offdiag.training.scratch import Decoder, PretrainingRecipe
from offdiag.training.snapshot import load_snapshot, save_snapshot

if TYPE_CHECKING:
    from offdiag.training.history import Progress

# Token ids and targets, both integers of shape [rows, columns]; a target of -100 is none.
Arrays: TypeAlias = tuple[Any, Any]
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
    on_progress: "Progress | None" = None,
    checkpoint_every: int | None = None,
) -> dict[str, Json]:
    """Train a decoder from scratch and write its weights to ``folder/"weights"``.

    Args:
        draw: batch ``i``, a pure function of ``i``: token ids and targets.
        decoder: the architecture.
        recipe: how.
        vocabulary: number of tokens. columns: longest sequence, in tokens.
        seed: root seed; the first weights are drawn from its stream ``init``.
        folder: a folder for this training alone; the same folder resumes, and ends with the same bits.
        runtime: the device.
        on_progress: called with the updates done and all of them.
        checkpoint_every: updates between checkpoints; a quarter of the training, 500 at most, if not given.

    Returns:
        ``updates, parameters, total_tokens, final_loss, final_accuracy`` (means over the last tenth of the updates)
        and ``seconds`` (of the updates that led to the weights).

    Raises:
        OffdiagError: the loss is not finite.
    """
    summary_file, weights = folder / "summary.json", folder / "weights"
    if summary_file.exists() and weights.exists():
        return _finish(folder)
    folder.mkdir(parents=True, exist_ok=True)
    every = checkpoint_every or min(-(-recipe.updates // 4), 500)
    with process_untouched():
        model = new_model(decoder, vocabulary, columns, seed)
        model.to(device_of(runtime))  # type: ignore[arg-type]
        optimizer = new_optimizer(model, recipe)
        done = load_snapshot(model, optimizer, folder / "checkpoints")
        log = _Log(folder / "history.jsonl", done)
        for update in range(done, recipe.updates):
            log.add(update + 1, train_step(model, optimizer, draw(update), recipe, update))
            finished = update + 1
            if finished % every == 0 or finished % REPORT_EVERY == 0 or finished == recipe.updates:
                log.write()
                if on_progress is not None:
                    on_progress(finished, recipe.updates)
            if finished % every == 0 and finished < recipe.updates:
                save_snapshot(model, optimizer, folder / "checkpoints", finished)
    _save(model, weights)
    summary = {"parameters": sum(p.numel() for p in model.parameters()), **_totals(log.rows, recipe, columns)}
    part = summary_file.with_suffix(".part")
    part.write_text(json.dumps(summary), encoding="utf-8")
    part.replace(summary_file)
    return _finish(folder)


def new_model(decoder: Decoder, vocabulary: int, columns: int, seed: int) -> PreTrainedModel:
    """The untrained model, in training mode; draws from torch's global generator, which it seeds."""
    torch.manual_seed(derive(seed, "init"))
    model: PreTrainedModel = AutoModelForCausalLM.from_config(_config(decoder, vocabulary, columns))  # type: ignore[no-untyped-call]
    model.train()
    return model


def _config(decoder: Decoder, vocabulary: int, columns: int) -> PreTrainedConfig:
    shared: dict[str, Any] = {
        "vocab_size": vocabulary,
        "initializer_range": decoder.initial_std,
        "tie_word_embeddings": False,
        "use_cache": False,
        "bos_token_id": None,
        "eos_token_id": None,
        "attn_implementation": "sdpa",
    }
    inner = decoder.expansion * decoder.width
    if decoder.architecture == "llama":
        return LlamaConfig(
            hidden_size=decoder.width,
            intermediate_size=inner,
            num_hidden_layers=decoder.depth,
            num_attention_heads=decoder.heads,
            num_key_value_heads=decoder.heads,
            max_position_embeddings=columns,
            **shared,
        )
    return GPT2Config(
        n_embd=decoder.width,
        n_inner=inner,
        n_layer=decoder.depth,
        n_head=decoder.heads,
        n_positions=columns,
        activation_function="gelu_pytorch_tanh",
        resid_pdrop=0.0,
        embd_pdrop=0.0,
        attn_pdrop=0.0,
        **shared,
    )


def new_optimizer(model: torch.nn.Module, recipe: PretrainingRecipe) -> torch.optim.AdamW:
    """AdamW in its fused form; norms (vectors) do not decay."""
    weights = list(model.parameters())
    groups = [
        {"params": [w for w in weights if w.ndim > 1], "weight_decay": recipe.weight_decay},
        {"params": [w for w in weights if w.ndim <= 1], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=recipe.learning_rate, betas=(0.9, recipe.beta2), fused=True)


def train_step(
    model: PreTrainedModel, optimizer: torch.optim.Optimizer, batch: Arrays, recipe: PretrainingRecipe, update: int
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, float]:
    """One update; returns loss, accuracy and gradient norm (still on the device) and the learning rate."""
    device = model.device
    ids, targets = (torch.as_tensor(array, device=device) for array in batch)
    wanted = (targets.flatten() != IGNORED).nonzero().squeeze(1)
    answers = targets.flatten()[wanted]
    hidden = model.base_model(input_ids=ids, use_cache=False).last_hidden_state
    head = model.get_output_embeddings()  # type: ignore[no-untyped-call]
    logits = head(hidden.flatten(0, 1)[wanted])  # the head reads the targets' positions only
    loss = cross_entropy(logits.float(), answers)
    loss.backward()  # type: ignore[no-untyped-call]
    norm = torch.nn.utils.clip_grad_norm_(model.parameters(), recipe.max_grad_norm)
    rate = recipe.rate(update)
    for group in optimizer.param_groups:
        group["lr"] = rate
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)
    accuracy = (logits.detach().argmax(-1) == answers).float().mean()
    return loss.detach(), accuracy, norm.detach(), rate


class _Log:
    """``history.jsonl``: rows wait on the device until a few are written at once."""

    def __init__(self, path: Path, done: int) -> None:
        """Begins with the rows of the ``done`` updates that a killed training has left."""
        lines = path.read_text(encoding="utf-8").splitlines()[:done] if done else []
        path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        self.path = path
        self.rows: list[dict[str, Any]] = [json.loads(line) for line in lines]
        self.waiting: list[tuple[int, Any]] = []
        self.clock = time.perf_counter()

    def add(self, update: int, outcome: tuple[torch.Tensor, torch.Tensor, torch.Tensor, float]) -> None:
        self.waiting.append((update, outcome))

    def write(self) -> None:
        new = []
        for update, (loss, accuracy, norm, rate) in self.waiting:
            row = {"update": update, "loss": loss.item(), "accuracy": accuracy.item(), "learning_rate": rate}
            new.append({**row, "gradient_norm": norm.item()})
            if not math.isfinite(row["loss"]):
                raise OffdiagError(
                    f"pre-training: the loss of update {update} is {row['loss']}, expected a finite number; "
                    "give a lower learning_rate"
                )
        seconds = (time.perf_counter() - self.clock) / max(len(new), 1)
        new = [{**row, "seconds": seconds} for row in new]
        with self.path.open("a", encoding="utf-8") as file:
            file.write("".join(f"{json.dumps(row)}\n" for row in new))
        self.rows += new
        self.waiting, self.clock = [], time.perf_counter()


def _totals(rows: list[dict[str, Any]], recipe: PretrainingRecipe, columns: int) -> dict[str, Json]:
    last = rows[-max(1, len(rows) // 10) :]
    return {
        "updates": recipe.updates,
        "total_tokens": recipe.updates * recipe.batch_size * columns,
        "final_loss": sum(row["loss"] for row in last) / len(last),
        "final_accuracy": sum(row["accuracy"] for row in last) / len(last),
        "seconds": round(sum(row["seconds"] for row in rows), 3),
    }


def _save(model: PreTrainedModel, weights: Path) -> None:
    partial = weights.with_name(f"{weights.name}.partial")
    for folder in (partial, weights):
        shutil.rmtree(folder, ignore_errors=True)
    model.save_pretrained(partial)
    partial.rename(weights)


def _finish(folder: Path) -> dict[str, Json]:
    shutil.rmtree(folder / "checkpoints", ignore_errors=True)
    summary: dict[str, Json] = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    return summary
