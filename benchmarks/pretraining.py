"""Pre-training a small decoder: our loop against transformers' Trainer.

Both train the same first weights on the same batches with the same optimiser and learning rates, one after the other in
blocks of updates that take turns, so that a machine whose speed wanders is fair to both. The Trainer gets what it needs
to be at its best: the loss reads the logits of the targets' positions only, nothing is logged, saved or reported.

    python benchmarks/pretraining.py --updates 300 --threads 2

Prints the seconds of both, their ratio, and how far their losses are apart (they must agree to rounding).
"""

import argparse
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import torch
from torch.nn.functional import cross_entropy
from torch.utils.data import IterableDataset
from transformers import PreTrainedModel, Trainer, TrainerCallback, TrainingArguments
from transformers.utils import logging

from offdiag.runtime import Runtime
from offdiag.tasks.episodes import Episodes
from offdiag.training import Decoder, PretrainingRecipe
from offdiag.training.pretraining import new_model, new_optimizer, train_step

STREAM = Episodes()
BLOCK = 25


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--updates", type=int, default=300, help=f"of each, in blocks of {BLOCK}")
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--width", type=int, default=64)
    parser.add_argument("--depth", type=int, default=3)
    parser.add_argument("--threads", type=int, default=Runtime().threads)
    return parser.parse_args()


@dataclass
class Side:
    """One of the two: its seconds by block and its losses by update."""

    seconds: list[float] = field(default_factory=list)
    losses: list[torch.Tensor] = field(default_factory=list)


class Batches(IterableDataset[dict[str, torch.Tensor]]):
    """The stream's batches as the Trainer takes them, each an element."""

    def __init__(self, rows: int, updates: int) -> None:
        self.rows, self.updates = rows, updates

    def __iter__(self) -> Iterator[dict[str, torch.Tensor]]:
        for index in range(self.updates):
            ids, targets = STREAM.batch(0, index, self.rows)
            yield {"input_ids": torch.as_tensor(ids), "labels": torch.as_tensor(targets)}


class TargetsOnly(Trainer):
    """A Trainer whose loss is ours, and which keeps it."""

    side: Side

    def compute_loss(
        self, model: Any, inputs: dict[str, torch.Tensor], return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> torch.Tensor:
        """The mean cross-entropy of the targets."""
        wanted = (inputs["labels"].flatten() != -100).nonzero().squeeze(1)
        hidden = model.base_model(input_ids=inputs["input_ids"], use_cache=False).last_hidden_state
        loss = cross_entropy(
            model.get_output_embeddings()(hidden.flatten(0, 1)[wanted]), inputs["labels"].flatten()[wanted]
        )
        self.side.losses.append(loss.detach())
        return loss


class TakeTurns(TrainerCallback):
    """After each block of the Trainer's updates, one of ours."""

    def __init__(self, theirs: Side, ours: Any) -> None:
        self.theirs, self.ours = theirs, ours
        self.clock = 0.0

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self.clock = time.perf_counter()

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        if state.global_step % BLOCK == 0:
            self.theirs.seconds.append(time.perf_counter() - self.clock)
            self.ours(state.global_step - BLOCK, state.global_step)
            self.clock = time.perf_counter()


def trainer_for(model: PreTrainedModel, recipe: PretrainingRecipe, folder: str) -> TargetsOnly:
    """The Trainer with our optimiser and schedule."""
    optimizer = new_optimizer(model, recipe)
    rates = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda update: recipe.rate(update) / recipe.learning_rate)
    settings = TrainingArguments(
        output_dir=folder, max_steps=recipe.updates, per_device_train_batch_size=1, max_grad_norm=recipe.max_grad_norm,
        save_strategy="no", logging_strategy="no", report_to="none", disable_tqdm=True, log_level="error",
        dataloader_pin_memory=False, remove_unused_columns=False, use_cpu=not torch.cuda.is_available(),
    )  # fmt: skip
    data = Batches(recipe.batch_size, recipe.updates)
    return TargetsOnly(
        model=model,
        args=settings,
        train_dataset=data,
        data_collator=lambda rows: rows[0],
        optimizers=(optimizer, rates),
    )


def main() -> None:
    """Train both and compare."""
    args = arguments()
    logging.set_verbosity_error()
    torch.set_num_threads(args.threads)
    decoder = Decoder(width=args.width, depth=args.depth)
    recipe = PretrainingRecipe(updates=args.updates // BLOCK * BLOCK, batch_size=args.batch)
    ours, theirs = Side(), Side()
    model, other = (new_model(decoder, STREAM.vocabulary, STREAM.columns, 0) for _ in range(2))
    optimizer = new_optimizer(model, recipe)

    def our_block(begin: int, end: int) -> None:
        clock = time.perf_counter()
        for update in range(begin, end):
            batch = STREAM.batch(0, update, recipe.batch_size)
            ours.losses.append(train_step(model, optimizer, batch, recipe, update)[0])
        ours.seconds.append(time.perf_counter() - clock)

    with tempfile.TemporaryDirectory() as folder:
        trainer = trainer_for(other, recipe, folder)
        trainer.side = theirs
        trainer.add_callback(TakeTurns(theirs, our_block))
        trainer.train()
    report(args, model, recipe, ours, theirs)


def report(
    args: argparse.Namespace, model: PreTrainedModel, recipe: PretrainingRecipe, ours: Side, theirs: Side
) -> None:
    """Print the comparison, the first block left out as a warm-up."""
    apart = (torch.stack(ours.losses) - torch.stack(theirs.losses)).abs().max().item()
    one, two = sum(ours.seconds[1:]), sum(theirs.seconds[1:])
    updates = recipe.updates - BLOCK
    size = sum(weight.numel() for weight in model.parameters())
    print(f"{size:,} parameters, {args.threads} threads, {recipe.batch_size} x {STREAM.columns} tokens an update")
    print(f"ours     {one:7.2f} s, {1e3 * one / updates:6.1f} ms an update")
    print(f"Trainer  {two:7.2f} s, {1e3 * two / updates:6.1f} ms an update")
    print(f"ratio    {two / one:7.2f}; losses differ by {apart:.1e} at most, last loss {ours.losses[-1].item():.4f}")


if __name__ == "__main__":
    main()
