"""Forward passes of a batch of rows, after a shared prefix or plainly.

Rows are left-padded, so that the last column is everyone's latest token, and every token has its position said:

    row 0        a b c d        positions  P P+1 P+2 P+3
    row 1        . . e f        positions  -  -   P  P+1

P is the length of the shared prefix. Positions must be given: the column of a token says nothing about its place in the
text once rows of several lengths are padded, and rotary embeddings depend on that place.
"""

from collections.abc import Sequence
from typing import Any, Protocol

import torch
from torch import Tensor
from transformers import DynamicCache, PreTrainedModel

from offdiag.models.inference.prefix_cache import Prefix
from offdiag.models.inference.suffix_cache import SuffixCache, causal_mask


class Rows(Protocol):
    """A prefilled batch of rows, to which tokens can be appended."""

    @property
    def logits(self) -> Tensor:
        """Logits [R, V] of the token after the last prompt token of each row."""

    def extend(self, ids: Tensor) -> Tensor:
        """Append tokens [R, T], and return the logits after each of them, [R, T, V]."""

    def read(self, ids: Tensor, layers: Sequence[int]) -> Tensor:
        """Append tokens [R, T], and return the hidden states of each of them, [R, T, len(layers), d]."""

    def keep(self, rows: Sequence[int]) -> None:
        """Keep these rows in this order; a row may be named more than once."""


# Tokens of one forward pass of a prefill: on a CPU few enough that what passes between layers stays in its cache.
_PREFILL_TOKENS = {"cpu": 512, "cuda": 8192, "mps": 2048}


def left_padded(rows: Sequence[Sequence[int]], pad: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Return token ids [R, T], padded on the left with ``pad``, and the number of padded columns per row [R]."""
    width = max(len(row) for row in rows)
    padding = [width - len(row) for row in rows]
    ids = [[pad] * gap + list(row) for gap, row in zip(padding, rows, strict=True)]
    return torch.tensor(ids, device=device), torch.tensor(padding, device=device)


class SharedRows:
    """Rows that pass through the shared-prefix attention, after a prefix or (None) without one.

    Args:
        model: a model whose attention is the shared-prefix one.
        suffixes: each row's own tokens, at least one.
        extra: the most tokens that will be appended.
        prefix: the keys and values of what all rows begin with.
    """

    def __init__(
        self, model: PreTrainedModel, suffixes: Sequence[Sequence[int]], extra: int, prefix: Prefix | None
    ) -> None:
        self._model = model
        self._prefix = prefix
        self._offset = 0 if prefix is None else prefix.filled
        ids, self._padding = left_padded(suffixes, 0, model.device)
        self._cache = SuffixCache(model.config.num_hidden_layers, ids.shape[1] + extra)
        # Whole columns at a time: the states of each piece stay in the processor's cache, and only the last column of
        # the last piece has logits that anybody reads.
        *before, last = torch.split(ids, max(1, _PREFILL_TOKENS[model.device.type] // len(suffixes)), dim=1)
        for columns in before:
            model.base_model(**self._inputs(columns))
        self.logits = _logits(model(**self._inputs(last), logits_to_keep=1).logits, (len(suffixes), 1))[:, -1]

    def extend(self, ids: Tensor) -> Tensor:
        """Append tokens [R, T], and return the logits after each of them, [R, T, V]."""
        return _logits(self._model(**self._inputs(ids)).logits, ids.shape)

    def read(self, ids: Tensor, layers: Sequence[int]) -> Tensor:
        """Append tokens [R, T], and return the hidden states of each of them, [R, T, len(layers), d]."""
        return _states(self._model, self._inputs(ids), layers)

    def keep(self, rows: Sequence[int]) -> None:
        """Keep these rows in this order; a row may be named more than once."""
        chosen = torch.tensor(rows, device=self._model.device)
        self._cache.keep(chosen)
        self._padding = self._padding[chosen]

    def _inputs(self, ids: Tensor) -> dict[str, Any]:
        start, end = self._cache.length, self._cache.length + ids.shape[1]
        columns = torch.arange(start, end, device=ids.device)
        return {
            "input_ids": ids,
            "attention_mask": causal_mask(self._padding, start, end, self._model.dtype),
            "position_ids": (columns - self._padding[:, None]).clamp(min=0) + self._offset,
            "past_key_values": self._cache,
            "use_cache": True,
            "shared_prefix": self._prefix,
        }


class PlainRows:
    """Rows that pass through the model's own attention, mask and cache: the reference, and the way for all models.

    Args:
        model: any causal language model.
        prompts: each row's tokens, at least one.
    """

    def __init__(self, model: PreTrainedModel, prompts: Sequence[Sequence[int]]) -> None:
        self._model = model
        ids, padding = left_padded(prompts, 0, model.device)
        self._seen = (torch.arange(ids.shape[1], device=ids.device) >= padding[:, None]).long()
        self._cache = DynamicCache(config=model.config)
        self.logits = _logits(model(**self._inputs(ids), logits_to_keep=1).logits, (len(prompts), 1))[:, -1]

    def extend(self, ids: Tensor) -> Tensor:
        """Append tokens [R, T], and return the logits after each of them, [R, T, V]."""
        self._seen = torch.cat([self._seen, torch.ones_like(ids)], 1)
        return _logits(self._model(**self._inputs(ids)).logits, ids.shape)

    def read(self, ids: Tensor, layers: Sequence[int]) -> Tensor:
        """Append tokens [R, T], and return the hidden states of each of them, [R, T, len(layers), d]."""
        self._seen = torch.cat([self._seen, torch.ones_like(ids)], 1)
        return _states(self._model, self._inputs(ids), layers)

    def keep(self, rows: Sequence[int]) -> None:
        """Keep these rows in this order; a row may be named more than once."""
        chosen = torch.tensor(rows, device=self._model.device)
        self._cache.batch_select_indices(chosen)
        self._seen = self._seen[chosen]

    def _inputs(self, ids: Tensor) -> dict[str, Any]:
        return {
            "input_ids": ids,
            "attention_mask": self._seen,
            "position_ids": (self._seen.cumsum(1) - 1).clamp(min=0)[:, -ids.shape[1] :],
            "past_key_values": self._cache,
            "use_cache": True,
        }


def _logits(logits: Tensor, expected: Sequence[int]) -> Tensor:
    if logits.shape[:2] != tuple(expected):
        raise RuntimeError(
            f"the model returned logits of shape {tuple(logits.shape)}, expected {tuple(expected)} first"
        )
    return logits


def _states(model: PreTrainedModel, inputs: dict[str, Any], layers: Sequence[int]) -> Tensor:
    states = model.base_model(**inputs, output_hidden_states=True).hidden_states
    return torch.stack([states[layer] for layer in layers], 2)
