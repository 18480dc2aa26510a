"""A Trainer of transformers whose updates are cut by a token budget, with the losses that we log.

The Trainer sees one batch per update (the examples of the whole update) and so never accumulates by itself; here an
update is cut into micro-batches, and each micro-batch's loss is divided by the supervised tokens of the whole update.
What happens to a second group of examples, the proxy's, is decided by its strategy.

Logits are taken at supervised positions only: with a vocabulary of 49k the head and its backward pass on the prompt
would cost a 135M model about a third of an update. The loss on the full text, which is for comparison and not
trained, is therefore taken on every tenth update and on the last.
"""

import math
import time
from collections.abc import Sequence
from typing import Any, TypeAlias

import torch
from torch import nn
from torch.nn.functional import cross_entropy
from transformers import PrinterCallback, Trainer, TrainingArguments

from offdiag.errors import OffdiagError
from offdiag.models.chat import Tokenised
from offdiag.training.batches import IGNORED, Update, Updates, collate, micro_batches
from offdiag.training.dropout import draw_per_row
from offdiag.training.plain_state import PlainState
from offdiag.training.start_model import StartModel, divergence, logits_at
from offdiag.training.strategies import GradientProjection, KLPenalty
from offdiag.training.tally import MicroBatch, Tally
from offdiag.training.trainable import Trainable

TEXT_LOSS_EVERY = 10

Gradients: TypeAlias = dict[torch.nn.Parameter, torch.Tensor]


class UpdateTrainer(PlainState, Trainer):
    """A Trainer for :class:`Updates`: one element of the dataset is one update.

    Args:
        trainable: the model. settings: the Trainer's arguments. data: the updates.
        padding_id: token that fills the shorter rows of a micro-batch.
        token_budget: most padded tokens of one forward and backward pass.
    """

    loss_is_scaled_for_ga = True

    def __init__(
        self, trainable: Trainable, settings: TrainingArguments, data: Updates, *, padding_id: int, token_budget: int
    ) -> None:
        def cut(updates: list[Update]) -> dict[str, list[MicroBatch]]:
            (update,) = updates
            return {
                group: [{"group": group, **part} for part in self.parts(examples, padding_id, token_budget)]
                for group, examples in update._asdict().items()
            }

        super().__init__(model=trainable, args=settings, train_dataset=data, data_collator=cut)
        self.remove_callback(PrinterCallback)
        self.two_groups = bool(data.proxy.examples)
        self.strategy = data.proxy.strategy
        self.dropout = draw_per_row(trainable, data.seed)
        self.start = StartModel(trainable) if isinstance(self.strategy, KLPenalty) else None
        self.tally = Tally()

    @staticmethod
    def parts(examples: Sequence[Tokenised], padding_id: int, token_budget: int) -> list[MicroBatch]:
        """Return the examples of a group in one update as micro-batches."""
        return [collate(rows, padding_id) for rows in micro_batches(examples, token_budget)]

    def training_step(
        self, model: nn.Module, inputs: dict[str, Any], num_items_in_batch: torch.Tensor | int | None = None
    ) -> torch.Tensor:
        """Accumulate the gradients of one update; return the value of the strategy's objective.

        Raises:
            OffdiagError: the loss is not finite.
        """
        started = time.perf_counter()
        self.dropout.update = self.state.global_step
        task, proxy = inputs["task"], inputs["proxy"]
        self.tally = Tally.of([*task, *proxy], with_text=self._takes_text_loss())
        if isinstance(self.strategy, GradientProjection):
            self._add_up(model, proxy)
            others = take_gradients(model)
            loss = self._add_up(model, task)
            project_away(others)
        else:
            loss = self._add_up(model, [*task, *proxy])
        if not math.isfinite(loss.item()):
            raise OffdiagError(
                f"training: the loss of update {self.state.global_step + 1} is {loss.item()}, "
                "expected a finite number; give a lower learning_rate or dtype='float32'"
            )
        self.tally.seconds = time.perf_counter() - started
        return loss

    def _add_up(self, model: nn.Module, parts: Sequence[MicroBatch]) -> torch.Tensor:
        """Add the gradients of some micro-batches, and return their loss."""
        return torch.stack([super(UpdateTrainer, self).training_step(model, part) for part in parts]).sum()

    def compute_loss(
        self,
        model: nn.Module,
        inputs: MicroBatch,
        return_outputs: bool = False,
        num_items_in_batch: torch.Tensor | int | None = None,
    ) -> torch.Tensor:
        """Return a micro-batch's share of the update's loss: cross-entropy of its response tokens, or divergence."""
        group, targets, supervised = inputs["group"], inputs["targets"], inputs["supervised"]
        start_logits = None
        if self.start is not None and group == "proxy":
            with self.accelerator.autocast():  # a copy's arithmetic is that of the trained model, too
                start_logits = self.start.logits(inputs)
        wanted = supervised if self.tally.text_loss is None else targets != IGNORED
        logits = logits_at(model, inputs, wanted)
        answers = supervised[wanted]
        losses = cross_entropy(logits.float(), targets[wanted], reduction="none")
        total = losses[answers].sum()
        self.tally.losses[group] += total.item()
        if self.tally.text_loss is not None:
            self.tally.text_loss += losses.detach().sum().item()
        if start_logits is not None:
            total = divergence(logits[answers], start_logits)
            self.tally.divergence = (self.tally.divergence or 0.0) + total.item()
        divisors = self.strategy.divisors(self.tally.supervised["task"], self.tally.supervised["proxy"])
        return total / divisors[group == "proxy"]

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        """Log an update as its row; the Trainer's own summary of the whole run is dropped."""
        if "loss" in logs:
            super().log(self.tally.row(logs, two_groups=self.two_groups), start_time)

    def _takes_text_loss(self) -> bool:
        update = self.state.global_step
        return update % TEXT_LOSS_EVERY == 0 or update + 1 == self.state.max_steps


def take_gradients(model: torch.nn.Module) -> Gradients:
    """Return the gradients of a model's weights, and clear them."""
    taken = {weight: weight.grad for weight in model.parameters() if weight.grad is not None}
    for weight in taken:
        weight.grad = None
    return taken


@torch.no_grad()
def project_away(others: Gradients) -> None:
    """Project each weight's gradient g onto the complement of the other one, a: g - (<g, a> / <a, a>) a."""
    for weight, other in others.items():
        if weight.grad is not None:
            square = other.square().sum()  # 0 where nothing is to be taken away
            along = torch.where(square > 0, (weight.grad * other).sum() / square, 0)
            weight.grad -= along * other
