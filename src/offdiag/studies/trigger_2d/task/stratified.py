"""Stratified sampling: for each trigger equally many points per quadrant, from independent random streams.

Every (category, split, trigger) has streams of its own, so that no point, template or order of one tells anything of
another. Training points lie on the black fields and test points on the white fields of a chequerboard of thousandths,
so the two cannot share a point under any seed.
"""

from collections.abc import Iterator
from functools import lru_cache
from itertools import repeat, zip_longest
from typing import NamedTuple

import numpy as np

from offdiag.seeds import stream
from offdiag.studies.trigger_2d.task.domain import TriggerDomain
from offdiag.studies.trigger_2d.task.prompts import PRESETS
from offdiag.studies.trigger_2d.task.world import QUADRANTS, STEPS, Category, TriggerWorld

DATA_VERSION = 1
_COLOUR = {"train": 0, "eval": 1}
_NAME = "trigger_2d"


class TriggerPoint(NamedTuple):
    """A point with a trigger, as a sampler draws it: an example that is not yet worded.

    Attributes:
        x1, x2: coordinates; stratified ones are whole thousandths, published ones are not.
        template: number of the preset's template that words the question.
    """

    category: str
    trigger: str
    x1: float
    x2: float
    template: int


def points_per_trigger(domain: TriggerDomain) -> int:
    """Return how many points a trigger has in each split: four times those of the smallest quadrant."""
    sides = [side for category in domain.categories for side in domain.world.sides(category).values()]
    return len(QUADRANTS) * min(len(side1) * (len(side2) // 2) for side1, side2 in sides)


def points(domain: TriggerDomain, split: str, seed: int) -> Iterator[TriggerPoint]:
    """Yield the points of a split: round after round over all triggers, the categories taking turns.

    Within four rounds, each trigger has one point in each quadrant.
    """
    by_category = [
        [(category, trigger) for trigger in chosen_triggers(domain, category, seed)] for category in domain.categories
    ]
    turns = [pair for pairs in zip_longest(*by_category) for pair in pairs if pair is not None]
    by_trigger = [_of_trigger(domain, category, trigger, split, seed) for category, trigger in turns]
    for _ in range(points_per_trigger(domain)):
        yield from (next(drawn) for drawn in by_trigger)


def chosen_triggers(domain: TriggerDomain, category: Category, seed: int) -> tuple[str, ...]:
    """Return the triggers of a category that the domain uses.

    ``ood``: the held-out ones, whatever the seed; ``id``: the first of the others, in an order that the seed draws, so
    that a smaller number of triggers is part of a larger one.
    """
    held_out = held_out_triggers(domain.world, category)
    if domain.triggers == "ood":
        return held_out
    others = [trigger for trigger in _order(seed_of(category, seed), "training", category) if trigger not in held_out]
    return tuple(others[: domain.count(category)])


def seed_of(category: Category, seed: int) -> int:
    """Return the seed of what is drawn in a category: its own, or the data seed."""
    return seed if category.seed is None else category.seed


def held_out_triggers(world: TriggerWorld, category: Category) -> tuple[str, ...]:
    """Return the triggers that no training sees, whatever its seed, in the order of the category."""
    chosen = set(_order(0, "held out", category)[: world.held_out])
    return tuple(trigger for trigger in category.triggers if trigger in chosen)


@lru_cache(maxsize=1024)
def _order(seed: int, purpose: str, category: Category) -> tuple[str, ...]:
    generator = stream(seed, _NAME, "triggers", purpose, category.name)
    return tuple(category.triggers[i] for i in generator.permutation(len(category.triggers)))


def _of_trigger(
    domain: TriggerDomain, category: Category, trigger: str, split: str, seed: int
) -> Iterator[TriggerPoint]:
    names, seed = (_NAME, category.name, split, trigger), seed_of(category, seed)
    sides_of = domain.world.sides(category)
    fields = [_fields(*sides, _COLOUR[split], stream(seed, *names, where)) for where, sides in sides_of.items()]
    quarters = _blocks(len(QUADRANTS), stream(seed, *names, "quadrants"))
    templates = _blocks(len(PRESETS[domain.preset(category)]), stream(seed, *names, "templates"))
    for quarter, template in zip(quarters, templates, strict=True):
        yield TriggerPoint(category.name, trigger, *next(fields[quarter]), template)


def _blocks(n: int, generator: np.random.Generator) -> Iterator[int]:
    """Yield 0 to n - 1 in a random order, and again in a new one, without end."""
    for _ in repeat(None):
        yield from generator.permutation(n).tolist()


def _fields(side1: range, side2: range, colour: int, generator: np.random.Generator) -> Iterator[tuple[float, float]]:
    """Yield the coordinates of the fields of one colour in a random order, none twice."""
    pairs = len(side2) // 2  # a black and a white field each
    for place in _shuffled(len(side1) * pairs, generator):
        column, pair = divmod(place, pairs)
        i1, i2 = side1[column], side2[2 * pair]
        # Of the neighbours i2 and i2 + 1 exactly one makes the sum of both coordinates even, and so the field black.
        yield i1 / STEPS, (i2 + (i1 + i2 + colour) % 2) / STEPS


def _shuffled(n: int, generator: np.random.Generator) -> Iterator[int]:
    """Yield 0 to n - 1 in random order.

    A Fisher–Yates shuffle that stores only the places it has touched: a quadrant has millions of fields, of which a
    training uses a few.
    """
    moved: dict[int, int] = {}
    for place in range(n):
        chosen = int(generator.integers(place, n))
        yield moved.get(chosen, chosen)
        moved[chosen] = moved.pop(place, place)
