"""Forward passes of a batch of rows: after a shared prefix, plainly, or each row alone.

Rows are left-padded, so that the last column is everyone's latest token, and every token has its position said:

    row 0        a b c d        positions  P P+1 P+2 P+3
    row 1        . . e f        positions  -  -   P  P+1

P is the length of the shared prefix. Positions must be given: the column of a token says nothing about its place in the
text once rows of several lengths are padded, and rotary embeddings depend on that place.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from inspect import Parameter, signature
from typing import Any, Protocol

import torch
from torch import Tensor
from transformers import Cache, PreTrainedModel

from offdiag.errors import UserError
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
        states = self._model.base_model(**self._inputs(ids), output_hidden_states=True).hidden_states
        return torch.stack(of_layers(states, layers, ids.shape), 2)

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
    """Rows that pass through the model's own attention and the cache that it makes for itself.

    Rotary angles that depend on the length of the whole text (LongRoPE) change for all of its tokens, those in the
    cache too, when it grows beyond ``limit``. The rows then are read anew, as transformers' own ``generate`` does.

    Args:
        model: any causal language model with a cache.
        prompts: each row's tokens, at least one.
        level: whether the rows have equal lengths and get no mask, and later tokens come one at a time: the states of
            recurrent layers go forward by one token in all models, and by several in some.
        limit: the length beyond which a text has other rotary angles; rows that pass it have equal lengths.
    """

    def __init__(
        self,
        model: PreTrainedModel,
        prompts: Sequence[Sequence[int]],
        *,
        level: bool = False,
        limit: int | None = None,
    ) -> None:
        self._model, self._level, self._limit = model, level, limit
        self._taken = accepted(model)
        self._cache_name = next((name for name in CACHES if name in self._taken), CACHES[0])
        self._ids, padding = left_padded(prompts, 0, model.device)
        self._seen = (torch.arange(self._ids.shape[1], device=model.device) >= padding[:, None]).long()
        self._cache: Any = None
        self.logits = self._run(self._ids, last=True).logits[:, -1]

    def extend(self, ids: Tensor) -> Tensor:
        """Append tokens [R, T], and return the logits after each of them, [R, T, V]."""
        return torch.cat([self._run(piece).logits[:, -piece.shape[1] :] for piece in self._appended(ids)], 1)

    def read(self, ids: Tensor, layers: Sequence[int]) -> Tensor:
        """Append tokens [R, T], and return the hidden states of each of them, [R, T, len(layers), d]."""
        pieces = []
        for piece in self._appended(ids):
            states = self._run(piece, last=True, output_hidden_states=True).hidden_states
            pieces.append(torch.stack(of_layers(states, layers, self._ran), 2)[:, -piece.shape[1] :])
        return torch.cat(pieces, 1)

    def keep(self, rows: Sequence[int]) -> None:
        """Keep these rows in this order; a row may be named more than once."""
        chosen = torch.tensor(rows, device=self._model.device)
        self._ids, self._seen = self._ids[chosen], self._seen[chosen]
        if isinstance(self._cache, Cache):
            self._cache.reorder_cache(chosen)  # type: ignore[arg-type]
        else:
            self._cache = [state[chosen] for state in self._cache]

    def _appended(self, ids: Tensor) -> Iterator[Tensor]:
        """Append tokens [R, T] to the rows, in the pieces that are to be run."""
        length = int(self._seen.sum(1).max())
        short = ids.shape[1] if self._limit is None else min(max(self._limit - length, 0), ids.shape[1])
        sizes = [1] * ids.shape[1] if self._level else [n for n in (short, ids.shape[1] - short) if n]
        for piece in torch.split(ids, sizes, dim=1):
            self._ids = torch.cat([self._ids, piece], 1)
            self._seen = torch.cat([self._seen, torch.ones_like(piece)], 1)
            if self._limit is not None and length <= self._limit < length + piece.shape[1]:
                self._cache = None
            length += piece.shape[1]
            yield piece

    def _run(self, ids: Tensor, *, last: bool = False, **options: Any) -> Any:
        """Run the model on the latest tokens of the rows, or on all of them where there is no cache."""
        ids = self._ids if self._cache is None else ids
        self._ran = ids.shape
        inputs = {"use_cache": True, self._cache_name: self._cache, **options}
        if not self._level:
            inputs["attention_mask"] = self._seen
            inputs["position_ids"] = (self._seen.cumsum(1) - 1).clamp(min=0)[:, -ids.shape[1] :]
        if last:
            inputs["logits_to_keep"] = 1
        output = self._model(ids, **{name: value for name, value in inputs.items() if name in self._taken})
        self._cache = output.get(self._cache_name)
        if self._cache is None:
            raise UserError("this model gives no cache")
        return output


class AloneRows:
    """Rows that are read one by one, each whole for every token: what ``model(ids)`` says, without mask and cache.

    Args:
        model: any causal language model.
        prompts: each row's tokens, at least one.
    """

    def __init__(self, model: PreTrainedModel, prompts: Sequence[Sequence[int]]) -> None:
        self._model = model
        self._texts = [torch.tensor([list(row)], device=model.device) for row in prompts]
        self.logits = torch.cat([alone(model, text).logits[:, -1] for text in self._texts])

    def extend(self, ids: Tensor) -> Tensor:
        """Append tokens [R, T], and return the logits after each of them, [R, T, V]."""
        self._append(ids)
        return torch.cat([alone(self._model, text).logits[:, -ids.shape[1] :] for text in self._texts])

    def read(self, ids: Tensor, layers: Sequence[int]) -> Tensor:
        """Append tokens [R, T], and return the hidden states of each of them, [R, T, len(layers), d]."""
        self._append(ids)
        read = ((text.shape, alone(self._model, text, states=True).hidden_states) for text in self._texts)
        return torch.cat(
            [torch.stack(of_layers(states, layers, shape), 2)[:, -ids.shape[1] :] for shape, states in read]
        )

    def keep(self, rows: Sequence[int]) -> None:
        """Keep these rows in this order; a row may be named more than once."""
        self._texts = [self._texts[row] for row in rows]

    def _append(self, ids: Tensor) -> None:
        self._texts = [torch.cat([text, own[None]], 1) for text, own in zip(self._texts, ids, strict=True)]


# Names that models have for their cache, in the arguments of ``forward`` and in its output.
CACHES = ("past_key_values", "cache_params", "state")


def accepted(model: PreTrainedModel) -> frozenset[str]:
    """Return the names of the arguments that a model's ``forward`` takes."""
    return _arguments(type(model).forward)


@lru_cache
def _arguments(forward: Callable[..., Any]) -> frozenset[str]:
    parameters = signature(forward).parameters
    # Most models take these two among their keywords.
    takes_more = any(parameter.kind is Parameter.VAR_KEYWORD for parameter in parameters.values())
    return frozenset(parameters) | (frozenset({"use_cache", "output_hidden_states"}) if takes_more else frozenset())


def alone(model: PreTrainedModel, ids: Tensor, *, states: bool = False) -> Any:
    """Return what the model says of token ids [R, T] of equal length, without a mask and a cache."""
    options = {"use_cache": False, **({"output_hidden_states": True} if states else {})}
    return model(ids, **{name: value for name, value in options.items() if name in accepted(model)})


def of_layers(states: Sequence[Tensor] | None, layers: Sequence[int], shape: Sequence[int]) -> list[Tensor]:
    """Return the hidden states of some layers, each [R, T, d], as a model gives them for tokens [R, T].

    Raises:
        UserError: the model gives none.
    """
    if not states:
        raise UserError("this model gives no hidden states; leave out what reads them, or take another model")
    return [one_stream(states[layer], shape, states[-1].shape[-1]) for layer in layers]


def one_stream(state: Tensor, shape: Sequence[int], width: int) -> Tensor:
    """Return hidden states [R, T, width] of tokens [R, T]: the mean where a model keeps several residual streams.

    Gemma-3n has its streams in the first dimension (AltUp, arXiv 2301.13310); models with hyper-connections (arXiv
    2409.19606) have them in the third, or side by side in the last one.
    """
    if state.dim() == 4:
        return state.mean(2 if state.shape[:2] == tuple(shape) else 0)
    return state if state.shape[-1] == width else torch.stack(torch.split(state, width, dim=-1)).mean(0)


def _logits(logits: Tensor, expected: Sequence[int]) -> Tensor:
    if logits.shape[:2] != tuple(expected):
        raise RuntimeError(
            f"the model returned logits of shape {tuple(logits.shape)}, expected {tuple(expected)} first"
        )
    return logits
