"""Activation patching: hidden states of one prompt copied into another, layer by layer and position by position.

The *clean* prompt of a pair calls for one continuation and the *corrupted* one for another. The residual stream of the
clean run, at the tokens of one position and before one block, replaces that of the corrupted run; how far the
difference between the two continuations comes back says what these states carry (Meng et al. 2022, arXiv 2202.05262;
Wang et al. 2022, arXiv 2211.00593):

    recovered = (patched - corrupted) / (clean - corrupted)
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from transformers import DynamicCache, PreTrainedModel

from offdiag.models.batches import fill
from offdiag.models.contrasts import Contrast
from offdiag.models.finite import require_finite
from offdiag.models.inference.forward import left_padded
from offdiag.models.limits import STATES_BYTES

FloatArray = NDArray[np.float64]
Positions: TypeAlias = Sequence[Sequence[int]]  # of one pair: the token indices of each position


class Patched(NamedTuple):
    """Differences of log-probability, first continuation minus second; for single tokens, the logit differences.

    Attributes:
        clean, corrupted: of the runs as they are, ``[pairs]``.
        patched: ``[pairs, layers, positions]``; layer i is what block i + 1 reads, 0 the embeddings.
    """

    clean: FloatArray
    corrupted: FloatArray
    patched: FloatArray

    @property
    def recovered(self) -> FloatArray:
        """``[pairs, layers, positions]``: 0 as in the corrupted run, 1 as in the clean one; NaN where these agree."""
        effect = self.clean - self.corrupted
        effect = np.where(effect == 0, np.nan, effect)
        return np.asarray((self.patched - self.corrupted[:, None, None]) / effect[:, None, None])


@torch.inference_mode()
def patch(
    model: PreTrainedModel,
    contrasts: Sequence[Contrast],
    positions: Sequence[Positions],
    *,
    token_budget: int,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> Patched:
    """Patch every position before every block, many pairs at once.

    What both prompts of a pair begin with is computed once, and the clean states are kept for all patches. Forward
    hooks read and replace them, and are gone when this returns.

    Positions are in the prompts. The later tokens of a long continuation are predicted behind them, from states that no
    patch replaces, so that even all of the prompt brings all back at layer 0 only.

    Args:
        model: a decoder whose blocks take the hidden states as their first argument.
        contrasts: the pairs. positions: for each pair the token indices of each position, of as many for all.
        token_budget: most tokens of a batch; does not change the result beyond rounding.
        on_progress: is told how many of how many layers, over all batches, are done.

    Raises:
        ValueError: pairs have not as many positions, or a position is not in its prompts.
        OffdiagError: a log-probability is not finite.
    """
    depth, width = len(blocks_of(model)), _width(contrasts, positions)
    differences = Patched(*(np.empty((len(contrasts), *shape)) for shape in ((), (), (depth, width))))
    budget = max(1, min(token_budget, STATES_BYTES // (depth * model.config.hidden_size * model.dtype.itemsize)))
    # Two rows, as continuations of several tokens need one each.
    sizes = {i: 2 * (pair.length + max(map(len, pair.clean.endings))) for i, pair in enumerate(contrasts)}
    order = sorted(sizes, key=lambda i: -sizes[i])
    batches = [list(batch) for batch in fill(order, [sizes[i] for i in order], budget)]
    for number, pairs in enumerate(batches):
        batch = _PatchedBatch(model, [contrasts[i] for i in pairs], [positions[i] for i in pairs])
        differences.clean[pairs], differences.corrupted[pairs] = batch.clean, batch.corrupted
        for layer in range(depth):
            on_progress(number * depth + layer, len(batches) * depth)
            for position in range(width):
                differences.patched[pairs, layer, position] = batch.patched(layer, position)
    for run, values in differences._asdict().items():
        require_finite(values, f"differences of log-probability, {run},")
    return differences


def _width(contrasts: Sequence[Contrast], positions: Sequence[Positions]) -> int:
    """Return the number of positions, the same for every pair."""
    widths = {len(of_pair) for of_pair in positions}
    if len(widths) > 1:
        raise ValueError(f"pairs of {sorted(widths)} positions: expected as many for all")
    for contrast, of_pair in zip(contrasts, positions, strict=True):
        if not {token for position in of_pair for token in position} <= set(range(contrast.length)):
            raise ValueError(f"positions {of_pair} in prompts of {contrast.length} tokens")
    return max(widths, default=0)


class _Row(NamedTuple):
    """A row of the batch: a pair, and a continuation without its last token, which stands after its prompts."""

    pair: int
    contrast: Contrast
    forced: tuple[int, ...]


class _PatchedBatch:
    """A batch of pairs on its way through the model, with hooks that read and replace hidden states.

    The tokens before the first one that differs are computed once and stay in the cache. All runs go on from there, so
    that a row is padded on the left twice:

        common beginning    |  from the fork on
        . . a b c           |  . . d e
        a b c d e           |  f g h i

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

    def patched(self, layer: int, position: int) -> FloatArray:
        """Return the differences of the corrupted runs with clean states at a position before a block, ``[pairs]``."""
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
        """Fill the cache with the common beginnings, and return which of its columns are seen."""
        ids, seen = self._padded([row.contrast.clean.stem[: row.contrast.fork] for row in self._rows])
        if ids.shape[1]:
            self._model.base_model(**self._inputs(ids, seen))
        return seen

    def _run_corrupted(self) -> FloatArray:
        return self._run([row.contrast.corrupted.stem for row in self._rows])

    def _run(self, stems: Sequence[tuple[int, ...]]) -> FloatArray:
        """Return differences ``[pairs]`` after these prompts, one per row; the cache is left as it was."""
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
        """Return token ids and which of them are seen, ``[rows, columns]``."""
        ids, padding = left_padded(rows, 0, self._model.device)
        return ids, (torch.arange(ids.shape[1], device=ids.device) >= padding[:, None]).long()

    def _of_continuations(self, contrasts: Sequence[Contrast]) -> tuple[Tensor, ...]:
        """Return pair, sign in the difference, row, column (from the end) and id of each token of the continuations."""
        at = {(row.pair, row.forced): i for i, row in enumerate(self._rows)}
        found = [
            (pair, sign, at[pair, ending[:-1]], i - len(ending), ending[i])
            for pair, contrast in enumerate(contrasts)
            for sign, ending in zip((1, -1), contrast.clean.endings, strict=True)
            for i in range(len(ending))
        ]
        return torch.tensor(found, device=self._model.device).unbind(1)

    def _places(self, position: int) -> tuple[list[int], list[int]]:
        """Return rows and columns (from the end) of a position's tokens that are not before the fork.

        Before the fork both runs have the same tokens, and so the same states: a patch would change nothing there.
        """
        places = [
            (i, token - row.contrast.length - len(row.forced))
            for i, row in enumerate(self._rows)
            for token in self._positions[row.pair][position]
            if token >= row.contrast.fork
        ]
        return [row for row, _ in places], [column for _, column in places]


def blocks_of(model: PreTrainedModel) -> list[nn.Module]:
    """Return the blocks of a decoder, in their order."""
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
