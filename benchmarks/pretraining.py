"""Pre-training a small decoder on the world map: our loop against transformers' Trainer on padded batches.

Both train the same first weights on the same rows with the same optimiser and learning rates, in one process and in
blocks of updates that take turns, so that a machine whose speed wanders is fair to both. The Trainer gets what users
give it: rows padded on the right to the longest of the batch, an attention mask, labels, and the model's own loss;
nothing is logged, saved or reported. With ``--best`` it gets what it could be given: no mask (on the right, none is
needed) and logits at the targets' positions only. Rows are drawn before the clock starts; what that takes is printed.

In turn with both, the matrices of the model are multiplied with as many tokens as an update has, forwards and
backwards: what the machine can do at that moment. Operations are 6 for each weight of a matrix and token, padding not
counted, and those of the head for each target; attention is left out.

    python benchmarks/pretraining.py --updates 200 --threads 2

Prints the rows a second of both, their ratio with its range over the blocks, and how far their losses are apart.
"""

import argparse
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # as a run does, for both

import numpy as np
import torch
from torch.nn.functional import cross_entropy
from torch.utils.data import IterableDataset
from transformers import PreTrainedModel, Trainer, TrainerCallback, TrainingArguments
from transformers.utils import logging

from offdiag.runtime import Runtime
from offdiag.studies.world_map.task import WorldMapDomain
from offdiag.tasks import StreamPart, get_task
from offdiag.training import Decoder, PretrainingRecipe
from offdiag.training.decoders import new_model
from offdiag.training.pretraining import new_optimizer, train_step
from offdiag.training.shards import Arrays, Shards, lengths_of

WORLD = WorldMapDomain(geometry="all", count=40, new_count=8, per_degree=1, id_digits=2, sample="random")
STREAM = get_task("world_map").stream([StreamPart(domain=WORLD)], loss="answer", data_seed=0)
BLOCK = 10


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--updates", type=int, default=200, help=f"of each, in blocks of {BLOCK}")
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--width", type=int, default=64)
    parser.add_argument("--depth", type=int, default=3)
    parser.add_argument("--heads", type=int, default=4)
    parser.add_argument("--threads", type=int, default=Runtime().threads)
    parser.add_argument("--best", action="store_true", help="the Trainer without mask and with logits at targets only")
    return parser.parse_args()


@dataclass
class Side:
    """One of the two: its seconds by block and its losses by update."""

    seconds: list[float] = field(default_factory=list)
    losses: list[torch.Tensor] = field(default_factory=list)


class Padded(IterableDataset[dict[str, torch.Tensor]]):
    """Batches as the Trainer takes them, each an element: ids with their last token, mask and labels."""

    def __init__(self, batches: list[Arrays]) -> None:
        self.batches = batches

    def __iter__(self) -> Iterator[dict[str, torch.Tensor]]:
        for ids, targets in self.batches:
            lengths = lengths_of(targets) + 1  # the model's own loss shifts the labels: the last target is a token too
            columns = int(lengths.max())
            whole = np.pad(ids, ((0, 0), (0, 1)))[:, :columns]
            labels = np.pad(targets, ((0, 0), (1, 0)), constant_values=-100)[:, :columns]
            whole = np.where(labels == -100, whole, labels)
            mask = np.arange(columns) < lengths[:, None]
            arrays = {"input_ids": whole, "attention_mask": mask.astype(np.int64), "labels": labels}
            yield {name: torch.as_tensor(array) for name, array in arrays.items()}


class Kept(Trainer):
    """A Trainer that keeps its losses."""

    side: Side
    best: bool

    def compute_loss(
        self, model: Any, inputs: dict[str, torch.Tensor], return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> torch.Tensor:
        """The model's own loss, or the same from the logits of the targets only."""
        if self.best:
            targets = inputs["labels"][:, 1:].flatten()
            wanted = (targets != -100).nonzero().squeeze(1)
            hidden = model.base_model(input_ids=inputs["input_ids"][:, :-1], use_cache=False).last_hidden_state
            loss = cross_entropy(model.get_output_embeddings()(hidden.flatten(0, 1)[wanted]), targets[wanted])
        else:
            loss = super().compute_loss(model, inputs, num_items_in_batch=num_items_in_batch)
        self.side.losses.append(loss.detach())
        return loss


class TakeTurns(TrainerCallback):
    """After each block of the Trainer's updates, what else there is."""

    def __init__(self, theirs: Side, others: Callable[[int, int], None]) -> None:
        self.theirs, self.others = theirs, others
        self.clock = 0.0

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self.clock = time.perf_counter()

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        if state.global_step % BLOCK == 0:
            self.theirs.seconds.append(time.perf_counter() - self.clock)
            self.others(state.global_step - BLOCK, state.global_step)
            self.clock = time.perf_counter()


def trainer_for(model: PreTrainedModel, recipe: PretrainingRecipe, batches: list[Arrays], folder: str) -> Kept:
    """The Trainer with our optimiser and schedule."""
    optimizer = new_optimizer(model, recipe)
    rates = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda update: recipe.rate(update) / recipe.learning_rate)
    settings = TrainingArguments(
        output_dir=folder, max_steps=recipe.updates, per_device_train_batch_size=1, max_grad_norm=recipe.max_grad_norm,
        save_strategy="no", logging_strategy="no", report_to="none", disable_tqdm=True, log_level="error",
        dataloader_pin_memory=False, remove_unused_columns=False, use_cpu=not torch.cuda.is_available(),
    )  # fmt: skip
    return Kept(
        model=model,
        args=settings,
        train_dataset=Padded(batches),
        data_collator=lambda rows: rows[0],
        optimizers=(optimizer, rates),
    )


def multiply(model: PreTrainedModel, tokens: int) -> float:
    """Operations a second of the products of a forward and a backward pass through the layers' matrices."""
    shapes = [w.shape for n, w in model.base_model.named_parameters() if w.ndim == 2 and "embed" not in n]
    device = model.device
    pairs = [(torch.randn(out, into, device=device), torch.randn(tokens, into, device=device)) for out, into in shapes]
    clock = time.perf_counter()
    for weight, x in pairs:
        y = x @ weight.T
        y @ weight, y.T @ x
    return sum(6 * tokens * weight.numel() for weight, _ in pairs) / (time.perf_counter() - clock)


def multiply_large(n: int = 2048) -> float:
    """Operations a second of the product of two large square matrices."""
    x = torch.randn(n, n)
    clock = time.perf_counter()
    x @ x
    return 2 * n**3 / (time.perf_counter() - clock)


def drawn(recipe: PretrainingRecipe) -> tuple[list[Arrays], float]:
    """The batches, and the seconds that one takes to draw once the world is known."""
    first = STREAM.batch(0, 0, recipe.batch_size)
    clock = time.perf_counter()
    others = [STREAM.batch(0, update, recipe.batch_size) for update in range(1, recipe.updates)]
    return [first, *others], (time.perf_counter() - clock) / len(others)


def main() -> None:
    """Train both and compare."""
    args = arguments()
    logging.set_verbosity_error()
    torch.set_num_threads(args.threads)
    decoder = Decoder(
        architecture="qwen2", width=args.width, depth=args.depth, heads=args.heads, expansion=4, initial_std=0.1
    )
    recipe = PretrainingRecipe(updates=args.updates // BLOCK * BLOCK, batch_size=args.batch)
    batches, drawing = drawn(recipe)
    ours, theirs = Side(), Side()
    model, other = (new_model(decoder, STREAM.vocabulary, STREAM.columns + 1, 0) for _ in range(2))
    optimizer = new_optimizer(model, recipe)
    tokens = int(np.mean([lengths_of(targets).sum() for _, targets in batches]))
    rates: dict[str, list[float]] = {"own shapes": [], "large": []}

    def others(begin: int, end: int) -> None:
        clock = time.perf_counter()
        with Shards(model) as shards:
            for update in range(begin, end):
                ours.losses.append(train_step(shards, optimizer, batches[update], recipe, update).loss)
        ours.seconds.append(time.perf_counter() - clock)
        rates["own shapes"] += [multiply(model, tokens // 4) for _ in range(4)]
        rates["large"].append(multiply_large())

    with tempfile.TemporaryDirectory() as folder:
        trainer = trainer_for(other, recipe, batches, folder)
        trainer.side, trainer.best = theirs, args.best
        trainer.add_callback(TakeTurns(theirs, others))
        trainer.train()
    targets = int(np.mean([(targets != -100).sum() for _, targets in batches]))
    operations = 6 * (decoder.matrices * tokens + STREAM.vocabulary * decoder.width * targets)
    padded = np.mean([len(targets) * lengths_of(targets).max() for _, targets in batches])
    size = sum(weight.numel() for weight in model.parameters())
    print(
        f"{size:,} parameters, {args.threads} threads, {args.batch} rows of {tokens / args.batch:.1f} tokens an update"
    )
    print(
        f"drawing  {1e3 * drawing:.1f} ms an update; padded to the longest {padded:,.0f} tokens instead of {tokens:,}"
    )
    report(args.batch, operations, ours, theirs, {name: float(np.median(found)) for name, found in rates.items()})


def report(batch: int, operations: float, ours: Side, theirs: Side, rates: dict[str, float]) -> None:
    """Print the comparison, the first block left out as a warm-up."""
    one, two = (np.array(side.seconds[1:]) / BLOCK for side in (ours, theirs))
    for name, seconds in (("ours", one), ("Trainer", two)):
        print(f"{name:8} {batch / seconds.mean():6.0f} rows a second, {1e3 * np.median(seconds):6.1f} ms an update")
    low, middle, high = np.percentile(two / one, [10, 50, 90])
    print(f"ratio    {two.sum() / one.sum():.2f}; by block {middle:.2f} (10 to 90 %: {low:.2f} to {high:.2f})")
    loop = operations / np.median(one)
    compared = ", ".join(f"{100 * loop / rate:.0f} % of {name} ({rate / 1e9:.0f})" for name, rate in rates.items())
    print(f"matmuls  {loop / 1e9:.0f} GFLOP/s in our loop: {compared}")
    apart = (torch.stack(ours.losses) - torch.stack(theirs.losses)).abs().max().item()
    print(f"losses   differ by {apart:.1e} at most; last {ours.losses[-1].item():.4f}, {theirs.losses[-1].item():.4f}")


if __name__ == "__main__":
    main()
