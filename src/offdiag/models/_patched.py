"""A batch of pairs of prompts on its way through a model, with hidden states that forward hooks read and replace.

The tokens before the first one that differs are computed once and stay in the cache. All runs go on from there, so that
a row is padded on the left twice:

    common beginning    |  from the fork on
    . . a b c           |  . . d e
    a b c d e           |  f g h i
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from transformers import DynamicCache, PreTrainedModel

from offdiag.models._forward import left_padded
from offdiag.models.contrasts import Contrast

Positions: TypeAlias = Sequence[Sequence[int]]


class _Row(NamedTuple):
    """A pair of the batch, and what is forced behind its prompts: a continuation without its last token."""

    pair: int
    contrast: Contrast
    forced: tuple[int, ...]


class PatchedBatch:
    """Pairs whose common beginnings and clean states are kept.

    Attributes:
        clean, corrupted: differences of log-probability of the runs as they are, ``[pairs]``.
    """

    def __init__(self, model: PreTrainedModel, contrasts: Sequence[Contrast], positions: Sequence[Positions]) -> None:
        self._model, self._blocks, self._positions = model, blocks_of(model), positions
        self._rows = [
            _Row(pair, contrast, forced)
            for pair, contrast in enumerate(contrasts)
            for forced in dict.fromkeys(ending[:-1] for ending in contrast.clean.endings)
        ]
        self._cache = DynamicCache(config=model.config)
        self._seen = self._begin()
        self._asked = self._of_continuations(contrasts)
        self._states: list[Tensor] = []
        with ExitStack() as hooks:
            for block in self._blocks:
                hooks.enter_context(_hooked(block, self._states.append))
            self.clean = self._run([row.contrast.clean.stem for row in self._rows])
        self.corrupted = self._run_corrupted()

    def patched(self, layer: int, position: int) -> NDArray[np.float64]:
        """The differences of the corrupted runs with the clean states of a position before a block, ``[pairs]``."""
        rows, columns = self._places(position)
        if not rows:  # all of it stands before the first token that differs
            return self.corrupted

        def replaced(states: Tensor) -> Tensor:
            mixed = states.clone()
            mixed[rows, columns] = self._states[layer][rows, columns]
            return mixed

        with _hooked(self._blocks[layer], replaced):
            return self._run_corrupted()

    def _begin(self) -> Tensor:
        """Fill the cache with the common beginnings; returns which of its columns are seen."""
        ids, seen = self._padded([row.contrast.clean.stem[: row.contrast.fork] for row in self._rows])
        if ids.shape[1]:
            self._model.base_model(**self._inputs(ids, seen))
        return seen

    def _run_corrupted(self) -> NDArray[np.float64]:
        return self._run([row.contrast.corrupted.stem for row in self._rows])

    def _run(self, stems: Sequence[tuple[int, ...]]) -> NDArray[np.float64]:
        """Differences ``[pairs]`` after these prompts, one a row; the cache is left as it was."""
        own = [stem[row.contrast.fork :] + row.forced for stem, row in zip(stems, self._rows, strict=True)]
        ids, seen = self._padded(own)
        pair, sign, row, column, token = self._asked
        output = self._model(**self._inputs(ids, torch.cat([self._seen, seen], 1)), logits_to_keep=-int(column.min()))
        self._cache.crop(-ids.shape[1])
        values = torch.log_softmax(output.logits.float(), -1)[row, column, token].double()
        totals = torch.zeros(int(pair.max()) + 1, dtype=torch.float64, device=values.device)
        return np.asarray(totals.index_add(0, pair, sign * values).cpu().numpy())

    def _inputs(self, ids: Tensor, seen: Tensor) -> dict[str, Any]:
        return {
            "input_ids": ids,
            "attention_mask": seen,
            "position_ids": (seen.cumsum(1) - 1).clamp(min=0)[:, -ids.shape[1] :],
            "past_key_values": self._cache,
            "use_cache": True,
        }

    def _padded(self, rows: Sequence[tuple[int, ...]]) -> tuple[Tensor, Tensor]:
        """Ids and which of them are seen, ``[rows, columns]``."""
        ids, padding = left_padded(rows, 0, self._model.device)
        return ids, (torch.arange(ids.shape[1], device=ids.device) >= padding[:, None]).long()

    def _of_continuations(self, contrasts: Sequence[Contrast]) -> tuple[Tensor, ...]:
        """For each of their tokens its pair, its sign in the difference, its row, column (from the end) and id."""
        at = {(row.pair, row.forced): i for i, row in enumerate(self._rows)}
        found = [
            (pair, sign, at[pair, ending[:-1]], i - len(ending), ending[i])
            for pair, contrast in enumerate(contrasts)
            for sign, ending, start in zip((1, -1), contrast.clean.endings, contrast.clean.starts, strict=True)
            for i in range(start, len(ending))
        ]
        return torch.tensor(found, device=self._model.device).unbind(1)

    def _places(self, position: int) -> tuple[list[int], list[int]]:
        """Rows and columns (from the end) of a position's tokens that are not before the fork."""
        places = [
            (i, token - row.contrast.length - len(row.forced))
            for i, row in enumerate(self._rows)
            for token in self._positions[row.pair][position]
            if token >= row.contrast.fork
        ]
        return [row for row, _ in places], [column for _, column in places]


def blocks_of(model: PreTrainedModel) -> list[nn.Module]:
    """The blocks of a decoder, in their order."""
    depth = model.config.num_hidden_layers
    return next(list(part) for part in model.modules() if isinstance(part, nn.ModuleList) and len(part) == depth)


@contextmanager
def _hooked(block: nn.Module, change: Callable[[Tensor], Tensor | None]) -> Iterator[None]:
    """Show a block's hidden states to ``change`` before the block reads them, and let it replace them."""

    def hook(module: nn.Module, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...] | None:
        changed = change(inputs[0])
        return None if changed is None else (changed, *inputs[1:])

    handle = block.register_forward_pre_hook(hook)
    try:
        yield
    finally:
        handle.remove()
