"""Turn conversations into the batches of each update.

    conversations ──tokenise──> examples ──order(seed, update)──> one update ──token budget──> micro-batches

There may be two groups of examples, those of the task and those of a proxy; no micro-batch holds both.

Which examples make an update is a pure function of (seed, update). How an update is cut into micro-batches is a matter
of the machine: the losses of all micro-batches are divided by the supervised tokens of the whole update, so the cut
changes nothing but the rounding; in 16 bits, where that matters, the budget is the model's and not the machine's.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from torch.utils.data import Dataset

from offdiag.errors import UserError
from offdiag.models.chat import RESPONSE_PREFIX, Tokenised, chat_of
from offdiag.models.chat_settings import AS_THE_TEMPLATE, ChatSettings
from offdiag.seeds import stream
from offdiag.training.recipe import Recipe
from offdiag.training.strategies import Mixing, Strategy

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

# A target that is no target, as in torch's cross-entropy.
IGNORED = -100


def tokenise_all(
    tokenizer: "PreTrainedTokenizerBase",
    conversations: Sequence[tuple[str, str]],
    group: str = "training",
    response_prefix: str = RESPONSE_PREFIX,
    settings: ChatSettings = AS_THE_TEMPLATE,
) -> list[Tokenised]:
    """Return the conversations (pairs of prompt and response) as token ids, none of them truncated.

    ``response_prefix`` and ``settings`` are as for :func:`offdiag.models.chat.chat_of`.

    Raises:
        UserError: a conversation has nothing to learn; the message gives its index.
    """
    examples = []
    chat = chat_of(tokenizer, response_prefix, settings)
    for index, (prompt, response) in enumerate(conversations):
        try:
            example = chat.taught(prompt, response)
        except UserError as error:
            raise UserError(f"{group} conversation {index}: {error}") from error
        if n_supervised(example) == 0:
            raise UserError(f"{group} conversation {index} has 0 supervised tokens; expected a prompt and a response")
        examples.append(example)
    return examples


def check_context(examples: Sequence[Tokenised], context: int | None, group: str = "training") -> None:
    """Refuse conversations that the model cannot read in one piece.

    Args:
        examples: the conversations, tokenised.
        context: most tokens that the model can read; None where it has no such limit.

    Raises:
        UserError: a conversation is longer than the context; the message gives its index.
    """
    for index, example in enumerate(examples):
        if context is not None and len(example.ids) > context:
            raise UserError(
                f"{group} conversation {index} has {len(example.ids)} tokens, the model reads {context} at most; "
                "choose shorter examples or a model with a longer context"
            )


def n_supervised(example: Tokenised) -> int:
    """Return how many tokens of the response the model predicts: all, unless the response opens the text."""
    return len(example.ids) - max(example.n_prompt, 1)


def update_indices(recipe: Recipe, n_examples: int, seed: int, update: int) -> list[int]:
    """Return the examples' indices of one update (counted from 0); each epoch is a fresh permutation of them all."""
    epoch, batch = divmod(update, recipe.updates_per_epoch(n_examples))
    order = stream(seed, "order", epoch).permutation(n_examples)
    return [int(i) for i in order[batch * recipe.batch_size : (batch + 1) * recipe.batch_size]]


def proxy_indices(batch_size: int, n_proxy: int, seed: int, update: int) -> list[int]:
    """Return the indices of the proxy's examples in one update: pass after pass, each cut into even parts.

    No part has more than ``batch_size`` examples: 20 of them beside updates of 16 make parts of 10.
    """
    parts = -(-n_proxy // batch_size)
    one_pass, part = divmod(update, parts)
    order = stream(seed, "proxy order", one_pass).permutation(n_proxy)
    return [int(i) for i in np.array_split(order, parts)[part]]


class TokenisedProxy(NamedTuple):
    """The examples of a proxy, tokenised, and how they enter the training."""

    examples: Sequence[Tokenised]
    strategy: Strategy


NO_PROXY = TokenisedProxy((), Mixing())


class Update(NamedTuple):
    """The examples of one update; one of the two may be empty."""

    task: list[Tokenised]
    proxy: list[Tokenised]


class Updates(Dataset[Update]):
    """Data set of a whole training: element ``i`` holds the examples of update ``i``."""

    def __init__(
        self, examples: Sequence[Tokenised], recipe: Recipe, seed: int, proxy: TokenisedProxy = NO_PROXY
    ) -> None:
        self.examples = examples
        self.recipe = recipe
        self.seed = seed
        self.proxy = proxy
        self.rows = proxy.strategy.rows(len(examples), len(proxy.examples))
        self.updates = recipe.updates(self.rows)

    def __len__(self) -> int:
        return self.updates

    def __getitem__(self, update: int) -> Update:
        n, proxy = len(self.examples), self.proxy.examples
        drawn = update_indices(self.recipe, self.rows, self.seed, update)
        if self.proxy.strategy.pooled:
            beside = [i - n for i in drawn if i >= n]
        else:
            beside = proxy_indices(self.recipe.batch_size, len(proxy), self.seed, update)
        return Update([self.examples[i] for i in drawn if i < n], [proxy[i] for i in beside])


def micro_batches(examples: Sequence[Tokenised], token_budget: int) -> list[list[Tokenised]]:
    """Cut the examples, longest first, so that rows x columns stay within ``token_budget``; at least one row each."""
    ordered = sorted(examples, key=lambda example: -len(example.ids))
    batches: list[list[Tokenised]] = []
    for example in ordered:
        if batches and (len(batches[-1]) + 1) * len(batches[-1][0].ids) <= token_budget:
            batches[-1].append(example)
        else:
            batches.append([example])
    return batches


def collate(examples: Sequence[Tokenised], padding_id: int) -> dict[str, torch.Tensor]:
    """Return examples of several lengths as tensors of shape (rows, columns), padded on the right.

    ``targets`` holds at each position the next token, or -100 where there is none; ``supervised`` tells at which
    positions that token belongs to the response.
    """
    shape = (len(examples), max(len(example.ids) for example in examples))
    input_ids = torch.full(shape, padding_id)
    targets = torch.full(shape, IGNORED)
    supervised = torch.zeros(shape, dtype=torch.bool)
    attention_mask = torch.zeros(shape, dtype=torch.long)
    for row, example in enumerate(examples):
        end = len(example.ids)
        input_ids[row, :end] = torch.tensor(example.ids)
        attention_mask[row, :end] = 1
        targets[row, : end - 1] = input_ids[row, 1:end]
        supervised[row, max(example.n_prompt, 1) - 1 : end - 1] = True
    return {"input_ids": input_ids, "attention_mask": attention_mask, "targets": targets, "supervised": supervised}
