"""Key-value cache of the rows' own suffixes, in buffers of fixed size that are written in place."""

from typing import Any

import torch
from torch import Tensor
from transformers.cache_utils import Cache, CacheLayerMixin


class SuffixLayer(CacheLayerMixin):  # type: ignore[no-untyped-call]
    """Keys and values of one layer, each [R, G, capacity, D]; appending to them copies nothing."""

    def __init__(self, capacity: int) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.capacity = capacity
        self.length = 0

    def lazy_initialization(self, key_states: Tensor, value_states: Tensor) -> None:
        """Allocate the buffers in the shape and type of the first states."""
        rows, groups, _, width = key_states.shape
        self.keys = key_states.new_empty(rows, groups, self.capacity, width)
        self.values = value_states.new_empty(rows, groups, self.capacity, value_states.shape[-1])
        self.is_initialized = True

    @property
    def buffers(self) -> tuple[Tensor, Tensor]:
        """All columns of the keys and the values, filled or not."""
        assert self.keys is not None, "nothing was written yet"
        assert self.values is not None, "nothing was written yet"
        return self.keys, self.values

    def update(self, key_states: Tensor, value_states: Tensor, *args: Any, **kwargs: Any) -> tuple[Tensor, Tensor]:
        """Append the new states, and return all that is filled, as views."""
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
        keys, values = self.buffers
        start, self.length = self.length, self.length + key_states.shape[2]
        keys[:, :, start : self.length] = key_states
        values[:, :, start : self.length] = value_states
        return keys[:, :, : self.length], values[:, :, : self.length]

    def keep(self, rows: Tensor) -> None:
        """Keep these rows in this order; a row may be named more than once."""
        keys, values = self.buffers
        self.keys, self.values = self._rows(keys, rows), self._rows(values, rows)

    def _rows(self, buffer: Tensor, rows: Tensor) -> Tensor:
        kept = buffer.new_empty(len(rows), *buffer.shape[1:])
        kept[:, :, : self.length] = buffer[:, :, : self.length][rows]
        return kept

    def get_mask_sizes(self, query_length: int) -> tuple[int, int]:
        """Return how many keys queries of this length meet, and the offset of the first."""
        return self.length + query_length, 0

    def get_seq_length(self) -> int:
        """Return the number of filled columns."""
        return self.length

    def get_max_length(self) -> int:
        """Return the number of columns."""
        return self.capacity


class SuffixCache(Cache):
    """The caches of all layers, as transformers passes them through the model."""

    def __init__(self, layers: int, capacity: int) -> None:
        self.suffixes = [SuffixLayer(capacity) for _ in range(layers)]
        super().__init__(layers=list(self.suffixes))

    @property
    def length(self) -> int:
        """Number of filled columns."""
        return self.suffixes[0].length

    def keep(self, rows: Tensor) -> None:
        """Keep these rows in this order; a row may be named more than once."""
        for layer in self.suffixes:
            layer.keep(rows)


def causal_mask(padding: Tensor, start: int, end: int, dtype: torch.dtype) -> Tensor:
    """Return the mask of left-padded rows, added to scores: [R, 1, end - start, end], 0 where seen, else -inf.

    Args:
        padding: [R], the number of padded columns on the left of each row.
        start: column of the first query.
        end: column after the last query; all columns before it are keys.
        dtype: type of the scores.

    Padded queries see themselves: a softmax over no key at all would be NaN.
    """
    key = torch.arange(end, device=padding.device)
    query = key[start:, None]
    seen = (key <= query) & (key >= padding[:, None, None]) | (key == query)
    return torch.zeros(seen.shape, dtype=dtype, device=seen.device).masked_fill_(~seen, float("-inf")).unsqueeze(1)
