"""Levels, and who trains on what and is tested on what."""

from collections import Counter
from typing import NamedTuple

import numpy as np
import pytest

from offdiag.errors import UserError
from offdiag.studies.easy_to_hard.task import Request, library, split
from offdiag.studies.easy_to_hard.task.splits import check_left_over
from offdiag.studies.easy_to_hard.task.strata import stratify
from offdiag.studies.easy_to_hard.task.summary import spearman

LEVELS = ("easy",) * 300 + ("medium",) * 400 + ("hard",) * 200
KEYS = [str(i) for i in range(len(LEVELS))]
SHUFFLED = np.random.default_rng(0).permutation(len(LEVELS)).tolist()
ASKED = np.random.default_rng(1).permutation(len(LEVELS)).tolist()


class Found(NamedTuple):
    """A split as lists."""

    train: list[int]
    test: list[int]
    dev: list[int]


def made(scheme="rest", train_on="all", test_on="all", n_train=100, n_test=0, keys=KEYS):
    wanted = Request(scheme=scheme, train_on=train_on, test_on=test_on, n_train=n_train, n_test=n_test)
    originals = [keys.index(key) for key in keys]
    found = split(LEVELS, originals, wanted, SHUFFLED, ASKED)
    return Found(*(part.tolist() for part in (found.train, found.test, found.dev)))


def counts(indices):
    return {level: n for level in ("easy", "medium", "hard") if (n := sum(LEVELS[i] == level for i in indices))}


@pytest.mark.parametrize(
    ("train_on", "test_on", "trained", "tested"),
    [
        ("easy", "all", {"easy": 100}, {"easy": 200, "medium": 400, "hard": 200}),
        ("easy", "hard", {"easy": 100}, {"hard": 200}),
        ("hard", "hard", {"hard": 100}, {"hard": 100}),
        ("easy_and_hard", "all", {"easy": 50, "hard": 50}, {"easy": 250, "medium": 400, "hard": 150}),
    ],
)
def test_the_rest_is_everything_that_is_not_trained_on(train_on, test_on, trained, tested):
    found = made(train_on=train_on, test_on=test_on)
    assert (counts(found.train), counts(found.test)) == (trained, tested)
    assert not set(found.train) & set(found.test)


def test_training_sets_are_nested_and_mixed_from_the_start():
    whole = made(train_on="easy_and_hard", n_train=160).train
    assert made(train_on="easy_and_hard", n_train=20).train == whole[:20]
    assert counts(whole[:21]) == {"easy": 11, "hard": 10}


def test_all_conditions_ask_the_same_items_in_the_same_order():
    easy, hard = (made(train_on=level, test_on="medium").test for level in ("easy", "hard"))
    assert easy == hard
    after_easy, after_hard = (made(train_on=level).test for level in ("easy", "hard"))
    assert [i for i in after_hard if i in set(after_easy)] == [i for i in after_easy if i in set(after_hard)]


def test_copies_of_trained_items_are_not_tested_and_not_trained_twice():
    keys = [str(i // 2) for i in range(len(LEVELS))]  # every item has one copy, next to it
    found = made(train_on="easy", keys=keys, n_train=100)
    assert len({keys[i] for i in found.train}) == 100
    assert counts(found.test) == {"easy": 100, "medium": 400, "hard": 200}
    with pytest.raises(UserError, match="found 150 items, needs n_train=160"):
        made(train_on="easy", keys=keys, n_train=160)


def test_near_copies_may_train_together_and_are_not_tested_after_one_another():
    levels, places = np.array(["easy"] * 6 + ["hard"] * 6), np.arange(12)
    wanted = Request(scheme="rest", train_on="easy", test_on="all", n_train=3)
    near = np.where(places >= 6, places - 6, places)  # each hard item asks what an easy one asks
    near[1] = 0
    found = split(levels, places, wanted, places, places, near)
    assert (found.train.tolist(), found.test.tolist()) == ([0, 1, 2], [3, 4, 5, 7, 9, 10, 11])


@pytest.mark.parametrize(
    ("n_test", "balanced"),
    [(90, {"easy": 30, "medium": 30, "hard": 30}), (500, {"easy": 167, "medium": 166, "hard": 167}),
     (700, {"easy": 250, "medium": 250, "hard": 200}), (900, {"easy": 300, "medium": 400, "hard": 200})],
)  # fmt: skip
def test_a_balanced_test_takes_as_evenly_as_there_are_items(n_test, balanced):
    assert counts(made(n_train=0, n_test=n_test).test) == balanced


def test_more_tests_than_items_are_refused():
    with pytest.raises(UserError, match="only 800 items are left"):
        made(n_test=801)


def test_shares_of_everything():
    found = made("shares", n_train=10_000)
    assert (len(found.dev), len(found.test), len(found.train)) == (90, 180, 630)
    assert sorted([*found.dev, *found.test, *found.train]) == list(range(900))
    with pytest.raises(UserError, match="leave level and train_on at all"):
        made("shares", train_on="easy")


@pytest.mark.parametrize(
    ("train_on", "test_on", "trained", "tested"),
    [
        ("easy", "hard", {"easy": 300}, {"hard": 200}),
        ("hard", "hard", {"hard": 150}, {"hard": 50}),  # a fifth would be 40: at least 50
        ("medium", "medium", {"medium": 320}, {"medium": 80}),
        ("easy_and_hard", "hard", {"easy": 100, "hard": 100}, {"hard": 100}),
    ],
)
def test_one_level_is_asked(train_on, test_on, trained, tested):
    found = made("one_level", train_on, test_on, n_train=10_000)
    assert (counts(found.train), counts(found.test)) == (trained, tested)
    assert not set(found.train) & set(found.test)


def test_a_fifth_of_everything_is_asked():
    found = made("one_level", "easy", "all", n_train=10_000)
    assert len(found.test) == 180
    assert len(found.train) == 300 - counts(found.test)["easy"]


@pytest.mark.parametrize("train_on", ["easy", "medium", "hard", "easy_and_hard"])
@pytest.mark.parametrize("test_on", ["easy", "hard"])
def test_equal_sizes_in_every_condition(train_on, test_on):
    found = made("equal", train_on, test_on, n_train=10_000)
    assert (len(found.train), len(found.test)) == (150, 50)
    assert not set(found.train) & set(found.test)


def test_left_over_easy_items_train_too():
    assert counts(made("equal_extra", "easy", "hard", n_train=10_000).train) == {"easy": 300}
    assert counts(made("equal_extra", "easy_and_hard", "hard", n_train=10_000).train) == {"easy": 300, "hard": 75}
    with pytest.raises(UserError, match="adds easy items: found train_on=hard, level=hard"):
        made("equal_extra", "hard", "hard")
    with pytest.raises(UserError, match="train_on=all goes with level=all only"):
        made("equal", "all", "hard")


def test_a_stratum_must_leave_fifty_items_where_it_is_tested():
    def check(train_on, test_on, n_train):
        check_left_over(Counter(LEVELS), Request(scheme="rest", train_on=train_on, test_on=test_on, n_train=n_train))

    check("hard", "hard", 150)
    check("hard", "easy", 200)
    check("easy_and_hard", "all", 300)
    with pytest.raises(UserError, match="train_on=hard, level=all: found 200 items, needs 160 to train and 50 to test"):
        check("hard", "all", 160)
    with pytest.raises(UserError, match="found 200 items, needs 151 to train and 50"):
        check("easy_and_hard", "all", 301)


def test_levels_are_disjoint_even_where_both_quantiles_are_one_number(raw):
    data = library.dataset("strategyqa")
    table = {item.id: 1.0 for item in data.items}
    found = stratify(data, data.items, "answer_words", table, (None, None))
    assert found.cutoffs == (1, 1)
    assert found.counts() == {"easy": 5, "medium": 0, "hard": 0}


def test_quantiles_are_interpolated_and_cut_offs_can_be_set(raw):
    data = library.dataset("strategyqa")
    table = {item.id: float(value) for value, item in enumerate(data.items)}
    found = stratify(data, data.items, "question_words", table, (None, None))
    assert found.cutoffs == pytest.approx((1.2, 2.8))
    assert found.levels == ("easy", "easy", "medium", "hard", "hard")
    assert stratify(data, data.items, "num_steps", table, (0, None)).cutoffs == (0, 4)
    with pytest.raises(UserError, match="easy up to 5 and hard from 4 overlap"):
        stratify(data, data.items, "num_steps", table, (5, None))


def test_rank_correlations_share_the_ranks_of_ties():
    found = spearman({"a": [1, 2, 2, 3], "b": [1, 3, 2, 4], "c": [7, 7, 7, 7]})
    assert found["a"]["b"] == pytest.approx(0.9486832980505138)  # scipy.stats.spearmanr
    assert found["b"] == {"c": None}
