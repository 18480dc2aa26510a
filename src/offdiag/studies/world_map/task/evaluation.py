"""The rows that are evaluated: one fixed set a domain, in which no tuple of cities comes twice."""

from functools import lru_cache
from math import comb

import numpy as np

from offdiag.studies.world_map.task.domain import WorldMapDomain
from offdiag.studies.world_map.task.sampling import Batch, draw, strata, tuple_keys

EVAL_SIZE = 10_000
_BLOCK = 4096
SPARSE, RARE = 4, 400  # tuples for each row, so that rows recur seldom; the rarest answer is given to 1 % and more
_PATIENCE = 8  # batches without a new row of the smallest stratum


@lru_cache(maxsize=256)
def evaluation_rows(domain: WorldMapDomain, most: int = EVAL_SIZE) -> Batch:
    """The first rows of an evaluation, ``most`` of at most 10,000, in which the strata take turns.

    Small worlds have fewer; with another ``most`` the rows begin alike.

    Raises:
        UserError: a stratum has no row in this world.
    """
    wanted = strata(domain)
    target = -(-most // len(wanted))
    kept: list[list[int]] = [[] for _ in wanted]
    seen: set[bytes] = set()
    batches: list[Batch] = []
    waited = 0
    while (smallest := min(map(len, kept))) < target and waited < _PATIENCE:
        batch, keys, places = _drawn(domain, len(batches))
        left = target * len(wanted) - sum(map(len, kept))
        for row, (key, stratum) in enumerate(zip(keys, places, strict=True)):
            if key not in seen and len(kept[stratum]) < target:
                seen.add(key)
                kept[stratum].append(len(batches) * _BLOCK + row)
                left -= 1
                if not left:
                    break
        batches.append(batch)
        waited = waited + 1 if min(map(len, kept)) == smallest else 0
    turns = np.array([rows[: min(map(len, kept))] for rows in kept]).T.ravel()[:most]
    whole = Batch(
        domain,
        np.concatenate([batch.cities for batch in batches]),
        np.concatenate([batch.sizes for batch in batches]),
        np.concatenate([batch.answers for batch in batches]),
    )
    return whole[turns]


@lru_cache(maxsize=64)
def _drawn(domain: WorldMapDomain, number: int) -> tuple[Batch, list[bytes], list[int]]:
    """A batch, and of each row what tells its tuple apart and the position of its stratum."""
    batch = draw(domain, "eval", _BLOCK, domain.world_seed, number)
    return batch, tuple_keys(batch), _stratum_of(batch)


def available(domain: WorldMapDomain, split: str, n: int) -> int:
    """How many of ``n`` examples there are; those of ``train`` do not run out."""
    if split == "train":
        return n
    most = min(-(-n // len(domain.single)), EVAL_SIZE)
    found = [most if _are_plenty(one, most) else len(evaluation_rows(one, most)) for one in domain.single]
    return min(n, len(found) * min(found))


def _are_plenty(domain: WorldMapDomain, n: int) -> bool:
    """Whether a world has so many tuples that there is no need to draw and count."""
    cities, smallest = domain.build(), min(domain.question.sizes)
    tuples = comb(len(cities), smallest)
    if domain.cities != "mixed":
        tuples = comb(cities.n_real, smallest) if domain.cities == "real" else tuples - comb(cities.n_real, smallest)
    return tuples * domain.eval_share > n * (RARE if domain.question.balanced else SPARSE)


def _stratum_of(batch: Batch) -> list[int]:
    """The position of each row's stratum."""
    wanted = strata(batch.domain)
    found = np.zeros(len(batch), np.int64)
    for position, stratum in enumerate(wanted):
        of_answer = True if stratum.answer is None else batch.answers == stratum.answer
        found[(batch.sizes == stratum.size) & of_answer] = position
    return found.tolist()
