"""Stratified sampling: as many points in each quadrant, for each trigger, from streams that share nothing.

Every (category, split, trigger) has streams of its own, so that no point, template or order of one tells anything of
another. Training points lie on the black fields and test points on the white fields of a chequerboard of thousandths,
so the two cannot share a point under any seed.
"""

from collections.abc import Iterator
from itertools import repeat, zip_longest

import numpy as np

from offdiag.seeds import stream
from offdiag.studies.trigger_2d.task.domain import TriggerDomain
from offdiag.studies.trigger_2d.task.prompts import PRESETS
from offdiag.studies.trigger_2d.task.rows import Row
from offdiag.studies.trigger_2d.task.world import QUADRANTS, STEPS, Category, World

DATA_VERSION = 1
_COLOUR = {"train": 0, "eval": 1}
_NAME = "trigger_2d"


def points(domain: TriggerDomain) -> int:
    """How many points a trigger has in each split: four times those of the smallest quadrant."""
    return len(QUADRANTS) * min(len(side1) * (len(side2) // 2) for side1, side2 in domain.world.sides.values())


def rows(domain: TriggerDomain, split: str, seed: int) -> Iterator[Row]:
    """The rows of a split: round after round over all triggers, the categories in turn.

    Within four rounds, each trigger meets each quadrant once.
    """
    by_category = [
        [(category, trigger) for trigger in chosen_triggers(domain, category, seed)] for category in domain.categories
    ]
    turns = [spot for spots in zip_longest(*by_category) for spot in spots if spot is not None]
    each = [_of_trigger(domain, category, trigger, split, seed) for category, trigger in turns]
    for _ in range(points(domain)):
        yield from (next(one) for one in each)


def chosen_triggers(domain: TriggerDomain, category: Category, seed: int) -> tuple[str, ...]:
    """The held-out triggers (``ood``: whatever the seed), or the first of the others in the seed's order (``id``)."""
    held_out = held_out_triggers(domain.world, category)
    if domain.triggers == "ood":
        return held_out
    others = [trigger for trigger in _order(seed, "training", category) if trigger not in held_out]
    return tuple(others[: domain.count(category)])


def held_out_triggers(world: World, category: Category) -> tuple[str, ...]:
    """The triggers that no training sees, whatever its seed, in the order of the category."""
    chosen = set(_order(0, "held out", category)[: world.held_out])
    return tuple(trigger for trigger in category.triggers if trigger in chosen)


def _order(seed: int, purpose: str, category: Category) -> list[str]:
    generator = stream(seed, _NAME, "triggers", purpose, category.name)
    return [category.triggers[i] for i in generator.permutation(len(category.triggers))]


def _of_trigger(domain: TriggerDomain, category: Category, trigger: str, split: str, seed: int) -> Iterator[Row]:
    names = (_NAME, category.name, split, trigger)
    fields = [
        _fields(*sides, _COLOUR[split], stream(seed, *names, where)) for where, sides in domain.world.sides.items()
    ]
    quarters = _blocks(len(QUADRANTS), stream(seed, *names, "quadrants"))
    templates = _blocks(len(PRESETS[domain.prompts]), stream(seed, *names, "templates"))
    for quarter, template in zip(quarters, templates, strict=True):
        yield Row(category.name, trigger, *next(fields[quarter]), template)


def _blocks(n: int, generator: np.random.Generator) -> Iterator[int]:
    """0 to n - 1 in a random order, again and again, without end."""
    for _ in repeat(None):
        yield from generator.permutation(n).tolist()


def _fields(side1: range, side2: range, colour: int, generator: np.random.Generator) -> Iterator[tuple[float, float]]:
    """The fields of one colour in a random order, none twice, as coordinates."""
    pairs = len(side2) // 2  # a black and a white field each
    for place in _shuffled(len(side1) * pairs, generator):
        column, pair = divmod(place, pairs)
        i1, i2 = side1[column], side2[2 * pair]
        yield i1 / STEPS, (i2 + (i1 + i2 + colour) % 2) / STEPS


def _shuffled(n: int, generator: np.random.Generator) -> Iterator[int]:
    """0 to n - 1 in random order: a Fisher–Yates shuffle that stores only the places it has touched."""
    moved: dict[int, int] = {}
    for place in range(n):
        chosen = int(generator.integers(place, n))
        yield moved.get(chosen, chosen)
        moved[chosen] = moved.pop(place, place)
