"""Fine-tune on which choice is right: the objective ``choices`` of a recipe, and its batches.

Of an item with the choices j, s_j is the summed log-probability of the tokens of choice j after the prompt, without an
end token, just as choices are scored when they are asked. The loss is -log softmax(s)[right] (Hase et al. 2024, arXiv
2401.06751, as released), as a mean over the items of an update; all choices of an item pass through the model together.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import nn
from torch.nn.functional import cross_entropy

from offdiag.errors import UserError
from offdiag.models.chat import RESPONSE_PREFIX, Tokenised, chat_of
from offdiag.models.chat_settings import AS_THE_TEMPLATE, ChatSettings
from offdiag.training.batches import collate
from offdiag.training.trainer import MicroBatch, UpdateTrainer, logits_at

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


@dataclass(frozen=True)
class ChoiceItem(Tokenised):
    """An item: the conversation with the right choice, and those with the ``others``."""

    others: tuple[Tokenised, ...]

    @property
    def rows(self) -> tuple[Tokenised, ...]:
        """All conversations, the right one first."""
        return (self, *self.others)

    @property
    def longest(self) -> Tokenised:
        """The conversation with the most tokens."""
        return max(self.rows, key=lambda row: len(row.ids))


def items_of(
    tokenizer: "PreTrainedTokenizerBase",
    conversations: Sequence[tuple[str, str]],
    others: Sequence[Sequence[str]],
    response_prefix: str = RESPONSE_PREFIX,
    settings: ChatSettings = AS_THE_TEMPLATE,
) -> list[ChoiceItem]:
    """Return conversations and their wrong responses as items, tokenised without end tokens.

    Raises:
        UserError: an item has nothing to choose from, or a choice no tokens of its own; the message gives its index.
    """
    items = []
    chat = chat_of(tokenizer, response_prefix, settings)
    for index, ((prompt, right), wrong) in enumerate(zip(conversations, others, strict=True)):
        if not wrong or right in wrong:
            raise UserError(f"training conversation {index}: expected other choices than {right!r}, found {wrong}")
        try:
            # A wrong choice that stands there twice would have twice its share of the loss.
            first, *rest = chat.compared(prompt, (right, *dict.fromkeys(wrong)))
        except UserError as error:
            raise UserError(f"training conversation {index}: {error}") from error
        items.append(ChoiceItem(first.ids, first.n_prompt, tuple(rest)))
    return items


def longest_of(examples: Sequence[Tokenised]) -> list[Tokenised]:
    """Return the longest conversation of each example: of an item, that with its longest choice."""
    return [example.longest if isinstance(example, ChoiceItem) else example for example in examples]


def item_batches(items: Sequence[ChoiceItem], token_budget: int) -> list[list[ChoiceItem]]:
    """Cut the items, longest first, so that rows x columns stay within ``token_budget``; at least one item each."""
    batches: list[list[ChoiceItem]] = []
    rows = 0
    for item in sorted(items, key=lambda item: -len(item.longest.ids)):
        rows += len(item.rows)
        if batches and rows * len(batches[-1][0].longest.ids) <= token_budget:
            batches[-1].append(item)
        else:
            batches.append([item])
            rows = len(item.rows)
    return batches


class ChoiceTrainer(UpdateTrainer):
    """An :class:`UpdateTrainer` whose examples are items, and whose loss is that of the right choice among all."""

    @staticmethod
    def parts(examples: Sequence[Tokenised], padding_id: int, token_budget: int) -> list[MicroBatch]:
        items = [item for item in examples if isinstance(item, ChoiceItem)]
        return [
            {
                **collate([row for item in batch for row in item.rows], padding_id),
                "sizes": [len(item.rows) for item in batch],
            }
            for batch in item_batches(items, token_budget)
        ]

    def compute_loss(
        self,
        model: nn.Module,
        inputs: MicroBatch,
        return_outputs: bool = False,
        num_items_in_batch: torch.Tensor | int | None = None,
    ) -> torch.Tensor:
        """Return a micro-batch's share of the update's loss."""
        supervised = inputs["supervised"]
        logits = logits_at(model, inputs, supervised)
        losses = cross_entropy(logits.float(), inputs["targets"][supervised], reduction="none")
        rows = supervised.nonzero()[:, 0]
        scores = losses.new_zeros(len(supervised)).index_add(0, rows, -losses)
        total = torch.stack([own.logsumexp(0) - own[0] for own in torch.split(scores, inputs["sizes"])]).sum()
        self.tally.losses["task"] += total.item()
        return total / self.tally.items

    def _takes_text_loss(self) -> bool:
        return False
