"""Items of a domain for a seed: its pool with levels, its split, and examples."""

from collections import Counter
from collections.abc import Hashable, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from offdiag.identity import canonical_json
from offdiag.seeds import stream
from offdiag.studies.easy_to_hard.task import library
from offdiag.studies.easy_to_hard.task.domain import HardnessDomain
from offdiag.studies.easy_to_hard.task.items import Item, copy_key, item_key
from offdiag.studies.easy_to_hard.task.measures import NO_MEASURE
from offdiag.studies.easy_to_hard.task.prompts import letters
from offdiag.studies.easy_to_hard.task.splits import Indices, Split, check_left_over, permutation, split
from offdiag.studies.easy_to_hard.task.strata import Level, Pool, Strata, pool_items, stratify
from offdiag.studies.easy_to_hard.task.tables import Table
from offdiag.tasks.domain import Scalar
from offdiag.tasks.task import Example


class PoolView(NamedTuple):
    """The items of a domain's pool with their levels.

    Attributes:
        items: in their order. keys: one per item; copies share it.
        originals, copied: the place of each item's first copy, and of its first near copy, ``[items]``.
        strata: levels, where there is a measure.
        levels: the level of each item, ``[items]``; without a measure all are the same, since only ``all`` is split.
        counts: number of items per level that has any.
    """

    items: tuple[Item, ...]
    keys: tuple[str, ...]
    originals: NDArray[np.intp]
    copied: NDArray[np.intp]
    strata: Strata | None
    levels: NDArray[np.str_]
    counts: Mapping[Level, int]


def pool_of(domain: HardnessDomain) -> PoolView:
    """Return the domain's pool.

    Raises:
        UserError: the data or the measure are not there or not as they should be.
    """
    return _pool(_setting(domain), canonical_json(domain.contents()))


def train_of(domain: HardnessDomain, seed: int) -> Indices:
    """Return the places in the pool of the domain's training items, in their order.

    A pure function of (seed, data set, pool, measure, train_on, bootstrap) and the scheme.

    Raises:
        UserError: a stratum is too small for the domain, or its data are not there.
    """
    return _split(domain, seed, canonical_json(domain.contents())).train


def tested_of(domain: HardnessDomain, seed: int) -> Indices:
    """Return the places in the pool of the test items, in an order that is the same for every training set.

    Raises:
        UserError: as for :func:`train_of`, or training leaves too few items of its level to test.
    """
    contents = canonical_json(domain.contents())
    check_left_over(_pool(_setting(domain), contents).counts, domain.request)
    return _split(domain, seed, contents).test


def tests_near_copies(domain: HardnessDomain, seed: int) -> bool:
    """Return whether the test items would be others if near copies of training items were among them."""
    if not domain.n_train:
        return False
    contents = canonical_json(domain.contents())
    pool = _pool(_setting(domain), contents)
    if np.array_equal(pool.originals, pool.copied):
        return False
    exact, near = (_split(domain, seed, contents, near).test for near in (False, True))
    return not np.array_equal(exact, near)


def examples_of(domain: HardnessDomain, indices: Iterable[int]) -> list[Example]:
    """Return some items of the pool as examples; their strata are all model-free measures and the level."""
    pool = pool_of(domain)
    data = library.dataset(domain.dataset)
    tables = _model_free(domain.dataset, data.content)
    return [_example(domain, pool.items[i], _strata(pool, i, tables)) for i in indices]


def offered(domain: HardnessDomain, example: Example) -> tuple[str, ...]:
    """Return the texts of the choices of an example, whose own choices may be their letters."""
    if domain.labels == "texts":
        return example.choices
    return library.dataset(domain.dataset).by_id[example.id].choices


def _example(domain: HardnessDomain, item: Item, strata: Mapping[str, Scalar]) -> Example:
    choices, target = item.choices if domain.form == "choices" else (), item.answer
    if domain.labels == "letters":
        named = letters(len(choices))
        choices, target = named, named[choices.index(target)]
    return Example(
        id=item.id,
        problem=item.question,
        target=target,
        rationale=item.rationale,
        choices=choices,
        strata=strata,
    )


def _strata(pool: PoolView, i: int, tables: Mapping[str, Table]) -> dict[str, Scalar]:
    """Return the properties of an item by which results are split."""
    item, strata = pool.items[i], pool.strata
    values: dict[str, Scalar] = {name: _plain(table[item.id]) for name, table in tables.items() if item.id in table}
    level = {} if strata is None else {"level": strata.levels[i], "hardness": _plain(strata.values[i])}
    subject = {} if item.subject is None else {"subject": item.subject}
    return {**values, **level, **subject}


def _plain(value: float) -> int | float:
    """Return whole numbers as integers, so that reports count each value."""
    return int(value) if value.is_integer() else value


@lru_cache(maxsize=1024)
def _setting(domain: HardnessDomain) -> HardnessDomain:
    """Return the domain with only the parameters that shape its pool, so that all its draws share one pool."""
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
    known = _known(domain.dataset, domain.pool, data.content)
    if domain.hardness == NO_MEASURE:
        return PoolView(*known, None, np.full(len(known.items), "medium"), {"medium": len(known.items)})
    table = library.table(data, domain.hardness)
    strata = stratify(data, known.items, domain.hardness, table, (domain.easy_max, domain.hard_min))
    return PoolView(*known, strata, np.array(strata.levels), Counter(strata.levels))


class _Known(NamedTuple):
    """What a pool has whatever its measure: the first four of a :class:`PoolView`."""

    items: tuple[Item, ...]
    keys: tuple[str, ...]
    originals: NDArray[np.intp]
    copied: NDArray[np.intp]


@lru_cache(maxsize=16)
def _known(name: str, pool: Pool, content: str) -> _Known:
    data = library.dataset(name)
    items = pool_items(data, pool)
    keys = tuple([item_key(data.spec, item.question, item.choices) for item in items])
    return _Known(items, keys, _first_places(keys), _first_places([copy_key(data.spec, item) for item in items]))


def _first_places(keys: Sequence[Hashable]) -> NDArray[np.intp]:
    """Return the place at which each key stands first."""
    first: dict[Hashable, int] = {}
    return np.array([first.setdefault(key, i) for i, key in enumerate(keys)], dtype=np.intp)


@lru_cache(maxsize=1024)  # a plan asks for each three times: its size, its keys and some of its items
def _split(domain: HardnessDomain, seed: int, contents: str, near: bool = True) -> Split:
    pool = _pool(_setting(domain), contents)
    place = (domain.task, domain.dataset, domain.pool)
    drawn = stream(seed, *place, domain.hardness, domain.train_on, domain.bootstrap, "train")
    size = len(pool.items)
    asked = _order_of_tests(seed, place, size)
    copied = pool.copied if near else pool.originals
    return split(pool.levels, pool.originals, domain.request, permutation(drawn, size), asked, copied)


@lru_cache(maxsize=16)
def _order_of_tests(seed: int, place: tuple[str, ...], size: int) -> Indices:
    return permutation(stream(seed, *place, "test"), size)


@lru_cache(maxsize=8)
def _model_free(name: str, content: str) -> dict[str, Table]:
    data = library.dataset(name)
    return {measure: library.table(data, measure) for measure in (*data.human, *data.spec.surface)}
