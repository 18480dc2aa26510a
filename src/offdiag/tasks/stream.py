"""Endless streams of token sequences, drawn as they are needed: what a model is pre-trained on. NumPy only."""

from abc import ABC, abstractmethod
from typing import ClassVar, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from offdiag.identity import Identity, Json

IntArray: TypeAlias = NDArray[np.int64]

# A target that is no target, as in torch's cross-entropy.
NO_TARGET = -100


class Batch(NamedTuple):
    """Token sequences and what is to be learnt from them, both ``[rows, columns]``.

    Attributes:
        ids: tokens. targets: at each position the token that follows, or -100 where nothing is to be learnt.
    """

    ids: IntArray
    targets: IntArray


class Stream(Identity, ABC):
    """A distribution of token sequences of one length.

    A batch is a pure function of the stream, a seed and its index, so a resumed training sees what an uninterrupted
    one sees, and nothing lies on a disk. Raise ``data_version`` when what is drawn changes.
    """

    data_version: ClassVar[int] = 1

    @property
    @abstractmethod
    def label(self) -> str:
        """Short name for folders and tables."""

    @property
    @abstractmethod
    def vocabulary(self) -> int:
        """Number of tokens; their ids are 0 to ``vocabulary - 1``."""

    @property
    @abstractmethod
    def columns(self) -> int:
        """Tokens of a sequence."""

    @abstractmethod
    def batch(self, seed: int, index: int, rows: int) -> Batch:
        """Batch ``index`` (from 0) of the stream under ``seed``."""

    def canonical(self) -> dict[str, Json]:
        return {**super().canonical(), "data_version": self.data_version}
