"""The rows that are evaluated: one fixed set a domain, in which no tuple of cities comes twice."""

from functools import lru_cache

import numpy as np

from offdiag.tasks.world_map.domain import WorldMapDomain
from offdiag.tasks.world_map.sampling import Batch, draw, strata, tuple_keys

EVAL_SIZE = 10_000
_BLOCK = 4096
_PATIENCE = 8  # batches without a new row of the smallest stratum


@lru_cache(maxsize=64)
def evaluation_rows(domain: WorldMapDomain) -> Batch:
    """Up to 10,000 rows in which the strata take turns; small worlds have fewer.

    Raises:
        UserError: a stratum has no row in this world.
    """
    wanted = strata(domain)
    target = -(-EVAL_SIZE // len(wanted))
    kept: list[list[int]] = [[] for _ in wanted]
    seen: set[tuple[int, ...]] = set()
    batches: list[Batch] = []
    waited = 0
    while (smallest := min(map(len, kept))) < target and waited < _PATIENCE:
        batch = draw(domain, "eval", _BLOCK, domain.world_seed, len(batches))
        for row, (key, stratum) in enumerate(zip(tuple_keys(batch), _stratum_of(batch), strict=True)):
            if key not in seen and len(kept[stratum]) < target:
                seen.add(key)
                kept[stratum].append(len(batches) * _BLOCK + row)
        batches.append(batch)
        waited = waited + 1 if min(map(len, kept)) == smallest else 0
    turns = np.array([rows[: min(map(len, kept))] for rows in kept]).T.ravel()[:EVAL_SIZE]
    whole = Batch(
        domain,
        np.concatenate([batch.cities for batch in batches]),
        np.concatenate([batch.sizes for batch in batches]),
        np.concatenate([batch.answers for batch in batches]),
    )
    return whole[turns]


def _stratum_of(batch: Batch) -> list[int]:
    """The position of each row's stratum."""
    wanted = strata(batch.domain)
    found = np.zeros(len(batch), np.int64)
    for position, stratum in enumerate(wanted):
        of_answer = True if stratum.answer is None else batch.answers == stratum.answer
        found[(batch.sizes == stratum.size) & of_answer] = position
    return found.tolist()
