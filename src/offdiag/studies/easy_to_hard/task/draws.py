"""From a domain and a seed to its items: the pool, the levels, the split, and examples of them."""

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import NamedTuple

from offdiag.identity import canonical_json
from offdiag.seeds import stream
from offdiag.studies.easy_to_hard.task import library
from offdiag.studies.easy_to_hard.task.domain import HardnessDomain
from offdiag.studies.easy_to_hard.task.items import Dataset, Item, item_key
from offdiag.studies.easy_to_hard.task.measures import NO_MEASURE, surface
from offdiag.studies.easy_to_hard.task.splits import Split, check_left_over, permutation, split
from offdiag.studies.easy_to_hard.task.strata import Level, Strata, pool_items, stratify
from offdiag.studies.easy_to_hard.task.tables import Table
from offdiag.tasks.domain import Scalar
from offdiag.tasks.task import Example


class PoolView(NamedTuple):
    """The items of a domain's pool, a key for each that its copies share, and their levels where it has a measure."""

    items: tuple[Item, ...]
    keys: tuple[str, ...]
    strata: Strata | None


def pool_of(domain: HardnessDomain) -> PoolView:
    """The domain's pool.

    Raises:
        UserError: the data or the measure are not there or not as they should be.
    """
    return _pool(_setting(domain), canonical_json(domain.contents()))


def train_of(domain: HardnessDomain, seed: int) -> tuple[int, ...]:
    """Where in the pool the domain's training items are, in their order.

    A pure function of (seed, data set, pool, measure, train_on, bootstrap) and the scheme.

    Raises:
        UserError: a stratum is too small for the domain, or its data are not there.
    """
    return _split(domain, seed, canonical_json(domain.contents())).train


def tested_of(domain: HardnessDomain, seed: int) -> tuple[int, ...]:
    """Where in the pool the items are that are tested, in their order, which is the same for every training set.

    Raises:
        UserError: as for :func:`train_of`, or training leaves too few of its stratum to test.
    """
    contents = canonical_json(domain.contents())
    check_left_over(_levels(_pool(_setting(domain), contents)), domain.request)
    return _split(domain, seed, contents).test


def examples_of(domain: HardnessDomain, indices: Iterable[int]) -> list[Example]:
    """Some items of the domain's pool as examples; strata are all measures that need no model, and the level."""
    contents = canonical_json(domain.contents())
    items, strata = _pool(_setting(domain), contents).items, _strata(_setting(domain), contents)
    return [_example(domain, items[i], strata[i]) for i in indices]


def _example(domain: HardnessDomain, item: Item, strata: Mapping[str, Scalar]) -> Example:
    choices = item.choices if domain.form == "choices" else ()
    return Example(
        id=item.id,
        problem=item.question,
        target=item.answer,
        rationale=item.rationale,
        choices=choices,
        strata=strata,
    )


def _plain(value: float) -> int | float:
    """Whole numbers as such, so that they are counted one by one."""
    return int(value) if value.is_integer() else value


def _setting(domain: HardnessDomain) -> HardnessDomain:
    """The domain but for what does not shape its pool, so that all draws of a setting share one."""
    return HardnessDomain(
        dataset=domain.dataset,
        hardness=domain.hardness,
        pool=domain.pool,
        easy_max=domain.easy_max,
        hard_min=domain.hard_min,
    )


@lru_cache(maxsize=32)
def _pool(domain: HardnessDomain, contents: str) -> PoolView:
    data = library.dataset(domain.dataset)
    items = pool_items(data, domain.pool)
    keys = tuple(item_key(domain.spec, item.question, item.choices) for item in items)
    if domain.hardness == NO_MEASURE:
        return PoolView(items, keys, None)
    table = library.table(data, domain.hardness)
    return PoolView(items, keys, stratify(data, items, domain.hardness, table, (domain.easy_max, domain.hard_min)))


@lru_cache(maxsize=64)
def _split(domain: HardnessDomain, seed: int, contents: str) -> Split:
    pool = _pool(_setting(domain), contents)
    place = (domain.task, domain.dataset, domain.pool)
    drawn = stream(seed, *place, domain.hardness, domain.train_on, domain.bootstrap, "train")
    asked = stream(seed, *place, "test")
    size = len(pool.items)
    return split(_levels(pool), pool.keys, domain.request, permutation(drawn, size), permutation(asked, size))


def _levels(pool: PoolView) -> tuple[Level, ...]:
    """The level of each item; without a measure, when only ``all`` can be asked for, they are all alike."""
    return tuple("medium" for _ in pool.items) if pool.strata is None else pool.strata.levels


@lru_cache(maxsize=8)
def _strata(domain: HardnessDomain, contents: str) -> tuple[Mapping[str, Scalar], ...]:
    """What each item of a pool is reported by."""
    items, _, strata = _pool(domain, contents)
    data = library.dataset(domain.dataset)
    tables = _model_free(domain.dataset, data.content)
    found: list[Mapping[str, Scalar]] = []
    for i, item in enumerate(items):
        values: dict[str, Scalar] = {name: _plain(table[item.id]) for name, table in tables.items()}
        level = {} if strata is None else {"level": strata.levels[i], "hardness": _plain(strata.values[i])}
        subject = {} if item.subject is None else {"subject": item.subject}
        found.append({**values, **level, **subject})
    return tuple(found)


@lru_cache(maxsize=8)
def _model_free(name: str, content: str) -> dict[str, Table]:
    data: Dataset = library.dataset(name)
    return {**data.human, **{measure: surface(data.items, measure) for measure in data.spec.surface}}
