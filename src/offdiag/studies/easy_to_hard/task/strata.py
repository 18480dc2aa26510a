"""Levels of hardness: the pool of items, its cut-offs, and the disjoint levels easy, medium and hard."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from offdiag.errors import UserError
from offdiag.studies.easy_to_hard.task.items import Dataset, Item
from offdiag.studies.easy_to_hard.task.measures import CUTOFFS, QUANTILES, Bounds
from offdiag.studies.easy_to_hard.task.tables import Table

Level: TypeAlias = Literal["easy", "medium", "hard"]
Stratum: TypeAlias = Literal["all", "easy", "medium", "hard", "easy_and_hard"]
Pool: TypeAlias = Literal["whole", "main", "held_out"]

LEVELS: tuple[Level, ...] = ("easy", "medium", "hard")
HELD_OUT_SEED = 0


@dataclass(frozen=True, kw_only=True)
class Strata:
    """The values and levels of a measure over the items of a pool.

    Attributes:
        values: the measure of each item, in the order of the pool. cutoffs: of the levels.
        levels: the level of each item.
    """

    values: tuple[float, ...]
    cutoffs: Bounds
    levels: tuple[Level, ...]

    def counts(self) -> dict[str, int]:
        """Return the number of items per level."""
        return {level: self.levels.count(level) for level in LEVELS}


def pool_items(data: Dataset, pool: Pool) -> tuple[Item, ...]:
    """Return the items of a pool in the order of the data set; ``held_out`` keeps the order of its draw.

    ``held_out`` are the items on which probes and fine-tuned models estimate hardness, ``main`` all others; they are
    drawn as published, by ``numpy.random.default_rng(0).choice``, so that counts agree with the paper.

    Raises:
        UserError: the data set has too few items to hold any out.
    """
    if pool == "whole":
        return data.items
    wanted, available = data.spec.held_out, len(data.items)
    if available <= wanted:
        raise UserError(
            f"{data.spec.name} has {available} items here, and pool={pool} holds {wanted} of them out; type pool=whole"
        )
    drawn = np.random.default_rng(HELD_OUT_SEED).choice(np.arange(available), wanted, replace=False)
    kept = drawn if pool == "held_out" else np.setdiff1d(np.arange(available), drawn)
    return tuple(data.items[i] for i in kept)


def stratify(
    data: Dataset, items: Sequence[Item], measure: str, table: Table, override: tuple[float | None, float | None]
) -> Strata:
    """Return the levels of a pool's items by one measure.

    Easy is everything up to the lower cut-off, hard everything from the upper one on that is not easy already, so the
    levels are disjoint even where both quantiles are one number. Human measures have fixed cut-offs, all others the
    30 and 70 per cent quantiles (linear interpolation) of the pool.

    Args:
        override: cut-offs to use instead (largest easy value, smallest hard one); None keeps the table's.

    Raises:
        UserError: an item has no value, or the lower cut-off lies above the upper one.
    """
    missing = [item.id for item in items if item.id not in table]
    if missing:
        raise UserError(
            f"{data.spec.name}: {len(missing)} of {len(items)} items have no {measure}, such as {missing[0]!r}; "
            "measure them too, or choose another measure or pool"
        )
    values = np.array([table[item.id] for item in items])
    low, high = CUTOFFS.get((data.spec.family, measure)) or Bounds(*(float(q) for q in np.quantile(values, QUANTILES)))
    bounds = Bounds(low if override[0] is None else override[0], high if override[1] is None else override[1])
    if bounds.easy_max > bounds.hard_min:
        raise UserError(
            f"{data.spec.name}, {measure}: easy up to {bounds.easy_max:g} and hard from {bounds.hard_min:g} overlap; "
            "set easy_max below hard_min"
        )
    levels = np.where(values <= bounds.easy_max, "easy", np.where(values >= bounds.hard_min, "hard", "medium"))
    return Strata(values=tuple(values.tolist()), cutoffs=bounds, levels=tuple(levels.tolist()))


def levels_of(stratum: Stratum) -> frozenset[Level]:
    """Return the levels whose items a stratum takes."""
    if stratum == "all":
        return frozenset(LEVELS)
    return frozenset(("easy", "hard") if stratum == "easy_and_hard" else (stratum,))


def members(levels: NDArray[np.str_], stratum: Stratum) -> NDArray[np.bool_]:
    """Return whether each item belongs to a stratum, ``[items]``."""
    if stratum == "all":
        return np.ones(len(levels), dtype=bool)
    found = np.zeros(len(levels), dtype=bool)
    for level in levels_of(stratum):  # a few comparisons take a tenth of the time of np.isin
        found |= levels == level
    return found
