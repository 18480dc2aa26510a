"""Training batches of the world map as token ids, drawn in blocks as they are needed."""

from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import model_validator

from offdiag.errors import UserError
from offdiag.identity import kept
from offdiag.seeds import derive, stream
from offdiag.studies.world_map.task import sampling
from offdiag.studies.world_map.task.domain import WorldMapDomain
from offdiag.studies.world_map.task.sampling import draw
from offdiag.studies.world_map.task.text import longest_prompt
from offdiag.studies.world_map.task.world import World
from offdiag.tasks.stream import NO_TARGET, IntArray, Loss, Stream, StreamPart, TextStream, TokenBatch

SPECIAL = ("<pad>", "<unk>", "<bos>", "<eos>")
PAD, _, BOS, EOS = range(len(SPECIAL))
FIRST, LAST = ord("!"), ord("~")
TOKENS = (*SPECIAL, *(chr(code) for code in range(FIRST, LAST + 1)))
BLOCK = 4096
LONGEST_ANSWER = 8
SAMPLED = 16  # rows drawn per row of a sample: few enough to be quick, and mixed as in training


@dataclass(frozen=True, eq=False)
class _TokenRows:
    """Token ids ``[rows, longest]``, and the lengths ``[rows]`` of each row's prompt and of the whole row."""

    ids: NDArray[np.uint8]
    prompt: IntArray
    total: IntArray

    def __getitem__(self, rows: IntArray) -> "_TokenRows":
        return _TokenRows(self.ids[rows], self.prompt[rows], self.total[rows])


class MapStream(TextStream):
    """Batches of rows such as ``<bos>dist(c_0865,c_4879)=769<eos>``, one token per character, from all parts.

    Parts without ``rows`` give every update the same number of new rows of each geometry (one more or less). Parts
    with ``rows`` have, for each of their geometries, the first so many rows of the split ``train``: a fixed set that
    is passed through once per epoch, each time in another order.

    Attributes:
        loss: on the characters of the answer and ``<eos>``, or on the whole text, whose ids nobody can predict.
        data_seed: of the fixed sets of rows.
    """

    tag: ClassVar[str] = "world_map"
    symbols: ClassVar[tuple[str, ...]] = TOKENS
    data_version: ClassVar[int] = sampling.DATA_VERSION
    parts: tuple[StreamPart, ...]
    loss: Loss = "answer"
    data_seed: int = 0

    @model_validator(mode="after")
    def _one_world(self) -> Self:
        if not self.parts:
            raise UserError("a stream of maps without parts: give at least one")
        if len({part.rows is None for part in self.parts}) > 1:
            raise UserError("parts with rows and parts without in one stream: give all of them rows, or none")
        if len({domain.world for domain in self._asked}) > 1:
            raise UserError("parts of several worlds in one stream: their ids mean different cities; use one world")
        return self

    @property
    def _asked(self) -> list[WorldMapDomain]:
        return [part.domain for part in self.parts if isinstance(part.domain, WorldMapDomain)]

    @property
    def world(self) -> World:
        """The world that all parts are in."""
        return self._asked[0].world

    @property
    def label(self) -> str:
        return ".".join([self.world.label, *(_label(part) for part in self.parts)])

    @property
    def without_replicate(self) -> Self:
        return self if self.data_seed == 0 else self._first_replicate

    @kept
    def _first_replicate(self) -> Self:
        return self.model_copy(update={"data_seed": 0})

    @property
    def columns(self) -> int:
        """Tokens of the longest row without ``<eos>``, whichever geometry it is of: models of one world fit all."""
        return longest_prompt(self.world.id_digits) + LONGEST_ANSWER + 1

    def batch(self, seed: int, index: int, rows: int) -> TokenBatch:
        """Return batch ``index`` (from 0) of the stream under ``seed``."""
        chosen = self._fresh(seed, index, rows) if self.parts[0].rows is None else self._repeated(seed, index, rows)
        ids = np.full((rows, self.columns + 1), PAD, np.int64)
        ids[:, : chosen.ids.shape[1]] = chosen.ids
        place = np.arange(1, self.columns + 1)
        first = chosen.prompt[:, None] if self.loss == "answer" else 1
        targets = np.where((place >= first) & (place < chosen.total[:, None]), ids[:, 1:], NO_TARGET)
        return TokenBatch(np.where(ids == EOS, PAD, ids)[:, :-1], targets)

    def sample(self, rows: int) -> TokenBatch:
        """Return a batch like those of the training; see :meth:`Stream.sample`.

        Fixed sets of rows are cut short, all by one factor, so that a sample does not have to draw them whole.
        """
        total = sum((part.rows or 0) * len(_single(part)) for part in self.parts)
        shorter = [
            part if part.rows is None else part.model_copy(update={"rows": -(-part.rows * rows * SAMPLED // total)})
            for part in self.parts
        ]
        return self.model_copy(update={"parts": tuple(shorter)}).batch(0, 0, rows)

    def check_after(self, before: Stream) -> None:
        """Raise a UserError unless this stream can follow ``before``: both must be of one world."""
        super().check_after(before)
        if isinstance(before, MapStream) and (first := before.world) != (second := self.world):
            differ = [name for name in World.model_fields if getattr(second, name) != getattr(first, name)]
            raise UserError(
                f"{self.label} after {before.label}: another world ({', '.join(differ)} differ), in which the ids mean "
                "other cities; go on in the same world"
            )

    def _fresh(self, seed: int, index: int, rows: int) -> _TokenRows:
        """Return new rows. Of all rows of a training, row ``r`` is row ``r // n`` of geometry ``r % n``, out of ``n``.

        A row's number says which block it is in, so any batch can be made without those before it.
        """
        domains = [single for domain in self._asked for single in domain.single]
        number = index * rows + np.arange(rows)
        which, nth = number % len(domains), number // len(domains)
        parts = []
        for i, domain in enumerate(domains):
            of_domain = nth[which == i]
            for block in np.unique(of_domain // BLOCK).tolist():
                drawn = _encoded(domain, BLOCK, derive(seed, "world_map", "rows"), block)
                parts.append(drawn[of_domain[of_domain // BLOCK == block] % BLOCK])
        return _joined(parts)

    def _repeated(self, seed: int, index: int, rows: int) -> _TokenRows:
        """Return rows of the fixed sets; a batch may end one epoch and begin the next."""
        pool = _pool(self)
        n = len(pool.total)
        number = index * rows + np.arange(rows)
        orders = {epoch: _order(seed, n, epoch) for epoch in np.unique(number // n).tolist()}
        return pool[np.array([orders[epoch][place] for epoch, place in zip(number // n, number % n, strict=True)])]


def _label(part: StreamPart) -> str:
    asked = f"{part.domain.geometry_label}.{part.domain.cities}" if isinstance(part.domain, WorldMapDomain) else ""
    return f"{part.name or asked}{part.rows or ''}"


def _single(part: StreamPart) -> tuple[WorldMapDomain, ...]:
    if not isinstance(part.domain, WorldMapDomain):
        raise UserError(f"a part of task {part.domain.task} in a stream of maps: expected domains of world_map")
    return part.domain.single


@lru_cache(maxsize=2)
def _pool(stream_: MapStream) -> _TokenRows:
    """Return the fixed sets of rows of all parts, joined; each part is drawn independently."""
    return _joined(
        [
            _encoded(domain, part.rows, derive(stream_.data_seed, "world_map", "part", i), 0)
            for i, part in enumerate(stream_.parts)
            if part.rows is not None
            for domain in _single(part)
        ]
    )


@lru_cache(maxsize=4)
def _order(seed: int, n: int, epoch: int) -> IntArray:
    """Return the order of ``n`` rows in an epoch."""
    return stream(seed, "world_map", "order", epoch).permutation(n)


def _encoded(domain: WorldMapDomain, rows: int, seed: int, number: int) -> _TokenRows:
    """Return a batch of training rows; small ones are kept, which batches and samples of many streams ask for."""
    return (_kept if rows <= BLOCK else _drawn)(domain, rows, seed, number)


def _drawn(domain: WorldMapDomain, rows: int, seed: int, number: int) -> _TokenRows:
    """Draw a batch of training rows and turn its characters into token ids with ``<bos>`` and ``<eos>``."""
    text = draw(domain, "train", rows, seed, number).characters()
    ids = np.full((rows, text.codes.shape[1] + 2), PAD, np.uint8)
    ids[:, 0] = BOS
    ids[:, 1:-1] = np.where(text.codes, text.codes - np.uint8(FIRST - len(SPECIAL)), PAD)
    ids[np.arange(rows), text.total + 1] = EOS
    return _TokenRows(ids, text.prompt.astype(np.int64) + 1, text.total.astype(np.int64) + 2)


_kept = lru_cache(maxsize=128)(_drawn)


def _joined(parts: list[_TokenRows]) -> _TokenRows:
    """Return all rows one after another, padded to the longest."""
    widest = max(part.ids.shape[1] for part in parts)
    padded = [np.pad(part.ids, ((0, 0), (0, widest - part.ids.shape[1])), constant_values=PAD) for part in parts]
    return _TokenRows(
        np.concatenate(padded),
        np.concatenate([part.prompt for part in parts]),
        np.concatenate([part.total for part in parts]),
    )
