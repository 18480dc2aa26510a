"""Splits of a pool into training and test items: pure functions of the levels and two random orders.

Schemes, after Hase et al. (2024, arXiv 2401.06751), as released:

    rest         train: n items of a level; test: every other item, of all levels or one
    shares       all items: a tenth for development, a fifth (at least 50) to test, the rest to train
    one_level    a fifth (at least 50) of the tested level is set aside to test, the rest of the training level trains.
                 Between two different levels all of the tested one is the test; easy_and_hard sets half of it aside
    equal        test and training pools of one size in every condition: a quarter of the scarcer of easy and hard, and
                 the other three
    equal_extra  as equal, and all easy items that are left over train too

A smaller training set is always the beginning of a larger one, and no copy of a trained item is tested. The order in
which items are tested is that of the data set and seed alone, so two conditions test the same items first.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from offdiag.errors import UserError
from offdiag.studies.easy_to_hard.task.strata import LEVELS, Level, Stratum, levels_of, members

Scheme: TypeAlias = Literal["rest", "shares", "one_level", "equal", "equal_extra"]
Indices: TypeAlias = NDArray[np.intp]
Levels: TypeAlias = NDArray[np.str_]

LEAST_TEST = 50
NONE: Indices = np.zeros(0, dtype=np.intp)


@dataclass(frozen=True, kw_only=True)
class Request:
    """Settings of the split of a pool.

    Attributes:
        scheme: see the module. train_on: the level to train on. test_on: the level to test.
        n_train: items to train on, at most (``rest``: exactly). n_test: items to test, balanced over the levels; 0 for
            all that are left.
    """

    scheme: Scheme
    train_on: Stratum
    test_on: Stratum
    n_train: int
    n_test: int = 0


@dataclass(frozen=True, kw_only=True)
class Split:
    """Places in the pool of the items to train on (in order), to test and to develop on."""

    train: Indices
    test: Indices
    dev: Indices


def split(
    levels: Sequence[Level] | Levels,
    originals: ArrayLike,
    wanted: Request,
    train_order: Sequence[int] | Indices,
    test_order: Sequence[int] | Indices,
    copied: ArrayLike | None = None,
) -> Split:
    """Return the split of a pool.

    Args:
        levels: the level of each item. originals: the place of each item's first copy, which may be its own.
        wanted: how to split. train_order, test_order: two permutations of the pool; items are taken in this order.
        copied: as ``originals``, of near copies too, which may train together but are not tested after one another; by
            default ``originals``.

    Raises:
        UserError: a level has too few items, or the scheme does not go with the levels.
    """
    levels, originals = np.asarray(levels), np.asarray(originals)
    strata = _Orders(levels, np.asarray(train_order), np.asarray(test_order))
    if wanted.scheme == "rest":
        train, test, dev = _rest(strata, wanted, originals)
    elif wanted.scheme == "shares":
        train, test, dev = _shares(strata, wanted)
    elif wanted.scheme == "one_level":
        train, test, dev = _one_level(strata, wanted)
    else:
        train, test, dev = _equal(strata, wanted)
    train = _distinct(train, originals)[: wanted.n_train]
    copied = originals if copied is None else np.asarray(copied)
    trained = np.zeros(len(copied), dtype=bool)
    trained[copied[train]] = True
    untrained = ~trained[copied]  # a copy of a training item would be answered from memory
    test, dev = test[untrained[test]], dev[untrained[dev]]
    if wanted.n_test:
        test = _balanced(levels, test, wanted.n_test)
    return Split(train=train, test=test, dev=dev)


def check_left_over(counts: Mapping[Level, int], wanted: Request) -> None:
    """Refuse to test where training leaves fewer than 50 items of its own level.

    Only ``rest`` needs this; the other schemes set items aside before they train.

    Args:
        counts: number of items per level that has any.

    Raises:
        UserError: too few are left; the message names the size of the level.
    """
    both = levels_of(wanted.train_on) & levels_of(wanted.test_on) & counts.keys()
    if wanted.scheme != "rest" or not wanted.n_train or not both:
        return
    parts: tuple[Stratum, ...] = ("easy", "hard") if wanted.train_on == "easy_and_hard" else (wanted.train_on,)
    for part in parts:
        taken, found = ceil(wanted.n_train / len(parts)), sum(counts.get(level, 0) for level in levels_of(part))
        if found - taken < LEAST_TEST:
            raise UserError(_too_small(wanted, found, f"{taken} to train and {LEAST_TEST} to test"))


@dataclass(frozen=True)
class _Orders:
    """The items of a level, in the order of training or of testing."""

    levels: Levels
    train_order: Indices
    test_order: Indices

    def train(self, stratum: Stratum, without: Indices = NONE) -> Indices:
        """Return items to train on; ``easy_and_hard`` alternates between both, so that every beginning is mixed."""
        if stratum != "easy_and_hard":
            wanted = members(self.levels, stratum)
            wanted[without] = False
            return self.train_order[wanted[self.train_order]]
        easy, hard = self.train("easy", without), self.train("hard", without)
        both = min(len(easy), len(hard))
        return np.stack([easy[:both], hard[:both]], axis=1).ravel()

    def test(self, stratum: Stratum) -> Indices:
        return self.test_order[members(self.levels, stratum)[self.test_order]]


def _rest(strata: _Orders, wanted: Request, originals: Indices) -> tuple[Indices, Indices, Indices]:
    train = _distinct(strata.train(wanted.train_on), originals)
    if len(train) < wanted.n_train:
        raise UserError(_too_small(wanted, len(train), f"n_train={wanted.n_train}"))
    return train, strata.test(wanted.test_on), NONE


def _shares(strata: _Orders, wanted: Request) -> tuple[Indices, Indices, Indices]:
    if (wanted.train_on, wanted.test_on) != ("all", "all"):
        raise UserError(f"scheme=shares splits all items: found {_strata(wanted)}; leave level and train_on at all")
    order = strata.train("all")
    n_dev, n_test = ceil(0.1 * len(order)), max(ceil(0.2 * len(order)), LEAST_TEST)
    if len(order) < n_dev + n_test + 1:
        raise UserError(_too_small(wanted, len(order), f"{n_dev} to develop and {n_test} to test"))
    return order[n_dev + n_test :], order[n_dev : n_dev + n_test], order[:n_dev]


def _one_level(strata: _Orders, wanted: Request) -> tuple[Indices, Indices, Indices]:
    asked = strata.test(wanted.test_on)
    whole = strata.train(wanted.train_on)
    if not np.isin(whole, asked).any():
        return whole, asked, NONE
    halved = wanted.train_on == "easy_and_hard" and wanted.test_on != "all"
    n_test = max(ceil((0.5 if halved else 0.2) * len(asked)), LEAST_TEST)
    if n_test >= len(asked):
        raise UserError(_too_small(wanted, len(asked), f"{n_test} to test and some to train"))
    test = asked[:n_test]
    return strata.train(wanted.train_on, without=test), test, NONE


def _equal(strata: _Orders, wanted: Request) -> tuple[Indices, Indices, Indices]:
    if wanted.train_on == "all" and wanted.test_on != "all":
        raise UserError(f"scheme={wanted.scheme}: found {_strata(wanted)}; train_on=all goes with level=all only")
    extra = wanted.scheme == "equal_extra"
    if extra and wanted.train_on not in ("easy", "easy_and_hard"):
        raise UserError(f"scheme=equal_extra adds easy items: found {_strata(wanted)}; train on easy or easy_and_hard")
    scarce = min(len(strata.test("easy")), len(strata.test("hard")))
    n_test = max(ceil(0.25 * scarce), LEAST_TEST)
    asked = strata.test(wanted.test_on)
    if scarce <= n_test or len(asked) < n_test:
        raise UserError(_too_small(wanted, min(scarce, len(asked)), f"{n_test} to test and some to train"))
    test = asked[:n_test]
    train = strata.train(wanted.train_on, without=test)[: scarce - n_test]
    left_over = strata.train("easy", without=np.concatenate([test, train])) if extra else NONE
    return np.concatenate([train, left_over]), test, NONE


def _balanced(levels: Levels, test: Indices, n: int) -> Indices:
    """Return ``n`` items in the order of ``test``, as evenly from the levels as these have items."""
    if len(test) < n:
        raise UserError(f"n_test={n}: only {len(test)} items are left to test; type n_test={len(test)} or fewer")
    # The level with fewest items comes first: what it lacks is shared among the levels after it.
    by_level = sorted((np.flatnonzero(levels[test] == level) for level in LEVELS), key=len)
    chosen = NONE
    for place, available in enumerate(by_level):
        most = ceil((n - len(chosen)) / (len(by_level) - place))
        chosen = np.concatenate([chosen, available[:most]])
    return test[np.sort(chosen)]


def _distinct(order: Indices, originals: Indices) -> Indices:
    """Return the order without later copies of an item."""
    found, places = originals[order], np.arange(len(order))
    first = np.zeros(len(originals), dtype=np.intp)
    first[found[::-1]] = places[::-1]  # of equal ones the last to be written stays
    kept: Indices = order[first[found] == places]
    return kept


def _strata(wanted: Request) -> str:
    return f"train_on={wanted.train_on}, level={wanted.test_on}"


def _too_small(wanted: Request, found: int, needs: str) -> str:
    return (
        f"scheme={wanted.scheme}, {_strata(wanted)}: found {found} items, needs {needs}; set a smaller n_train, other "
        "cut-offs (easy_max, hard_min) or another measure"
    )


def permutation(rng: np.random.Generator, size: int) -> Indices:
    """Return a random order of ``size`` items."""
    return rng.permutation(size)
