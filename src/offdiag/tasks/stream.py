"""Endless streams of token sequences for pre-training, drawn as they are needed."""

from abc import ABC, abstractmethod
from typing import ClassVar, Literal, NamedTuple, Self, TypeAlias

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from offdiag.errors import UserError
from offdiag.identity import Identity, Json
from offdiag.tasks.code import code_of, is_built_in
from offdiag.tasks.domain import Domain

IntArray: TypeAlias = NDArray[np.int64]
Loss: TypeAlias = Literal["answer", "text"]

# Rows that are drawn to estimate how long one is.
SAMPLED_ROWS = 64

# A target that is no target, as in torch's cross-entropy.
NO_TARGET = -100


class TokenBatch(NamedTuple):
    """Token sequences and their targets, both ``[rows, columns]``; shorter ones are padded.

    Attributes:
        ids: tokens. targets: at each position the token that follows, or -100 where nothing is to be learnt.
    """

    ids: IntArray
    targets: IntArray


class StreamPart(Identity):
    """A part of what a training learns: a domain, and how much of it.

    Attributes:
        domain: a distribution of a task. name: what the part is there for, such as ``replay``.
        rows: the training goes through so many rows again and again; None draws every row anew.
    """

    tag: ClassVar[str] = "part"
    domain: Domain
    rows: int | None = Field(default=None, ge=1)
    name: str = ""


class Stream(Identity, ABC):
    """A distribution of token sequences of up to a certain length.

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
    def tokens(self) -> tuple[str, ...] | None:
        """The text of each token, where a stream is of text: one character, or ``<pad> <unk> <bos> <eos>``."""
        return None

    @property
    def padding(self) -> int | None:
        """The token that fills shorter sequences up, at their end; None where all have the same length."""
        return None

    @property
    @abstractmethod
    def columns(self) -> int:
        """Tokens of the longest sequence."""

    @abstractmethod
    def batch(self, seed: int, index: int, rows: int) -> TokenBatch:
        """Return batch ``index`` (from 0) of the stream under ``seed``."""

    def sample(self, rows: int) -> TokenBatch:
        """Return about ``rows`` rows, as mixed as in training, for estimates."""
        return self.batch(0, 0, rows)

    @property
    def without_replicate(self) -> Self:
        """The stream without its data seed: equal for streams that differ in chance alone, whose rows are as long."""
        return self

    def mean_length(self) -> float:
        """Return the mean number of columns up to the last target, without padding."""
        columns = np.arange(1, self.columns + 1)
        targets = self.sample(SAMPLED_ROWS).targets
        return float((columns * (targets != NO_TARGET)).max(axis=1).mean())

    def check_after(self, before: "Stream") -> None:
        """Refuse to train a model on this stream that was trained on ``before``, if they do not fit.

        Raises:
            UserError: the tokens are others, or its sequences are longer.
        """
        if (self.vocabulary, self.tokens) != (before.vocabulary, before.tokens):
            raise UserError(f"{self.label} after {before.label}: its tokens are others; use streams of one task")
        if self.columns > before.columns:
            raise UserError(
                f"{self.label} after {before.label}: its sequences have up to {self.columns} tokens, but the model "
                f"has room for {before.columns}"
            )

    def canonical(self) -> dict[str, Json]:
        cls = type(self)
        code: dict[str, Json] = {} if is_built_in(cls) else {"stream_code": {cls.__name__: code_of(cls, ()).hash}}
        return {**super().canonical(), "data_version": self.data_version, **code}


class TextStream(Stream):
    """A stream of text whose tokens have one text each, with ``<pad>`` among them.

    Attributes:
        symbols: the text of each token.
    """

    symbols: ClassVar[tuple[str, ...]]

    @property
    def vocabulary(self) -> int:
        return len(self.symbols)

    @property
    def tokens(self) -> tuple[str, ...]:
        return self.symbols

    @property
    def padding(self) -> int:
        return self.symbols.index("<pad>")
