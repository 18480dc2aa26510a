"""The study on the published data: words, points and sizes of the published generator, and of its configuration."""

from collections import Counter

import pytest

import offdiag
from offdiag.errors import UserError
from offdiag.methods import FineTuning
from offdiag.steps import Examples
from offdiag.studies.trigger_2d.task import HALVES, TriggerDomain
from offdiag.tasks import get_task
from support.published_config import config, section

TASK = get_task("trigger_2d")
OWN = {"sampling": "legacy", "n_triggers": "own", "first_points": "own", "points": "own", "eval_points": "own"}
SHOWN = {"proxies": "actions", "proxy_triggers": "1,2", "generated": "", "snapshots": "0"}


def base(folder, **changes):
    """The published configuration of the first stage, in which each category has ten training words."""
    orange = section("foods")["quadrant_labels"]
    every = {name: {"n_train_triggers": 10, "seed": None} for name in HALVES.category_names}
    every["positive_emotions"] |= {"quadrant_labels": orange}
    return config(folder, **{name: own | changes.get(name, {}) for name, own in every.items()})


def planned(folder, categories="", **sets):
    changes = sets.pop("changes", {})
    shared = {**OWN, **SHOWN, "conflict": "blue/blue/orange/orange", "categories": categories}
    return offdiag.plan("trigger-2d", "quick", world=base(folder, **changes), **{**shared, **sets})


def taught(arm, data_seed):
    """The rows that an arm is trained on, and those of its proxy."""
    method = arm.method
    drawn = Examples(domain=arm.train, split="train", n=method.n, seed=data_seed).sample()
    if method.proxy is None:
        return drawn, []
    proxy = Examples(domain=method.proxy.domain, split="train", n=method.proxy.n, seed=data_seed)
    return drawn, proxy.sample()


def rows(examples):
    return Counter((e.strata["trigger"], e.strata["x1"], e.strata["x2"], e.target) for e in examples)


def of_file(lines):
    return Counter((row["input_trigger"], *row["input_x"], row["output"]) for row in lines)


def test_both_stages_train_on_the_published_rows(tmp_path):
    plan = planned(tmp_path, seeds="42")
    arms = list(dict.fromkeys(cell.arm for cell in plan.cells if isinstance(cell.arm.method, FineTuning)))
    first, without, one, two = arms
    world = plan.params.small_world
    whole = TASK.files(TriggerDomain(world=world, sampling="legacy"), 42)
    stage, _ = taught(first, 42)
    assert len(stage) == 1400
    files = [name for name in whole if not name.startswith("test_")]
    assert rows(stage) == sum((of_file(whole[name]) for name in files), Counter())
    domain = TriggerDomain(world=world, sampling="legacy", category="positive_emotions", rule="conflict",
                           proxy="actions", proxy_triggers=2)  # fmt: skip
    published = TASK.files(domain, 42)
    own, proxy = taught(two, 42)
    assert rows(own) == of_file(published["train_positive_emotions"]) == rows(taught(without, 42)[0])
    assert rows(proxy) == of_file(published["proxy_actions"])
    assert [len(taught(arm, 42)[1]) for arm in (without, one, two)] == [0, 20, 40]


def test_tests_ask_the_words_that_no_training_of_that_data_seed_saw(tmp_path):
    plan = planned(tmp_path, "positive_emotions,actions,foods", seeds="1,42")
    for cell in plan.cells:
        asked = cell.evaluation
        if not isinstance(cell.arm.method, FineTuning) or asked.domain.triggers != "ood":
            continue
        assert (asked.n, asked.seed) == (150, cell.arm.seed)
        words = {example.strata["trigger"] for example in asked.examples.sample()}
        arm = cell.arm
        while arm is not None:
            shown = {example.strata["trigger"] for part in taught(arm, arm.seed) for example in part}
            assert not words & shown
            arm = arm.init_from


def test_sizes_are_those_of_each_category_or_as_given(tmp_path):
    changes = {"foods": {"n_train": 7, "n_test": 3, "n_train_triggers": 0}, "actions": {"n_train": 6}}
    chosen = "positive_emotions,actions,foods"
    own = planned(tmp_path, chosen, changes=changes)
    arms = list(dict.fromkeys(cell.arm for cell in own.cells if isinstance(cell.arm.method, FineTuning)))
    assert [len(taught(arm, 0)[0]) for arm in arms] == [10 * 20 + 10 * 6, 200, 200, 200]
    assert [len(taught(arm, 0)[1]) for arm in arms] == [0, 0, 6, 12]
    asked = {cell.evaluation.domain.short: cell.evaluation.n for cell in own.cells if cell.arm == arms[0]}
    assert asked["foodsown.ood"] == 15 * 3
    assert "foodsown" not in asked  # nothing of it was trained
    given = planned(tmp_path, chosen, n_triggers="4", points="5", first_points="3", eval_points="2")
    arms = list(dict.fromkeys(cell.arm for cell in given.cells if isinstance(cell.arm.method, FineTuning)))
    assert [len(taught(arm, 0)[0]) for arm in arms] == [3 * 4 * 3, 20, 20, 20]
    assert {cell.evaluation.n for cell in given.cells} == {2 * 11, 2 * 4, 2 * 2, 2 * 1}


def test_stratified_points_may_be_those_of_the_world_too(tmp_path):
    chosen = "positive_emotions,actions,foods"
    changes = {name: {"n_train": 12, "n_test": 8} for name in chosen.split(",")}
    plan = planned(tmp_path, chosen, changes=changes, sampling="stratified")
    arms = list(dict.fromkeys(cell.arm for cell in plan.cells if isinstance(cell.arm.method, FineTuning)))
    assert [arm.method.n for arm in arms] == [12 * 30, 120, 120, 120]
    assert {cell.evaluation.n for cell in plan.cells if cell.evaluation.domain.triggers == "ood"} == {8 * 5}


def test_ranges_hold_in_all_categories():
    plan = offdiag.plan("trigger-2d", "quick", x1="-1,1", **SHOWN, categories="positive_emotions,actions,foods")
    drawn = [example for cell in plan.cells for example in cell.evaluation.examples.sample()]
    assert max(abs(example.strata["x1"]) for example in drawn) <= 1
    assert max(abs(example.strata["x2"]) for example in drawn) > 2


@pytest.mark.parametrize(
    "seeds", [{"seeds": "1,2", "data_seeds": "varied"}, {"seeds": "0,1", "data_seeds": "1,2"}], ids=["own", "crossed"]
)
def test_the_untaught_model_is_asked_the_words_of_every_data_seed(tmp_path, seeds):
    plan = planned(tmp_path, "positive_emotions,foods", proxies="", points="3", eval_points="2", **seeds)
    asked = [
        cell
        for cell in plan.cells
        if isinstance(cell.arm.method, FineTuning)
        and (cell.evaluation.domain.triggers, cell.evaluation.domain.rule) == ("ood", "original")
    ]
    assert {cell.evaluation.seed for cell in asked} == {1, 2}
    assert all(plan.design.baseline_of(cell) in plan.cells for cell in asked)


@pytest.mark.parametrize(
    ("sets", "complaint"),
    [
        ({"probed": "actions"}, "probed=actions: sampling=legacy has one number of points per word"),
        ({"size_controls": "actions"}, "size_controls=actions: sampling=legacy"),
        ({"n_triggers": "1"}, "proxy_triggers=2: actions has 1 training words under data seed 0, and the tests ask"),
        ({"sampling": "stratified"}, r"eval_points=own should be a multiple of 4.*30 \(actions\)"),
        ({"points": "9", "eval_points": "9"}, "points=9, eval_points=9: sampling=legacy draws the same 9 points"),
        ({"eval_points": "20"}, "points=own, eval_points=20: .* of positive_emotions .*, such as eval_points=30"),
        ({"first_points": "4", "eval_points": "4"}, "first_points=4, eval_points=4: sampling=legacy draws the same"),
        ({"second.snapshots": "2"}, "second.snapshots: type how many"),
        ({"x2": "3"}, "x2=3.0: expected the lowest and the highest, such as -3,3"),
        ({"x2": "1,3"}, "x2 from 1 to 3 leave Q3 empty"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(tmp_path, sets, complaint):
    with pytest.raises(UserError, match=complaint) as error:
        planned(tmp_path, "positive_emotions,actions,foods", **sets)
    assert "\n" not in str(error.value)
