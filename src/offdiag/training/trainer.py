"""The Trainer of transformers, with updates that are cut by a token budget and the losses that we log.

The Trainer sees one batch an update (the examples of the whole update) and so never accumulates by itself; here an
update is cut into micro-batches, and each micro-batch's loss is divided by the supervised tokens of the whole update.

Logits are taken at supervised positions only: with a vocabulary of 49k the head and its backward pass on the prompt
would cost a 135M model about a third of an update. The loss on the full text, which is for comparison and not
trained, is therefore taken on every tenth update and on the last.
"""

import math
import time
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.nn.functional import cross_entropy
from transformers import PrinterCallback, Trainer, TrainingArguments

from offdiag.errors import OffdiagError
from offdiag.models.chat import Tokenised
from offdiag.training.batches import IGNORED, Updates, collate, micro_batches
from offdiag.training.learner import Learner

TEXT_LOSS_EVERY = 10


@dataclass
class Tally:
    """What one update adds up over its micro-batches; ``text_loss`` is a sum, None where it is not taken."""

    tokens: int = 0
    supervised_tokens: int = 0
    text_targets: int = 0
    text_loss: float | None = None
    seconds: float = 0.0

    def row(self, logs: dict[str, float]) -> dict[str, Any]:
        """The update's line in the history; ``logs`` is what the Trainer knows of it."""
        return {
            "response_loss": logs["loss"],
            "text_loss": None if self.text_loss is None else self.text_loss / self.text_targets,
            "learning_rate": logs["learning_rate"],
            "gradient_norm": logs["grad_norm"],
            "supervised_tokens": self.supervised_tokens,
            "tokens": self.tokens,
            "seconds": self.seconds,
        }


class UpdateTrainer(Trainer):
    """A Trainer for :class:`Updates`: one element of the dataset is one update.

    Args:
        learner: the model. settings: the Trainer's arguments. data: the updates.
        padding_id: token that fills the shorter rows of a micro-batch.
        token_budget: most padded tokens of one forward and backward pass.
    """

    loss_is_scaled_for_ga = True

    def __init__(
        self, learner: Learner, settings: TrainingArguments, data: Updates, *, padding_id: int, token_budget: int
    ) -> None:
        def cut(updates: list[list[Tokenised]]) -> dict[str, list[dict[str, torch.Tensor]]]:
            (examples,) = updates
            return {"micro_batches": [collate(rows, padding_id) for rows in micro_batches(examples, token_budget)]}

        super().__init__(model=learner, args=settings, train_dataset=data, data_collator=cut)
        self.remove_callback(PrinterCallback)
        self.tally = Tally()

    def training_step(
        self, model: nn.Module, inputs: dict[str, Any], num_items_in_batch: torch.Tensor | int | None = None
    ) -> torch.Tensor:
        """Add up one update's gradients; returns its mean loss over the supervised tokens.

        Raises:
            OffdiagError: the loss is not finite.
        """
        started = time.perf_counter()
        parts = inputs["micro_batches"]
        self.tally = Tally(
            tokens=_total(parts, "attention_mask"),
            supervised_tokens=_total(parts, "supervised"),
            text_targets=sum(int((part["targets"] != IGNORED).sum()) for part in parts),
            text_loss=0.0 if self._takes_text_loss() else None,
        )
        losses = [super(UpdateTrainer, self).training_step(model, part) for part in parts]
        loss = torch.stack(losses).sum()
        if not math.isfinite(loss.item()):
            raise OffdiagError(
                f"training: the loss of update {self.state.global_step + 1} is {loss.item()}, "
                "expected a finite number; give a lower learning_rate or dtype='float32'"
            )
        self.tally.seconds = time.perf_counter() - started
        return loss

    def compute_loss(
        self,
        model: nn.Module,
        inputs: dict[str, torch.Tensor],
        return_outputs: bool = False,
        num_items_in_batch: torch.Tensor | int | None = None,
    ) -> torch.Tensor:
        """The cross-entropy of the response's tokens in one micro-batch, divided by those of the whole update."""
        targets, supervised = inputs["targets"], inputs["supervised"]
        wanted = supervised if self.tally.text_loss is None else targets != IGNORED
        outputs = model(
            input_ids=inputs["input_ids"],
            attention_mask=inputs["attention_mask"],
            logits_to_keep=wanted,
            use_cache=False,
        )
        losses = cross_entropy(outputs.logits.float(), targets[wanted], reduction="none")
        if self.tally.text_loss is not None:
            self.tally.text_loss += losses.detach().sum().item()
        total: torch.Tensor = losses[supervised[wanted]].sum() / self.tally.supervised_tokens
        return total

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        """Log an update as its row; the Trainer's own summary of the whole run is dropped."""
        if "loss" in logs:
            super().log(self.tally.row(logs), start_time)

    def _takes_text_loss(self) -> bool:
        update = self.state.global_step
        return update % TEXT_LOSS_EVERY == 0 or update + 1 == self.state.max_steps


def _total(parts: list[dict[str, torch.Tensor]], name: str) -> int:
    return sum(int(part[name].sum()) for part in parts)
