"""Draw rows on the fly: a batch is a pure function of domain, split, seed and number.

* The split of a row is that of its unordered tuple of cities: a hash of the tuple sends ``eval_share`` of all tuples to
  evaluation, whatever is asked about them. So no tuple that is evaluated was ever trained on, in any geometry.
* A geometry's sizes, and the answers of a balanced one within each size, come equally often: rows are drawn until
  every such stratum is full, so none is short. The order of the cities in a question is fixed before its answer is
  computed, so that balancing cannot be undone by a later shuffle.
* Evaluation rows are one fixed set per domain, in which no tuple of cities comes twice.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations
from math import comb
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from offdiag.errors import UserError
from offdiag.seeds import stream
from offdiag.studies.world_map.task.domain import WorldMapDomain
from offdiag.studies.world_map.task.text import Characters, written
from offdiag.studies.world_map.task.world import Cities, Ints

DATA_VERSION = 1
CHUNK = 8192  # candidates at once: few enough for their columns to stay in the processor's cache
HARDEST = 1 << 18  # candidates; an answer that is not among so many cannot be balanced


class Stratum(NamedTuple):
    """One of the equally frequent kinds of rows: ``size`` cities, with ``answer`` or (None) any."""

    size: int
    answer: int | None


@dataclass(frozen=True, eq=False)
class CityBatch:
    """Rows of one geometry.

    Attributes:
        cities: (rows, widest) positions in the world's cities, in the order of the question; -1 where it has fewer.
        sizes: (rows,) how many cities. answers: (rows,) whole numbers, or positions in the geometry's words.
    """

    domain: WorldMapDomain
    cities: Ints
    sizes: Ints
    answers: Ints

    def __len__(self) -> int:
        return len(self.answers)

    def __getitem__(self, rows: "slice | NDArray[np.int64]") -> "CityBatch":
        return CityBatch(self.domain, self.cities[rows], self.sizes[rows], self.answers[rows])

    def characters(self) -> Characters:
        """Return the rows as text, in the world's ids."""
        ids, digits = self.domain.build().id, self.domain.id_digits
        return written(self.domain.question, ids, digits, self.cities, self.sizes, self.answers)


def strata(domain: WorldMapDomain) -> list[Stratum]:
    """Return the strata of a domain, which are equally frequent."""
    geometry = domain.question
    answers = range(len(geometry.words)) if geometry.balanced else (None,)
    return [Stratum(size, answer) for size in geometry.sizes for answer in answers]


def draw(domain: WorldMapDomain, split: str, rows: int, seed: int, number: int) -> CityBatch:
    """Draw batch ``number`` of ``rows`` rows of a split; a tuple can come again.

    The strata differ by one row at most. Larger batches are cheaper: thousands of rows cost a few milliseconds.

    Raises:
        UserError: a stratum has no row in this world and split.
    """
    rng = stream(seed, "world_map", str(domain), split, rows, number)
    kinds = strata(domain)
    quotas = np.full(len(kinds), rows // len(kinds))
    quotas[rng.permutation(len(kinds))[: rows % len(kinds)]] += 1
    cities = np.full((rows, max(stratum.size for stratum in kinds)), -1, np.int32)
    sizes, answers = np.empty(rows, np.int32), np.empty(rows, np.int32)
    order = rng.permutation(rows) if len(kinds) > 1 else np.arange(rows)
    start = 0
    for size in domain.question.sizes:
        need = {stratum.answer: int(n) for stratum, n in zip(kinds, quotas, strict=True) if stratum.size == size}
        for tuples, their_answers in _filled(domain, split, size, need, rng):
            place = order[start : start + len(their_answers)]
            cities[place, :size], sizes[place], answers[place] = tuples.T, size, their_answers
            start += len(their_answers)
    return CityBatch(domain, cities, sizes, answers)


def tuple_keys(batch: CityBatch) -> list[bytes]:
    """Return a key per row: its cities without their order, as bytes that only the same cities give."""
    ordered = np.sort(batch.cities, axis=1)
    data, width = ordered.tobytes(), ordered.shape[1] * ordered.itemsize
    return [data[start : start + width] for start in range(0, len(data), width)]


def _filled(
    domain: WorldMapDomain, split: str, size: int, need: dict[int | None, int], rng: np.random.Generator
) -> Iterator[tuple[NDArray[np.int64], Ints]]:
    """Yield tuples ``(size, n)`` and their answers ``(n,)`` until every answer has as many as it needs."""
    rates = _rates(domain, split, size)
    while left := {answer: n for answer, n in need.items() if n > 0}:
        likely = max(n / rates[answer] for answer, n in left.items())  # candidates that the scarcest answer takes
        tuples, answers, fits = _candidates(domain, split, size, min(CHUNK, int(1.05 * likely) + 32), rng)
        for answer, n in left.items():
            chosen = np.flatnonzero(fits if answer is None else fits & (answers == answer))[:n]
            need[answer] = n - len(chosen)
            yield tuples[:, chosen], answers[chosen]


@lru_cache(maxsize=256)
def _rates(domain: WorldMapDomain, split: str, size: int) -> dict[int | None, float]:
    """Return the share of candidates that serve each stratum of this size, estimated from a sample.

    Raises:
        UserError: one of them never does, or a held-out region leaves fewer cities than the largest tuple has.
    """
    largest, available = max(domain.question.sizes), _available(domain)
    if available < largest:
        raise UserError(
            f"world_map {domain}: {domain.geometry} asks about up to {largest} cities, but cities={domain.cities} has "
            f"{available}; raise count"
        )
    rng = stream(domain.world_seed, "world_map", str(domain), split, size, "rates")
    possible = [stratum.answer for stratum in strata(domain) if stratum.size == size]
    counts, tried = dict.fromkeys(possible, 0), 0
    while tried < HARDEST and min(counts.values()) < 8:
        _, answers, fits = _candidates(domain, split, size, CHUNK, rng)
        tried += CHUNK
        for answer in possible:
            counts[answer] += int((fits if answer is None else fits & (answers == answer)).sum())
    for answer, count in counts.items():
        if not count:
            _refuse(domain, split, size, answer)
    return {answer: count / tried for answer, count in counts.items()}


def _refuse(domain: WorldMapDomain, split: str, size: int, answer: int | None) -> None:
    words = domain.question.words
    what = f"of {size} cities" if answer is None else f"of {size} cities with the answer {words[answer]}"
    raise UserError(
        f"world_map {domain}: no row {what} in split {split!r} among {HARDEST:,} random ones, so the rows cannot be "
        "balanced; take a larger world (count, new_count) or another eval_share"
    )


def _candidates(
    domain: WorldMapDomain, split: str, size: int, n: int, rng: np.random.Generator
) -> tuple[NDArray[np.int64], Ints, NDArray[np.bool_]]:
    """Return random tuples ``(size, n)``, their answers, and which of them are of the split and repeat no city."""
    world = domain.build()
    tuples = rng.integers(0, _available(domain), (size, n), np.int32).astype(np.int64)
    if domain.cities == "atlantis":
        place = rng.integers(0, size, n)
        tuples[place, np.arange(n)] = rng.integers(world.n_real, len(world), n)
    fits = _evaluated(world, domain, tuples) == (split == "eval")
    for i, j in combinations(range(size), 2):
        fits &= tuples[i] != tuples[j]
    return tuples, domain.question.answer(world.x[tuples], world.y[tuples]), fits


def _available(domain: WorldMapDomain) -> int:
    world = domain.build()
    return world.n_real if domain.cities == "real" else len(world)


def _evaluated(world: Cities, domain: WorldMapDomain, tuples: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return whether each tuple is kept for evaluation; the order of its cities does not matter.

    A sum of random 64-bit numbers, one per city, is the same in any order; mixing it spreads the sums of small tuples
    over the whole range, so that the share below the threshold is ``eval_share``.
    """
    hashes = _city_hashes(domain.world_seed, len(world))[tuples].sum(axis=0)
    hashes = (hashes ^ (hashes >> np.uint64(31))) * np.uint64(0xBF58476D1CE4E5B9)  # as SplitMix64 mixes
    hashes = (hashes ^ (hashes >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    evaluated: NDArray[np.bool_] = hashes < np.uint64(domain.eval_share * 2**64)
    return evaluated


@lru_cache(maxsize=32)
def _city_hashes(world_seed: int, n: int) -> NDArray[np.uint64]:
    return stream(world_seed, "world_map", "split").integers(0, 2**64, n, np.uint64)


EVAL_SIZE = 10_000
_BLOCK = 4096
# A world is large enough if it has so many tuples per row: any (a draw seldom repeats one) or balanced (the rarest
# answer is that of 1 % of the tuples at least). Then nobody has to draw and count the rows.
SPARSE, RARE = 4, 400
_PATIENCE = 8  # stop after so many batches without a new row of the smallest stratum


@lru_cache(maxsize=256)
def evaluation_rows(domain: WorldMapDomain, most: int = EVAL_SIZE) -> CityBatch:
    """Return the first ``most`` rows of an evaluation, of at most 10,000, in which the strata take turns.

    Small worlds have fewer. A smaller ``most`` gives the first of the same rows.

    Raises:
        UserError: a stratum has no row in this world.
    """
    kinds = strata(domain)
    target = -(-most // len(kinds))
    kept: list[list[int]] = [[] for _ in kinds]  # positions among all rows that were drawn, by stratum
    seen: set[bytes] = set()
    batches: list[CityBatch] = []
    waited = 0
    while (smallest := min(map(len, kept))) < target and waited < _PATIENCE:
        batch, keys, numbers = _drawn(domain, len(batches))
        left = target * len(kinds) - sum(map(len, kept))
        for row, (key, stratum) in enumerate(zip(keys, numbers, strict=True)):
            if key not in seen and len(kept[stratum]) < target:
                seen.add(key)
                kept[stratum].append(len(batches) * _BLOCK + row)
                left -= 1
                if not left:
                    break
        batches.append(batch)
        waited = waited + 1 if min(map(len, kept)) == smallest else 0
    turns = np.array([rows[: min(map(len, kept))] for rows in kept]).T.ravel()[:most]
    drawn = CityBatch(
        domain,
        np.concatenate([batch.cities for batch in batches]),
        np.concatenate([batch.sizes for batch in batches]),
        np.concatenate([batch.answers for batch in batches]),
    )
    return drawn[turns]


@lru_cache(maxsize=64)
def _drawn(domain: WorldMapDomain, number: int) -> tuple[CityBatch, list[bytes], list[int]]:
    """Return batch ``number`` with a key of each row's tuple of cities and the number of its stratum."""
    batch = draw(domain, "eval", _BLOCK, domain.world_seed, number)
    return batch, tuple_keys(batch), _stratum_of(batch)


def available(domain: WorldMapDomain, split: str, n: int) -> int:
    """Return how many of ``n`` examples there are; those of ``train`` do not run out."""
    if split == "train":
        return n
    most = min(-(-n // len(domain.single)), EVAL_SIZE)
    counts = [most if _are_plenty(one, most) else len(evaluation_rows(one, most)) for one in domain.single]
    return min(n, len(counts) * min(counts))


def _are_plenty(domain: WorldMapDomain, n: int) -> bool:
    """Return whether a world has so many tuples that there is no need to draw and count."""
    cities, smallest = domain.build(), min(domain.question.sizes)
    tuples = comb(len(cities), smallest)
    if domain.cities != "mixed":
        tuples = comb(cities.n_real, smallest) if domain.cities == "real" else tuples - comb(cities.n_real, smallest)
    return tuples * domain.eval_share > n * (RARE if domain.question.balanced else SPARSE)


def _stratum_of(batch: CityBatch) -> list[int]:
    """Return the number of each row's stratum."""
    numbers = np.zeros(len(batch), np.int64)
    for number, stratum in enumerate(strata(batch.domain)):
        has_answer = True if stratum.answer is None else batch.answers == stratum.answer
        numbers[(batch.sizes == stratum.size) & has_answer] = number
    return numbers.tolist()
