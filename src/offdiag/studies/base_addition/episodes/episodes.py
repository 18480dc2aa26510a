"""Training stream of episodes: additions in one base, drawn with known odds and never named.

Additions are tokens, ``3+5=10``: the digits ``0-9A-Z`` (id = value), then ``+`` and ``=``. Every sum has a leading
place for the carry, so all have one length. Operands and sums are arrays of digits, most significant first.
"""

from typing import ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike
from pydantic import Field, model_validator

from offdiag.errors import UserError
from offdiag.seeds import stream
from offdiag.studies.base_addition.task.numerals import SYMBOLS as DIGITS
from offdiag.tasks.stream import NO_TARGET, IntArray, Stream, TokenBatch

SYMBOLS = f"{DIGITS}+="
VOCABULARY = len(SYMBOLS)
PLUS, EQUALS = SYMBOLS.index("+"), SYMBOLS.index("=")


def add(left: IntArray, right: IntArray, base: ArrayLike) -> IntArray:
    """Return the digits of ``left + right`` in ``base``, column by column.

    Args:
        left, right: ``[..., n]`` digits below the base.
        base: broadcasts with ``[...]``.

    Returns:
        ``[..., n + 1]`` digits, leading zeros included.
    """
    radix = np.asarray(base, np.int64)
    shape = np.broadcast_shapes(left.shape[:-1], radix.shape)
    digits = left.shape[-1]
    total = np.zeros((*shape, digits + 1), np.int64)
    carry = np.zeros(shape, np.int64)
    for place in reversed(range(digits)):
        carry, total[..., place + 1] = np.divmod(left[..., place] + right[..., place] + carry, radix)
    total[..., 0] = carry
    return total


def encode(left: IntArray, right: IntArray, total: IntArray) -> IntArray:
    """Return the token ids ``[..., 3 n + 3]`` of ``left+right=total``."""
    shape = (*total.shape[:-1], 1)
    plus, equals = np.full(shape, PLUS), np.full(shape, EQUALS)
    operands = [np.broadcast_to(side, (*total.shape[:-1], side.shape[-1])) for side in (left, right)]
    return np.concatenate([operands[0], plus, operands[1], equals, total], axis=-1)


def spelled(ids: ArrayLike) -> str:
    """Return a row of token ids as text."""
    return "".join(SYMBOLS[token] for token in np.asarray(ids, np.int64).tolist())


class Episodes(Stream):
    """Sequences of additions ``3+5=10`` whose base is drawn once per sequence and shows in the sums only.

    Each sum is, with probability ``rho``, computed in one of the *other* bases, all equally likely and independently
    of everything else. So a demonstration is evidence, not proof, and evidence adds up. The loss is on the sums.

    Attributes:
        bases: at least two, increasing, from 2 to 36.
        shares: how often an episode is in each base; they sum to 1.
        rho: noise, in [0, 1): share of the sums that are computed in another base.
        lowest, highest: range of each digit of the operands, drawn uniformly. All are digits of every base, so that
            an operand says nothing about the base; twice the highest must carry in all bases, so that there are sums
            that tell all bases apart.
        digits: digits of an operand.
        demonstrations: most demonstrations before a question; a sequence holds one addition more, and its addition
            k + 1 is the question after k demonstrations.
    """

    tag: ClassVar[str] = "episodes"
    bases: tuple[int, ...] = (7, 8, 9, 10)
    shares: tuple[float, ...] = (0.04, 0.12, 0.24, 0.60)
    rho: float = Field(default=0.3, ge=0, lt=1)
    lowest: int = Field(default=1, ge=0)
    highest: int = Field(default=6, ge=1)
    digits: int = Field(default=1, ge=1)
    demonstrations: int = Field(default=13, ge=1)

    @model_validator(mode="after")
    def _possible(self) -> Self:
        bases, shares = self.bases, self.shares
        if len(bases) < 2 or list(bases) != sorted(set(bases)) or not 2 <= min(bases) <= max(bases) <= 36:
            raise UserError(f"bases {list(bases)}: expected at least two, each once, in increasing order, from 2 to 36")
        if len(shares) != len(bases):
            raise UserError(f"{len(shares)} shares for {len(bases)} bases: give one share for each base")
        if min(shares) <= 0 or abs(sum(shares) - 1) > 1e-6:
            raise UserError(f"shares {list(shares)} sum to {sum(shares):.6g}: expected positive numbers that sum to 1")
        if not self.lowest <= self.highest < bases[0]:
            raise UserError(
                f"operands' digits from {self.lowest} to {self.highest}: expected lowest <= highest < {bases[0]}, "
                "the smallest base, so that an operand is the same text in all bases"
            )
        if 2 * self.highest < bases[-1] or (self.digits > 1 and 2 * self.lowest + 1 >= bases[0]):
            raise UserError(
                f"no sum of digits from {self.lowest} to {self.highest} tells all bases apart by its last digit alone: "
                f"expected highest >= {-(-bases[-1] // 2)}, and with several digits lowest < {bases[0] // 2}"
            )
        return self

    @property
    def label(self) -> str:
        odds = ",".join(f"{base}={share:g}" for base, share in zip(self.bases, self.shares, strict=True))
        return f"episodes.{odds}"

    @property
    def vocabulary(self) -> int:
        return VOCABULARY

    @property
    def additions(self) -> int:
        """Additions in a sequence."""
        return self.demonstrations + 1

    @property
    def width(self) -> int:
        """Tokens of an addition."""
        return 3 * self.digits + 3

    @property
    def question(self) -> int:
        """Tokens of an addition before its sum."""
        return 2 * self.digits + 2

    @property
    def columns(self) -> int:
        """Tokens of a sequence; the last digit of the last sum is a target only."""
        return self.additions * self.width - 1

    def rotated(self, steps: int) -> "Episodes":
        """Return the same stream with the shares moved on by ``steps`` bases, around the end."""
        n = len(self.shares)
        return self.model_copy(update={"shares": tuple(self.shares[(i - steps) % n] for i in range(n))})

    def batch(self, seed: int, index: int, rows: int) -> TokenBatch:
        """Return batch ``index``: tokens and targets ``[rows, columns]``; only digits of sums are targets."""
        generator = stream(seed, "episodes", index)
        odds = np.cumsum(self.shares)
        truth = np.searchsorted(odds / odds[-1], generator.random(rows), side="right")
        left, right = self.operands(generator, rows, self.additions)
        shown = self.shown(generator, truth, self.additions)
        text = encode(left, right, add(left, right, np.asarray(self.bases)[shown]))
        learnt = np.broadcast_to(np.arange(self.width) >= self.question, text.shape)
        tokens = text.reshape(rows, -1)
        targets = np.where(learnt.reshape(rows, -1), tokens, NO_TARGET)
        return TokenBatch(np.ascontiguousarray(tokens[:, :-1]), np.ascontiguousarray(targets[:, 1:]))

    def operands(self, generator: np.random.Generator, *shape: int) -> tuple[IntArray, IntArray]:
        """Draw left and right operands, each ``[*shape, digits]``."""
        drawn = generator.integers(self.lowest, self.highest + 1, (2, *shape, self.digits))
        return drawn[0], drawn[1]

    def shown(self, generator: np.random.Generator, truth: IntArray, additions: int) -> IntArray:
        """Draw the index of the base of each sum, ``[rows, additions]``, for episodes of the bases ``truth [rows]``."""
        shape = (len(truth), additions)
        n = len(self.bases)
        # A shift of 1 to n - 1 bases: the noise falls on each of the other bases alike, never on the true one.
        shift = generator.integers(1, n, shape) * (generator.random(shape) < self.rho)
        return np.asarray((truth[:, None] + shift) % n)
