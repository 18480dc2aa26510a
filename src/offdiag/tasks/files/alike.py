"""Which prompts ask the same: texts up to case, white space and punctuation, as numbers, many at a time."""

from collections.abc import Iterator, Sequence
from hashlib import blake2b
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

_MARKS = str.maketrans(dict.fromkeys(".,;:!?\"'`´’‘“”„«»()[]{}…–—", " "))
_BLOCK = 2048  # texts that are joined to one, since a call for each of them takes three times as long
_END = "\0"  # between texts


def normal(text: str) -> str:
    """Return a text without what copies of it differ in: case, white space, and the marks of sentences."""
    return " ".join(text.translate(_MARKS).casefold().split())


def normals(texts: Sequence[str]) -> Iterator[str]:
    """Yield :func:`normal` of each text."""
    for begin in range(0, len(texts), _BLOCK):
        block = texts[begin : begin + _BLOCK]
        found = _END.join(block).translate(_MARKS).casefold().split(_END)
        if len(found) == len(block):
            yield from (" ".join(text.split()) for text in found)
        else:  # a text has the character between texts in it
            yield from map(normal, block)


def hashes(texts: Sequence[str]) -> NDArray[np.uint64]:
    """Return a number of 64 bits for each text, the same on every machine."""
    return numbers_of(normals(texts))


def numbers_of(texts: Iterator[str]) -> NDArray[np.uint64]:
    """Return a number of 64 bits for each text, word for word."""
    digests = b"".join([blake2b(text.encode(), digest_size=8).digest() for text in texts])
    return np.frombuffer(digests, ">u8").astype(np.uint64)


def shuffled(numbers: NDArray[np.uint64], purpose: str) -> NDArray[np.uint64]:
    """Return other numbers, by which items can be sorted in an order of their own for each purpose.

    They are made of each number alone (splitmix64 of Steele, Lea and Flood 2014), so a new item moves no other one.
    """
    mixed = numbers ^ numbers_of(iter([purpose]))
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        mixed = (mixed ^ (mixed >> np.uint64(shift))) * np.uint64(factor)
    return mixed ^ (mixed >> np.uint64(31))


class Groups(NamedTuple):
    """Items in groups of equal numbers.

    Attributes:
        numbers: of the groups, ascending. first: the place of the first item of each. of: the group of each item.
    """

    numbers: NDArray[np.uint64]
    first: NDArray[np.intp]
    of: NDArray[np.intp]


def grouped(numbers: NDArray[np.uint64]) -> Groups:
    """Return the groups of equal numbers."""
    return Groups(*np.unique(numbers, return_index=True, return_inverse=True))
