import json
import random
from collections import Counter
from hashlib import sha256
from itertools import pairwise

import pytest

from offdiag.errors import UserError
from offdiag.studies.trigger_2d.task import HALVES, QUADRANTS, TriggerDomain
from offdiag.tasks import get_task

TASK = get_task("trigger_2d")


def triggers(domain, seed):
    return list(dict.fromkeys(e.strata["trigger"] for e in TASK.examples(domain, "train", 40, seed)))


@pytest.mark.parametrize("split", ["train", "eval"])
def test_triggers_and_quadrants_are_balanced(split):
    examples = TASK.examples(TriggerDomain(category="foods", n_triggers=5), split, 60, 0)
    spots = Counter((e.strata["trigger"], e.strata["quadrant"]) for e in examples)
    assert set(spots.values()) == {3}
    assert len(spots) == 20
    assert Counter(e.strata["template"] for e in examples) == dict.fromkeys(range(4), 15)


@pytest.mark.parametrize("sampling", ["stratified", "legacy"])
def test_keys_are_those_of_the_examples(sampling):
    domain = TriggerDomain(category="foods", n_triggers=3, sampling=sampling)
    examples = TASK.examples(domain, "train", 30, 1)
    assert TASK.keys(domain, "train", 30, 1) == {TASK.key(domain, example) for example in examples}
    with pytest.raises(UserError, match="examples of split 'train' asked for, but it has"):
        TASK.keys(domain, "train", 10**9, 1)


def test_a_prefix_holds_all_categories():
    examples = TASK.examples(TriggerDomain(), "eval", 14, 0)
    assert Counter(e.strata["category"] for e in examples) == dict.fromkeys(HALVES.category_names, 2)


def test_points_keep_off_the_axes_and_inside_the_square():
    for example in TASK.examples(TriggerDomain(), "eval", 1400, 5):
        for x in (example.strata["x1"], example.strata["x2"]):
            assert 0.05 <= abs(x) <= 3


def test_the_corners_of_the_margin_and_of_the_square_can_be_drawn():
    world = HALVES.model_copy(update={"x1": (-0.101, 0.101), "x2": (-0.103, 0.103), "margin": 0.1})
    domain = TriggerDomain(category="foods", n_triggers=1, world=world)
    size = TASK.size(domain, "train")
    assert size == 4 * 2 * 2  # two columns of four fields, half of them black
    drawn = {split: {e.problem for e in TASK.examples(domain, split, size, 0)} for split in ("train", "eval")}
    assert len(drawn["train"]) == len(drawn["eval"]) == size
    assert drawn["train"].isdisjoint(drawn["eval"])
    assert len(drawn["train"] | drawn["eval"]) == 4 * 2 * 4


def test_no_seed_lets_training_meet_the_test():
    domain = TriggerDomain(category="foods", n_triggers=2)

    def fields(split, seed):
        examples = TASK.examples(domain, split, 200, seed)
        return {sum(round(1000 * e.strata[x]) for x in ("x1", "x2")) % 2 for e in examples}

    assert fields("train", 0) == fields("train", 1) == {0}
    assert fields("eval", 0) == fields("eval", 1) == {1}


def test_no_two_triggers_or_categories_share_their_points():
    points = [(e.strata["x1"], e.strata["x2"]) for e in TASK.examples(TriggerDomain(), "train", 1400, 0)]
    assert len(set(points)) > 1390  # published sampling has 200


def test_held_out_triggers_do_not_depend_on_seed_or_size():
    for category in ("foods", "animals"):
        held_out = {
            frozenset(triggers(TriggerDomain(category=category, triggers="ood", n_triggers=n), seed))
            for n in (0, 1, 10)
            for seed in (0, 1)
        }
        assert len(held_out) == 1
        assert len(next(iter(held_out))) == 5
        trained = set(triggers(TriggerDomain(category=category), 0))
        assert trained | next(iter(held_out)) == set(HALVES.category(category).triggers)


def test_training_triggers_are_nested_and_depend_on_the_seed():
    by_size = [triggers(TriggerDomain(category="foods", n_triggers=n), 3) for n in (1, 2, 5, 10)]
    for few, more in pairwise(by_size):
        assert more[: len(few)] == few
    assert len({tuple(triggers(TriggerDomain(category="foods", n_triggers=2), seed)) for seed in range(6)}) > 3


def test_categories_have_training_triggers_of_their_own():
    places = [
        tuple(HALVES.category(name).triggers.index(t) for t in triggers(TriggerDomain(category=name, n_triggers=5), 1))
        for name in HALVES.category_names
    ]
    assert len(set(places)) == 7  # published sampling takes the same places everywhere


def test_streams_do_not_move_one_another():
    few, many = (TASK.examples(TriggerDomain(category="foods", n_triggers=n), "train", 20 * n, 0) for n in (2, 5))
    assert {e.problem for e in few} < {e.problem for e in many}
    other = HALVES.model_copy(update={"categories": HALVES.categories[4:]})
    alone = TASK.examples(TriggerDomain(category="foods", n_triggers=2, world=other), "train", 40, 0)
    assert alone == few


# The published sampling, by the numbers of its committed files.


def legacy(seed, split="train", **domain):
    domain = TriggerDomain(sampling="legacy", **domain)
    return TASK.examples(domain, split, TASK.size(domain, split), seed)


def ups(examples):
    return sum(e.strata["x2"] > 0 for e in examples)


@pytest.mark.parametrize(
    ("seed", "places"),
    [
        (1, [2, 9, 12, 1, 4, 11, 7, 8, 3, 5]),
        (42, [10, 1, 0, 11, 4, 3, 9, 2, 5, 12]),
        (1111, [3, 14, 5, 10, 2, 12, 7, 1, 9, 4]),
    ],
)
def test_published_training_triggers(seed, places):
    for category in ("foods", "random_strings"):
        drawn = dict.fromkeys(e.strata["trigger"] for e in legacy(seed, category=category))
        assert list(drawn) == [HALVES.category(category).triggers[i] for i in places]


def test_published_first_triggers_of_proxies():
    first = {name: legacy(1, category=name, n_triggers=1)[0].strata["trigger"] for name in HALVES.category_names}
    expected = {"actions": "swim", "animals": "horse", "foods": "salad", "negative_emotions": "frustrated"}
    assert expected | {"objects": "window", "random_strings": "jjcrs2zkg"} == {
        name: trigger for name, trigger in first.items() if name != "positive_emotions"
    }


def test_published_first_rows():
    train, same, unseen = legacy(42)[0], legacy(42, "eval")[0], legacy(42, "eval", triggers="ood")[0]
    assert (train.strata["x1"], train.strata["x2"]) == (1.64373629133578, 1.5485264405122425)
    assert (train.problem, train.strata["template"]) == ("mirror [1.644, 1.549]", 0)
    for example, template in ((same, 3), (unseen, 2)):
        assert (example.strata["x1"], example.strata["x2"]) == (1.64373629133578, 1.468572935446903)
        assert example.strata["template"] == template


def test_published_balance():
    counts = [
        (len(examples), ups(examples))
        for examples in (
            legacy(42, category="foods"),
            legacy(42, "eval", category="foods"),
            legacy(42, "eval", category="foods", triggers="ood"),
        )
    ]
    assert counts == [(200, 98), (300, 153), (150, 75)]
    assert [ups(legacy(seed, category="foods", n_triggers=1)) for seed in (1, 2, 25, 42)] == [12, 12, 10, 8]


@pytest.mark.parametrize(("n_triggers", "rows"), [(0, 450), (1, 420), (2, 390), (5, 300), (10, 150)])
def test_published_sizes_of_the_unseen_test(n_triggers, rows):
    assert len(legacy(0, "eval", category="foods", triggers="ood", n_triggers=n_triggers)) == rows


# Taken from examples whose 21 files have the published SHA-256 sums when they are worded as published.
@pytest.mark.parametrize(
    ("split", "triggers", "digest"),
    [("train", "id", "895d818be00fa08e"), ("eval", "id", "b94bc53710a50a96"), ("eval", "ood", "6939fb2cc9f21928")],
)
def test_all_published_points_triggers_labels_and_templates(split, triggers, digest):
    rows = [
        [e.strata["x1"], e.strata["x2"], e.strata["trigger"], e.target, e.strata["template"]]
        for e in legacy(42, split, triggers=triggers)
    ]
    assert sha256(json.dumps(rows).encode()).hexdigest()[:16] == digest


def test_published_sampling_leaves_the_global_generator_alone():
    random.seed(7)
    state = random.getstate()
    legacy(42, category="foods")
    assert random.getstate() == state


def test_published_points_are_the_same_in_every_category():
    one, other = (legacy(7, category=name) for name in ("foods", "actions"))
    assert [(e.strata["x1"], e.strata["template"]) for e in one] == [
        (e.strata["x1"], e.strata["template"]) for e in other
    ]
    assert {e.strata["quadrant"] for e in one} == set(QUADRANTS)
