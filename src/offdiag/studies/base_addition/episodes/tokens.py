"""Additions as tokens: ``3+5=10``; every sum has a leading place for the carry, so all have one length.

Tokens are the digits ``0-9A-Z`` (id = value), then ``+`` and ``=``. Operands and sums are arrays of digits, most
significant first.
"""

import numpy as np
from numpy.typing import ArrayLike

from offdiag.studies.base_addition.task.numerals import SYMBOLS as DIGITS
from offdiag.tasks.stream import IntArray

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
