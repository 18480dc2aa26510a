"""Count prompt tokens as :class:`offdiag.models.lm.LM` computes them: shared prefixes are prefilled once.

Prompts with the same beginning share it. Its whole blocks of 128 tokens are computed once for all prompts and all
numbers of demonstrations under the same weights; the incomplete last block is computed once per step. A model whose
attention does not allow that (see ``LM.plain_because``) reads every prompt whole. Each of several worker processes
has blocks of its own, so that a few more are computed.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple

from offdiag.cost.tokens import Tokens, mean_length
from offdiag.models.batches import groups
from offdiag.models.limits import BLOCK


class Prompted(NamedTuple):
    """Prompt tokens of one step.

    Attributes:
        whole: of all prompts. computed: those that are prefilled when beginnings are shared.
        longest_shared: tokens of the longest shared beginning. new_blocks: tokens of the blocks that are kept.
    """

    whole: int
    computed: int
    longest_shared: int
    new_blocks: int


@dataclass
class Prefill:
    """Counter of prompt tokens, one step after the other; it remembers which prefix blocks are in the cache."""

    _known: set[tuple[str, int]] = field(default_factory=set)

    def ask(self, weights: str, samples: Sequence[Tokens], n: int) -> Prompted:
        """Count the ``n`` prompts of which ``samples`` are some, with their template, under the named weights."""
        computed, longest, kept = 0.0, 0, 0
        each = n / len(samples)
        for members, shared in _groups(tuple(samples), each):
            alike = [samples[i] for i in members]
            blocks = self._new_blocks(weights, alike[0][:shared])
            computed += blocks + shared % BLOCK + each * len(alike) * (mean_length(alike) - shared)
            longest, kept = max(longest, shared), kept + blocks
        return Prompted(round(n * mean_length(samples)), round(computed), longest, kept)

    def _new_blocks(self, weights: str, prefix: Tokens) -> int:
        before, new = 0, 0
        for start in range(0, len(prefix) - BLOCK + 1, BLOCK):
            before = hash((before, prefix[start : start + BLOCK]))
            if (weights, before) not in self._known:
                self._known.add((weights, before))
                new += BLOCK
        return new


@lru_cache(maxsize=1024)
def _groups(samples: tuple[Tokens, ...], each: float) -> list[tuple[list[int], int]]:
    """Return the groups of prompts; kept, since the arms of a plan are asked the same prompts."""
    return groups(samples, each)
