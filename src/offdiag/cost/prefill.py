"""Prompt tokens as :class:`offdiag.models.lm.LM` computes them: what prompts share is prefilled once.

Prompts with the same beginning share it. Its whole blocks of 128 tokens are computed once for all prompts and all
numbers of demonstrations under the same weights; the incomplete last block is computed once a step. A model whose
attention does not allow that (see ``LM.plain_because``) reads every prompt whole. Each of several worker processes
has blocks of its own, so that a few more are computed.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from offdiag.cost.tokens import Tokens
from offdiag.models._batches import WORTH_SHARING

# Tokens of a block that is kept, as in offdiag.models._prefix (which loads torch).
BLOCK = 128


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
    """Counts the prompts of one step after the other and remembers the blocks that are known by then."""

    _known: set[tuple[str, int]] = field(default_factory=set)

    def ask(self, weights: str, samples: Sequence[Tokens], n: int) -> Prompted:
        """Count the ``n`` prompts of which ``samples`` are some, with their template, under the named weights."""
        computed, longest, kept = 0.0, 0, 0
        for members, shared in _groups(samples, n):
            rows = n * len(members) / len(samples)
            blocks = self._new_blocks(weights, members[0][:shared])
            computed += blocks + shared % BLOCK + rows * (_mean(members) - shared)
            longest, kept = max(longest, shared), kept + blocks
        return Prompted(round(n * _mean(samples)), round(computed), longest, kept)

    def _new_blocks(self, weights: str, prefix: Tokens) -> int:
        before, new = 0, 0
        for start in range(0, len(prefix) - BLOCK + 1, BLOCK):
            before = hash((before, prefix[start : start + BLOCK]))
            if (weights, before) not in self._known:
                self._known.add((weights, before))
                new += BLOCK
        return new


def _groups(samples: Sequence[Tokens], n: int) -> Iterator[tuple[list[Tokens], int]]:
    """Samples with the same beginning, and how much they share, as :mod:`offdiag.models._batches` has it."""
    alike: dict[Tokens, list[Tokens]] = {}
    for sample in samples:
        alike.setdefault(sample[:WORTH_SHARING], []).append(sample)

    def pays(shared: int, members: Sequence[Tokens]) -> bool:
        return len(members) > 1 and shared * (n * len(members) / len(samples) - 1) >= WORTH_SHARING

    of_all, rest = _common(samples), []
    for members in alike.values():
        shared = _common(members)
        if pays(shared - of_all, members):
            yield members, shared
        else:
            rest += members
    if rest:
        shared = _common(rest)
        yield rest, shared if pays(shared, rest) else 0


def _common(texts: Sequence[Tokens]) -> int:
    """Tokens of the common beginning, leaving each text at least one of its own."""
    first, last = min(texts), max(texts)  # all others lie between them in lexicographic order
    most = min(len(text) for text in texts) - 1
    return next((i for i in range(most) if first[i] != last[i]), most)


def _mean(texts: Sequence[Tokens]) -> float:
    return sum(len(text) for text in texts) / len(texts)
