"""Cache of prefixes that many prompts share: prefilled once, in blocks that later prefixes use again.

A prefix is prefilled in blocks of ``BLOCK`` tokens at absolute positions. Only whole blocks are kept and used again;
the incomplete last one is always computed. A block's keys and values therefore depend on its tokens and those before
it, never on what was asked earlier, and the k = 4 prompt finds the blocks of the k = 2 prompt:

    k = 2   |block 0|block 1|par
    k = 4   |block 0|block 1|block 2|block 3|parti        the first two from the cache

Why the incomplete block is not kept: how a prefix is cut into passes changes the rounding of its states. If a longer
prefix went on from half a block, its states, and with them answers, would depend on which prompts came before it.
"""

from collections import OrderedDict
from collections.abc import Sequence
from typing import TypeAlias

import torch
from torch import Tensor
from transformers import PreTrainedModel

from offdiag.models.inference.suffix_cache import SuffixCache, causal_mask
from offdiag.models.limits import BLOCK, KEPT_BYTES

Block: TypeAlias = list[tuple[Tensor, Tensor]]  # per layer the keys and the values, each [1, G, <= BLOCK, D]


class Prefix:
    """Keys and values of one prefix, filled from the left; per layer [1, G, P, D]."""

    def __init__(self, first: Block, length: int) -> None:
        self.filled = 0
        self._layers = [(_room(keys, length), _room(values, length)) for keys, values in first]
        self.append(first)

    def append(self, block: Block) -> None:
        """Write a block after those that are there."""
        end = self.filled + block[0][0].shape[2]
        for (keys, values), (key, value) in zip(self._layers, block, strict=True):
            keys[:, :, self.filled : end] = key
            values[:, :, self.filled : end] = value
        self.filled = end

    def layer(self, index: int) -> tuple[Tensor, Tensor]:
        """Return keys and values of a layer, as far as they are filled."""
        keys, values = self._layers[index]
        return keys[:, :, : self.filled], values[:, :, : self.filled]


class BlockCache:
    """Whole blocks by all tokens up to their end; beyond ``limit`` bytes the least recently used ones are dropped."""

    def __init__(self, limit: int = KEPT_BYTES) -> None:
        self.limit = limit
        self.hits = 0
        self._blocks: OrderedDict[tuple[int, tuple[int, ...]], Block] = OrderedDict()
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._blocks)

    def get(self, weights: int, ids: tuple[int, ...]) -> Block | None:
        """Return the block that ends the tokens ``ids`` under the numbered ``weights``, if it is there."""
        block = self._blocks.get((weights, ids))
        if block is not None:
            self._blocks.move_to_end((weights, ids))
            self.hits += 1
        return block

    def put(self, weights: int, ids: tuple[int, ...], block: Block) -> None:
        """Remember a whole block."""
        self._blocks[weights, ids] = block
        self._bytes += _size(block)
        while self._bytes > self.limit and self._blocks:
            _, oldest = self._blocks.popitem(last=False)
            self._bytes -= _size(oldest)

    def forget(self, weights: int) -> None:
        """Drop all blocks of these weights."""
        for name in [name for name in self._blocks if name[0] == weights]:
            self._bytes -= _size(self._blocks.pop(name))


def prefill(model: PreTrainedModel, ids: Sequence[int], blocks: BlockCache, weights: int) -> Prefix:
    """Return keys and values of the tokens ``ids``, taken from ``blocks`` as far as they are there.

    Args:
        model: a model whose attention is the shared-prefix one.
        ids: at least one token.
        blocks: where whole blocks are found and left.
        weights: number of the weights in use (which adapter, if any).
    """
    prefix: Prefix | None = None
    for start in range(0, len(ids), BLOCK):
        end = min(start + BLOCK, len(ids))
        known = tuple(ids[:end])
        block = blocks.get(weights, known) if end - start == BLOCK else None
        if block is None:
            block = _compute(model, ids[start:end], start, prefix)
            if end - start == BLOCK:
                blocks.put(weights, known, block)
        if prefix is None:
            prefix = Prefix(block, len(ids))
        else:
            prefix.append(block)
    assert prefix is not None, "a prefix has at least one token"
    return prefix


def _compute(model: PreTrainedModel, ids: Sequence[int], start: int, before: Prefix | None) -> Block:
    """Prefill one block that begins at position ``start``, after the blocks ``before`` it."""
    device = model.device
    cache = SuffixCache(model.config.num_hidden_layers, len(ids))
    model.base_model(
        input_ids=torch.tensor([ids], device=device),
        attention_mask=causal_mask(torch.zeros(1, dtype=torch.long, device=device), 0, len(ids), model.dtype),
        position_ids=torch.arange(start, start + len(ids), device=device).unsqueeze(0),
        past_key_values=cache,
        use_cache=True,
        shared_prefix=before,
    )
    return [layer.buffers for layer in cache.suffixes]


def _room(states: Tensor, length: int) -> Tensor:
    return states.new_empty(*states.shape[:2], length, states.shape[3])


def _size(block: Block) -> int:
    return sum(tensor.nbytes for layer in block for tensor in layer)
