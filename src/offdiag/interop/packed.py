"""Rows of files of strangers in little memory: packed some hundreds at a time, and read as often as one wants."""

import pickle
import zlib
from collections.abc import Collection, Iterable, Iterator
from typing import TypeVar

T = TypeVar("T")
TOGETHER = 256  # rows that are packed and unpacked together


class Packed(Collection[T]):
    """A list that is read from its beginning, and held as compressed pickles of this process's own making.

    Several passes over it cost less than to parse the file again, which may have changed by then.
    """

    def __init__(self, rows: Iterable[T] = ()) -> None:
        self._blocks: list[bytes] = []
        self._last: list[T] = []
        for row in rows:
            self.append(row)

    def append(self, row: T) -> None:
        """Add a row at the end."""
        self._last.append(row)
        if len(self._last) == TOGETHER:
            self._blocks.append(zlib.compress(pickle.dumps(self._last, pickle.HIGHEST_PROTOCOL), 1))
            self._last = []

    def __len__(self) -> int:
        return TOGETHER * len(self._blocks) + len(self._last)

    def __contains__(self, row: object) -> bool:
        return any(row == own for own in self)

    def __iter__(self) -> Iterator[T]:
        for block in self._blocks:
            yield from pickle.loads(zlib.decompress(block))
        yield from self._last

    @property
    def first(self) -> T:
        """The first row."""
        return next(iter(self))
