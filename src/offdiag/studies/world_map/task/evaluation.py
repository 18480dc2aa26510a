"""Evaluation rows: one fixed set per domain, in which no tuple of cities comes twice."""

from functools import lru_cache
from math import comb

import numpy as np

from offdiag.studies.world_map.task.domain import WorldMapDomain
from offdiag.studies.world_map.task.sampling import CityBatch, draw, strata, tuple_keys

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
