"""The parts of a data set: which rows of its sources are trained on, and which are held out."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain, zip_longest

import numpy as np
from numpy.typing import NDArray

from offdiag.errors import UserError, some
from offdiag.tasks.data import once
from offdiag.tasks.files.alike import grouped, numbers_of, shuffled
from offdiag.tasks.files.domain import AUTO, FilesDomain
from offdiag.tasks.files.items import Items, items_of
from offdiag.tasks.files.sources import Role, RowSource
from offdiag.tasks.task import Example


@dataclass
class SplitPart:
    """Rows of one split of a domain.

    Attributes:
        items: of their source. places: of the rows among the items. labels: the choices of rows without their own.
        dropped: rows that were left out because other sources ask the same.
    """

    items: Items
    places: NDArray[np.intp]
    labels: tuple[str, ...]
    dropped: int = 0
    _orders: dict[int, NDArray[np.intp]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.places)

    def example(self, place: int) -> Example:
        """Return the example at a place among the items."""
        return self.items.example(place, self.labels)

    def order(self, seed: int) -> NDArray[np.intp]:
        """Return the places in an order that the seed decides, and in which a new row moves no other one.

        Each row has a number of its own, a hash of the seed and its id, by which they are sorted.
        """
        if seed not in self._orders:
            ids = self.items.ids
            numbers = numbers_of(f"{seed}\0{ids[place]}" for place in self.places.tolist())
            self._orders[seed] = self.places[np.argsort(numbers, kind="stable")]
        return self._orders[seed]

    def in_turn(self, places: Sequence[int]) -> list[int]:
        """Return the places with each target in turn, those of one target in the order given."""
        by_target: defaultdict[str, list[int]] = defaultdict(list)
        for place in places:
            by_target[self.items.targets[place]].append(place)
        return [place for place in chain.from_iterable(zip_longest(*by_target.values())) if place is not None]


def part_of(domain: FilesDomain, split: str) -> SplitPart:
    """Return the rows of a split; during one plan they are found once.

    Raises:
        UserError: the domain has none, or they cannot be read.
    """
    return once(lambda: _part(domain, split), "part", domain, split)


def _part(domain: FilesDomain, split: str) -> SplitPart:
    sources = domain.sources
    if split not in sources and not (split == "eval" and "train" in sources):
        raise UserError(
            f"{domain} has no rows to train on: give a file of them with train=, or use it to evaluate only"
        )
    role: Role = "eval" if split == "eval" and "eval" in sources else "train"
    items = items_of(sources[role], role, domain.columns)
    key = (id(items), split, domain.holdout, domain.holdout_seed, "eval" in sources, domain.without, domain.labels)
    if key not in _PARTS or _PARTS[key].items is not items:
        places, dropped = _places(domain, split, items)
        _PARTS[key] = SplitPart(items, places, _labels(domain, items), dropped)
    return _PARTS[key]


_PARTS: dict[tuple[object, ...], SplitPart] = {}


def _places(domain: FilesDomain, split: str, items: Items) -> tuple[NDArray[np.intp], int]:
    every = np.arange(len(items))
    if "eval" not in domain.sources and (domain.holdout or split == "eval"):
        how = (domain.holdout, domain.holdout_seed)
        if how not in items.held_out:
            items.held_out[how] = _held_out(items, *how)
        held_out = items.held_out[how]
        if not 0 < held_out.sum() < len(items):
            rows = some(len(items), "row", "rows")
            raise UserError(f"{items.source.label}: a share of {domain.holdout:g} of its {rows} leaves no row to train "
                            "on or none to test: give more rows, or a file to ask (--eval, eval=)")  # fmt: skip
        every = every[held_out if split == "eval" else ~held_out]
    if split != "eval" or not domain.without:
        return every, 0
    read = [items_of(RowSource.of(text), "train", domain.columns) for text in domain.without]
    kept = every[~np.isin(items.asking[every], np.concatenate([other.asking for other in read]))]
    if not len(kept):
        others = ", ".join(domain.without)
        raise UserError(f"{items.source.label}: each of its {some(len(every), 'row')} asks what a row of {others} "
                        "asks, so that none is left to test: give another file")  # fmt: skip
    return kept, len(every) - len(kept)


def _held_out(items: Items, share: float, seed: int) -> NDArray[np.bool_]:
    """Return which items are held out: of each target the same share, and all that ask the same on one side."""
    asked = grouped(items.asking)
    few = len(set(items.targets)) / share <= len(asked.numbers)  # labels, as opposed to answers of their own
    strata = items.kinds[asked.first] if few else np.zeros(len(asked.numbers), np.intp)
    order = np.lexsort((shuffled(asked.numbers, f"{seed}\0holdout"), strata))
    sizes = np.bincount(strata)
    rank = np.arange(len(order)) - np.repeat(np.cumsum(sizes) - sizes, sizes)  # in its stratum
    chosen = np.zeros(len(order), np.bool_)
    chosen[order] = rank < np.repeat(np.round(share * sizes), sizes)
    return chosen[asked.of]


def _labels(domain: FilesDomain, items: Items) -> tuple[str, ...]:
    """Return the fixed set of answers of a domain; empty where it has none."""
    if not domain.labels or items.how.choices is not None:
        return ()
    if domain.labels == (AUTO,):
        every = (items_of(source, split, domain.columns).targets for split, source in domain.sources.items())
        found = tuple(sorted(set().union(*every)))
        if len(found) < 2:
            raise UserError(f"{items.source.label}: all targets are {found[0]!r:.60}: a set of one label decides "
                            "nothing; give rows of another label, or all labels (labels=a|b)")  # fmt: skip
        return found
    known = set(domain.labels)
    place = next((place for place, target in enumerate(items.targets) if target not in known), None)
    if place is not None:
        raise UserError(f"{items.where(place)}: the target {items.targets[place]!r:.60} is none of the labels "
                        f"{', '.join(domain.labels)}: mend the row, or add the label")  # fmt: skip
    return domain.labels


def overlap(one: SplitPart, other: SplitPart) -> Iterator[tuple[int, int, bool]]:
    """Yield places of rows of two parts that ask the same, and whether word for word."""
    taught = grouped(one.items.asking[one.places])
    asked = other.items.asking[other.places]
    found = np.isin(asked, taught.numbers)
    first = one.places[taught.first[np.searchsorted(taught.numbers, asked[found])]]
    for match, place in zip(first.tolist(), other.places[found].tolist(), strict=True):
        yield match, place, one.items.problems[match] == other.items.problems[place]
