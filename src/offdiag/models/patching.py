"""Activation patching: hidden states of one prompt copied into another, layer by layer and position by position.

The *clean* prompt of a pair calls for one continuation and the *corrupted* one for another. The residual stream of the
clean run, at the tokens of one position and before one block, replaces that of the corrupted run; how far the
difference between the two continuations comes back says what these states carry (Meng et al. 2022, arXiv 2202.05262;
Wang et al. 2022, arXiv 2211.00593):

    recovered = (patched - corrupted) / (clean - corrupted)
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import PreTrainedModel

from offdiag.models._patched import PatchedBatch, Positions, blocks_of
from offdiag.models.batches import fill
from offdiag.models.contrasts import Contrast
from offdiag.models.limits import STATES_BYTES

FloatArray = NDArray[np.float64]


class Patched(NamedTuple):
    """Differences of log-probability, first continuation minus second: of one token each, the logit difference.

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
        whole = self.clean - self.corrupted
        whole = np.where(whole == 0, np.nan, whole)
        return np.asarray((self.patched - self.corrupted[:, None, None]) / whole[:, None, None])


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
    """
    depth, width = len(blocks_of(model)), _width(contrasts, positions)
    found = Patched(*(np.empty((len(contrasts), *shape)) for shape in ((), (), (depth, width))))
    budget = max(1, min(token_budget, STATES_BYTES // (depth * model.config.hidden_size * model.dtype.itemsize)))
    # Two rows, as continuations of several tokens need one each.
    sizes = {i: 2 * (one.length + max(map(len, one.clean.endings))) for i, one in enumerate(contrasts)}
    order = sorted(sizes, key=lambda i: -sizes[i])
    batches = [list(batch) for batch in fill(order, [sizes[i] for i in order], budget)]
    for number, pairs in enumerate(batches):
        batch = PatchedBatch(model, [contrasts[i] for i in pairs], [positions[i] for i in pairs])
        found.clean[pairs], found.corrupted[pairs] = batch.clean, batch.corrupted
        for layer in range(depth):
            on_progress(number * depth + layer, len(batches) * depth)
            for position in range(width):
                found.patched[pairs, layer, position] = batch.patched(layer, position)
    return found


def _width(contrasts: Sequence[Contrast], positions: Sequence[Positions]) -> int:
    """The number of positions of every pair."""
    widths = {len(one) for one in positions}
    if len(widths) > 1:
        raise ValueError(f"pairs of {sorted(widths)} positions: expected as many for all")
    for contrast, one in zip(contrasts, positions, strict=True):
        if not {token for position in one for token in position} <= set(range(contrast.length)):
            raise ValueError(f"positions {one} in prompts of {contrast.length} tokens")
    return max(widths, default=0)
