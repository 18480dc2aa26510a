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
from collections import Counter
from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any, Self, TypeAlias

import torch
from peft import PeftModel
from torch import nn
from torch.nn.functional import cross_entropy
from transformers import PrinterCallback, Trainer, TrainingArguments

from offdiag.errors import OffdiagError
from offdiag.models.chat import Tokenised
from offdiag.training.batches import IGNORED, Update, Updates, collate, micro_batches
from offdiag.training.dropout import draw_per_row
from offdiag.training.plain_state import PlainState
from offdiag.training.strategies import GradientProjection, KLPenalty
from offdiag.training.trainable import Trainable

MicroBatch: TypeAlias = dict[str, Any]  # a micro-batch of one group


@dataclass
class Tally:
    """Counts and losses of one update, added up over its micro-batches.

    Attributes:
        tokens: read. supervised: response tokens of the two groups. text_targets: tokens that have a predecessor.
        items: whose choices are compared, if any are.
        losses: summed cross-entropy of the response tokens of the two groups, or of the items' right choices.
        divergence: summed, where it is taken.
        text_loss: summed over all targets, None where it is not taken.
    """

    tokens: int = 0
    supervised: Counter[str] = field(default_factory=Counter)
    text_targets: int = 0
    items: int = 0
    losses: dict[str, float] = field(default_factory=lambda: {"task": 0.0, "proxy": 0.0})
    divergence: float | None = None
    text_loss: float | None = None
    seconds: float = 0.0

    @classmethod
    def of(cls, parts: Sequence[MicroBatch], *, with_text: bool) -> Self:
        """Return the counts of an update, with no losses added up yet."""
        supervised: Counter[str] = Counter()
        for part in parts:
            supervised[part["group"]] += int(part["supervised"].sum())
        return cls(
            tokens=sum(int(part["attention_mask"].sum()) for part in parts),
            supervised=supervised,
            text_targets=sum(int((part["targets"] != IGNORED).sum()) for part in parts),
            items=sum(len(part.get("sizes", ())) for part in parts),
            text_loss=0.0 if with_text else None,
        )

    def row(self, logs: dict[str, float], *, two_groups: bool) -> dict[str, Any]:
        """Return the update's row of the history; ``logs`` is what the Trainer knows of it."""
        supervised = self.supervised.total()
        return {
            "response_loss": sum(self.losses.values()) / (self.items or supervised),
            "text_loss": None if self.text_loss is None else self.text_loss / self.text_targets,
            **(self._by_group() if two_groups else {}),
            "learning_rate": logs["learning_rate"],
            "gradient_norm": logs["grad_norm"],
            "supervised_tokens": supervised,
            "tokens": self.tokens,
            "seconds": self.seconds,
        }

    def _by_group(self) -> dict[str, Any]:
        means = {
            f"{g}_loss": loss / self.supervised[g] if self.supervised[g] else None for g, loss in self.losses.items()
        }
        return means if self.divergence is None else {**means, "proxy_kl": self.divergence / self.supervised["proxy"]}


class StartModel:
    """The model before training: without its adapter, or, where all weights are trained, a copy of them.

    Args:
        trainable: the model, not yet trained.
    """

    def __init__(self, trainable: Trainable) -> None:
        self.trainable = trainable
        self.copy = None if isinstance(trainable, PeftModel) else deepcopy(trainable).requires_grad_(False).train(False)

    @torch.no_grad()
    def logits(self, inputs: dict[str, torch.Tensor]) -> torch.Tensor:
        """Return logits of shape (supervised tokens, vocabulary) for a micro-batch, without dropout."""
        if self.copy is not None:
            return logits_at(self.copy, inputs, inputs["supervised"])
        assert isinstance(self.trainable, PeftModel)
        self.trainable.train(False)
        with self.trainable.disable_adapter():
            logits = logits_at(self.trainable, inputs, inputs["supervised"])
        self.trainable.train()
        return logits


def logits_at(model: nn.Module, inputs: Mapping[str, torch.Tensor], wanted: torch.Tensor) -> torch.Tensor:
    """Return logits ``[positions, vocabulary]`` of a micro-batch where the mask ``wanted [rows, columns]`` is True."""
    outputs = model(
        input_ids=inputs["input_ids"], attention_mask=inputs["attention_mask"], logits_to_keep=wanted, use_cache=False
    )
    logits: torch.Tensor = outputs.logits
    return logits


def divergence(logits: torch.Tensor, start_logits: torch.Tensor) -> torch.Tensor:
    """Return KL(model || start model) of the next token, in nats, summed over rows of (tokens, vocabulary)."""
    now, then = logits.float().log_softmax(-1), start_logits.float().log_softmax(-1)
    return (now.exp() * (now - then)).sum()


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
