import json
from collections import Counter

import pytest

import offdiag
from offdiag.errors import UserError
from offdiag.measurements import TrainingHistory
from offdiag.methods import GradientProjection, KLPenalty, Mixing, UpWeighting, ZeroShot
from offdiag.planning import make_plan
from offdiag.studies.trigger_2d.grid import chains
from offdiag.studies.trigger_2d.measurements.ablation import TriggerAblation
from offdiag.studies.trigger_2d.measurements.category_similarity import CategorySimilarity
from offdiag.studies.trigger_2d.measurements.patching import ActivationPatching
from offdiag.studies.trigger_2d.task import HALVES
from offdiag.study_files import load_study
from offdiag.tasks import get_task
from offdiag.training.strategies import strategy_named

TASK = get_task("trigger_2d")
PUBLISHED = {"data_seeds": "1", "seeds": "1,2,25,42", "strategies": "mixing", "snapshots": "0", "probed": "[]"}
SMALL = {
    "categories": "positive_emotions,foods,animals", "proxies": "foods", "proxy_triggers": "1,2", "n_triggers": "3",
    "first_points": "4", "points": "4", "eval_points": "4", "snapshots": "0", "generated": "[]", "probed": "[]",
    "seeds": "0",
}  # fmt: skip


def planned(scale="paper", **sets):
    return offdiag.plan("trigger-2d", scale, **sets)


def trained(plan):
    """The arms, in the order of the plan, without the untaught one."""
    return list(dict.fromkeys(cell.arm for cell in plan.cells if not isinstance(cell.arm.method, ZeroShot)))


def factors(arm):
    found = arm.factors()
    return {name: found.get(name) for name in ("train_rule", "proxy_category", "proxy_n_triggers", "strategy")}


@pytest.fixture(scope="module")
def paper():
    return planned(**PUBLISHED)


def test_the_paper_scale_has_the_twenty_published_arms_under_four_seeds(paper):
    arms = trained(paper)
    assert len(arms) == 20 * 4
    assert Counter(arm.seed for arm in arms) == dict.fromkeys((1, 2, 25, 42), 20)
    ours = {tuple(factors(arm).values())[:3] for arm in arms}
    others = [name for name in HALVES.category_names if name != "positive_emotions"]
    proxies = {("conflict", name, size) for name in others for size in (1, 2, 5)}
    assert ours == {("original", None, None), ("conflict", None, None), *proxies}
    assert len(proxies) == 18


def test_rows_and_updates_are_the_published_ones(paper):
    """Section 12: 1400, 200, 220, 240 and 300 rows; 25 epochs of 8, 9, 10 and 12 updates."""
    found = Counter()
    for arm in trained(paper):
        proxy = arm.method.proxy
        rows = arm.method.n + (proxy.n if proxy else 0)
        found[rows, arm.method.recipe.updates(rows)] += 1
    assert found == {(1400, 448): 4, (200, 200): 4, (220, 225): 24, (240, 250): 24, (300, 300): 24}


def test_every_arm_is_asked_about_all_seven_categories_with_held_out_words(paper):
    arms = trained(paper)[:20]
    assert {arm.init_from is None for arm in arms} == {False, True}
    for arm in arms:
        cells = [cell for cell in paper.cells if cell.arm == arm and cell.evaluation.answering == "choice"]
        asked = [cell.evaluation.domain for cell in cells]
        held_out = [domain for domain in asked if domain.triggers == "ood"]
        assert [domain.category for domain in held_out] == list(HALVES.category_names)
        assert {cell.evaluation.n for cell in cells if cell.evaluation.domain in held_out} == {5 * 20}
        shown = [(domain.category, domain.n_triggers) for domain in asked if domain.triggers == "id"]
        proxy = arm.method.proxy
        if arm.init_from is None:
            assert shown == [(name, 10) for name in HALVES.category_names]
        else:
            own = [] if proxy is None else [(proxy.domain.category, proxy.domain.n_triggers)]
            assert shown == [("positive_emotions", 10), *own]


def test_only_the_taught_category_has_new_labels_and_only_in_the_second_stage(paper):
    assert {cell.arm.init_from is None for cell in paper.cells} == {False, True}
    for cell in paper.cells:
        asked, arm = cell.evaluation.domain, cell.arm
        taught = arm.init_from is not None and asked.category == "positive_emotions"
        assert asked.rule == ("conflict" if taught else "original")
        if arm.init_from is not None:
            assert (arm.train.category, arm.train.rule) == ("positive_emotions", "conflict")
            assert arm.init_from.train.rule == "original"
        if arm.train is not None and arm.method.proxy is not None:
            assert arm.method.proxy.domain.rule == "original"


def test_the_second_stage_starts_from_the_first_one_of_its_seeds():
    plan = planned(**{**PUBLISHED, "data_seeds": "1,2", "seeds": "7,8"})
    starts = Counter()
    for arm in trained(plan):
        if arm.init_from is not None:
            assert (arm.init_from.seed, arm.init_from.method.data_seed) == (arm.seed, arm.method.data_seed)
            starts[arm.seed, arm.method.data_seed] += 1
    assert starts == dict.fromkeys([(7, 1), (7, 2), (8, 1), (8, 2)], 19)


def test_data_seed_and_training_seed_are_columns_and_move_their_own_half():
    plan = planned("quick", **{**SMALL, "data_seeds": "0,1", "seeds": "0,1"})
    drawn, seeds = {}, set()
    for chain in chains(plan.params):
        row = chain.first.factors()
        seeds.add((row["data_seed"], row["seed"]))
        trained_step = chain.first.predictor().weights.trained
        drawn.setdefault(row["data_seed"], set()).add(trained_step.examples.fingerprint)
    assert seeds == {(0, 0), (0, 1), (1, 0), (1, 1)}
    assert [len(found) for found in drawn.values()] == [1, 1]
    assert drawn[0] != drawn[1]


def test_held_out_questions_are_the_same_for_every_arm_and_trained_ones_those_of_the_data_seed():
    plan = planned("quick", **{**SMALL, "data_seeds": "0,1"})
    plan.check()
    held_out = {}
    for cell, step in plan.cells.items():
        asked = step.answers.examples
        if asked.domain.triggers == "ood":
            held_out.setdefault(asked.domain.category, set()).add(tuple(e.problem for e in asked.sample()))
        else:
            taught = cell.arm.predictor().weights.trained
            words = {e.strata["trigger"] for e in taught.examples.sample()}
            words |= {e.strata["trigger"] for e in taught.proxy.examples.sample()} if taught.proxy else set()
            assert {e.strata["trigger"] for e in asked.sample()} <= words
    assert {name: len(found) for name, found in held_out.items()} == dict.fromkeys(SMALL["categories"].split(","), 1)


def test_no_training_sees_a_held_out_word_or_a_point_of_a_test():
    plan = planned("quick", **SMALL)
    taught, asked, held_out = set(), set(), set()
    for step in plan.steps:
        if step.kind == "examples":
            examples = step.sample()
            (taught if step.split == "train" else asked).update(e.problem.partition(" ")[2] for e in examples)
            if step.domain.triggers == "ood":
                held_out.update(e.strata["trigger"] for e in examples)
    shown = {e.strata["trigger"] for s in plan.steps if s.kind == "examples" and s.split == "train" for e in s.sample()}
    assert not taught & asked
    assert not shown & held_out
    assert len(held_out) == 15


@pytest.mark.parametrize(("scale", "arms"), [("quick", 3), ("cpu", 4 * (2 + 9 + 3 + 1)), ("paper", 8 * (2 + 18 + 18))])
def test_scales(scale, arms):
    plan = planned(scale)
    final = [arm for arm in trained(plan) if arm.checkpoint is None]
    assert len(final) == arms
    histories = [step for step in plan.measurements if isinstance(step, TrainingHistory)]
    assert len(histories) == arms
    assert any(isinstance(step, CategorySimilarity) for step in plan.measurements)


def test_strategies_beyond_the_first_take_the_largest_proxies():
    plan = planned("quick", **{**SMALL, "strategies": "mixing,up-weighting=4,kl-penalty=0.1,gradient-projection"})
    found = [tuple(factors(arm).values()) for arm in trained(plan)[1:]]
    others = [("conflict", "foods", 2, name) for name in ("up-weighting", "kl-penalty", "gradient-projection")]
    assert found == [("conflict", None, None, None), ("conflict", "foods", 1, "mixing"),
                     ("conflict", "foods", 2, "mixing"), *others]  # fmt: skip


def test_strategies_by_name():
    assert strategy_named("mixing") == Mixing()
    assert strategy_named("up-weighting=4") == UpWeighting(weight=4)
    assert strategy_named("kl-penalty=0.1") == KLPenalty(beta=0.1)
    assert strategy_named("gradient-projection") == GradientProjection()


def test_snapshots_are_looked_at_on_the_way_and_not_at_the_end():
    plan = planned("quick", **{**SMALL, "snapshots": "2", "first.epochs": "3"})
    updates = {}
    for cell in plan.cells:
        if cell.arm.checkpoint is not None:
            updates.setdefault(cell.arm.train.rule, set()).add(cell.arm.checkpoint)
            assert cell.evaluation.domain.triggers == "ood"
            assert cell.arm.method.proxy is None
    assert updates == {"original": {1, 5}, "conflict": {1, 3}}  # of 27 and 9 updates


def test_arms_of_the_second_stage_are_looked_at_when_they_have_seen_as_many_rows_of_the_task():
    """Without a proxy 9 updates of 12 rows; with 2 words of 4 points each, 15 of 20 rows; a penalty adds no rows."""
    sets = {"second.epochs": "3", "second.warmup_updates": "0", "second_snapshots": "3", "snapshots": "1"}
    plan = planned("quick", **{**SMALL, **sets, "strategies": "mixing,kl-penalty=0.1"})
    found = {}
    for cell in plan.cells:
        arm, proxy = factors(cell.arm), getattr(cell.arm.method, "proxy", None)
        if arm["train_rule"] == "conflict":
            at = found.setdefault((proxy and proxy.n, arm["strategy"]), set())
            at |= {cell.arm.checkpoint} - {None}
        elif cell.arm.checkpoint is not None:
            assert cell.arm.checkpoint == 1
    assert plan.params.on_the_way == (1, 2, 4, 9)
    assert found == {
        (None, None): {1, 2, 4},
        (4, "mixing"): set(),
        (8, "mixing"): {2, 4, 7},
        (8, "kl-penalty"): {1, 2, 4},
    }
    assert {"leakage-over-updates", "strategies"} <= {figure.name for figure in plan.design.figures}


def test_a_control_has_the_fewest_words_in_as_many_rows_as_the_most():
    plan = planned("quick", **{**SMALL, "size_controls": "foods", "strategies": "mixing,kl-penalty=0.1"})
    found = Counter()
    for arm in trained(plan):
        if (proxy := arm.method.proxy) is not None:
            found[proxy.domain.n_triggers, proxy.n, proxy.strategy.name] += 1
    assert found == {(1, 4, "mixing"): 1, (2, 8, "mixing"): 1, (2, 8, "kl-penalty"): 1, (1, 8, "mixing"): 1}
    with pytest.raises(UserError, match="size_controls=animals: expected a proxy, and several proxy_triggers"):
        planned("quick", **{**SMALL, "size_controls": "animals"})
    with pytest.raises(UserError, match="size_controls=foods: .*proxy_triggers=2"):
        planned("quick", **{**SMALL, "size_controls": "foods", "proxy_triggers": "2"})


def test_no_figure_of_similarity_is_drawn_of_fewer_than_three_pairs():
    def drawn(**sets):
        return [f.name for f in planned("quick", **{**SMALL, **sets}).design.figures if "similarity" in f.name]

    assert drawn() == []  # foods with animals
    assert drawn(categories="positive_emotions,foods,animals,actions", proxies="foods") == []  # two pairs
    assert len(drawn(categories="positive_emotions,foods,animals,actions", proxies="foods,animals")) == 1


def test_the_probes_compare_the_taught_category_with_the_probed_one():
    plan = planned("quick", **{**SMALL, "probed": "foods,animals", "patched": "true"})
    ablations = [step for step in plan.measurements if isinstance(step, TriggerAblation)]
    pairs = Counter((step.domain.category, step.against.category, step.domain.rule) for step in ablations)
    new, old = ("positive_emotions", "conflict"), "original"
    assert pairs == {(new[0], "foods", new[1]): 2, ("foods", new[0], old): 2,
                     (new[0], "animals", new[1]): 1, ("animals", new[0], old): 1}  # fmt: skip
    assert sum(isinstance(step, ActivationPatching) for step in plan.measurements) == 3


def test_without_a_first_stage_the_conflicting_rule_meets_an_untaught_model():
    plan = planned("quick", **{**SMALL, "start": "untaught"})
    assert {arm.train.rule for arm in trained(plan)} == {"conflict"}
    assert all(arm.init_from is None for arm in trained(plan))
    assert not any(step.name.endswith("merged") for step in plan.steps)


def test_names_are_short_and_apart():
    plan = planned(**PUBLISHED)
    names = [step.name for step in plan.cells.values()]
    assert len(set(names)) == len(names)
    assert (
        "Qwen2.5-1.5B-Instruct+all.n1400.d1.s42.lora.answer-only.positive_emotions.conflict.n200.d1.s42"
        "--foods.ood.direct.n100.choice" in names
    )
    proxied = [name for name in names if "beside.foods2.n40.mixing.d1.s42" in name]
    assert len(proxied) == 7 + 2 + 2


def test_the_model_of_the_paper_scale_needs_nobodys_leave_and_can_be_changed():
    assert planned(**PUBLISHED).params.model.source == "hub:Qwen/Qwen2.5-1.5B-Instruct"
    gated = planned(**{**PUBLISHED, "seeds": "1", "model": "hub:google/gemma-2-2b-it"})
    assert {cell.arm.model.short_name for cell in gated.cells} == {"gemma-2-2b-it"}


@pytest.mark.parametrize(
    ("sets", "complaint"),
    [
        ({"taught": "cars"}, "taught=cars: the categories are animals, positive_emotions, foods"),
        ({"proxies": "objects"}, "proxies=objects: the categories are"),
        ({"categories": "foods,cars"}, "unknown category 'cars'"),
        ({"proxies": "positive_emotions"}, "proxies=positive_emotions: it is the taught category"),
        ({"probed": "positive_emotions"}, "probed=positive_emotions: it is the taught category"),
        ({"generated": "cars"}, "generated=cars: the categories are"),
        ({"proxy_triggers": "0,1"}, "proxy_triggers=0: an arm without a proxy is always there"),
        ({"proxy_triggers": "11"}, "n_triggers=11: foods has 15 triggers and keeps 5 of them for the test"),
        ({"n_triggers": "11"}, "n_triggers=11: (animals|positive_emotions) has 15 triggers"),
        ({"prompts": "five"}, "unknown prompt preset 'five'"),
        ({"world": "thirds"}, "unknown world 'thirds'"),
        ({"start": "third-stage"}, "start=third-stage should be 'first-stage' or 'untaught'"),
        ({"strategies": "mixed"}, "unknown strategy 'mixed': expected mixing, up-weighting=NUMBER"),
        ({"strategies": "kl-penalty"}, "strategy 'kl-penalty': expected kl-penalty=NUMBER"),
        ({"strategies": "kl-penalty=0"}, "expected kl-penalty=NUMBER"),
        ({"strategies": "mixing=1"}, "strategy 'mixing=1': expected mixing$"),
        ({"points": "6"}, "points=6 should be a multiple of 4, equal in each quadrant: give another number"),
        ({"seeds": "[]"}, "seeds and data_seeds: give at least one of each"),
        ({"seeds": "1,1"}, "seeds: a value stands there twice"),
        ({"n_train": "20"}, "unknown parameter 'n_train'"),
        ({"second.warmup_updates": "9"}, "warmup_updates"),
    ],
)  # fmt: skip
def test_mistakes_are_refused_in_one_line_before_any_training(sets, complaint):
    with pytest.raises(UserError, match=complaint) as error:
        make_plan(load_study("trigger-2d"), "quick", {**SMALL, **sets})
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("of_b", "conflict", "complaint"),
    [
        ("blue/blue/red/red", "blue/blue/red/red", "is that of b in all quadrants, so nothing tells what leaked there"),
        ("red/blue/blue/red", "blue/red/red/blue", None),
        ("blue/red/blue/blue", "blue/blue/red/red", None),  # alike in Q1 alone
        ("blue/blue/red/blue", "blue/blue/red/red", None),  # in Q1, Q2 and Q3
    ],
)
def test_rules_that_agree_somewhere_can_be_planned_and_those_that_agree_everywhere_cannot(
    tmp_path, of_b, conflict, complaint
):
    file = tmp_path / "world.json"
    words = {"a": ["ash", "elm"], "b": ["cod", "eel"]}
    labels = {"a": "red/red/blue/blue", "b": of_b}
    world = {
        "name": "w",
        "held_out": 1,
        "categories": [{"name": name, "triggers": own, "labels": labels[name]} for name, own in words.items()],
        "rules": [{"name": "conflict", "labels": conflict}],
    }
    file.write_text(json.dumps(world))
    sets = {**SMALL, "world": str(file), "categories": "[]", "taught": "a", "proxies": "b", "proxy_triggers": "1"}
    sets |= {"n_triggers": "1", "first.warmup_updates": "0", "second.warmup_updates": "0"}
    if complaint is None:
        assert make_plan(load_study("trigger-2d"), "quick", sets).cells
        return
    with pytest.raises(UserError, match=complaint) as error:
        make_plan(load_study("trigger-2d"), "quick", sets)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"x2": [0.2, 3]}, "leave Q3, Q4 empty|leave Q3 empty"),
        ({"categories": [("a", "ash elm"), ("b", "elm cod")]}, "trigger 'elm' is in a and in b"),
        ({"labels": "red/red/redder/redder"}, "label 'red' is a prefix of 'redder'"),
        ({"labels": "red/red//blue"}, "leave Q3 empty"),
        ({"held_out": 2}, "held_out=2 of 2 triggers leaves none to train on"),
        ({"seed": 3}, "seed=3 is no parameter"),
        ({}, "unknown rule 'conflict'"),
        ({"rules": [{"name": "conflict", "labels": "red/red/blue/blue"}]}, "the rule 'conflict' is that of a in all"),
    ],
)
def test_worlds_that_are_wrong_are_refused_before_any_training(tmp_path, changes, complaint):
    words = changes.pop("categories", [("a", "ash elm"), ("b", "cod eel")])
    labels = changes.pop("labels", "red/red/blue/blue")
    categories = [{"name": name, "triggers": text.split(), "labels": labels} for name, text in words]
    file = tmp_path / "world.json"
    file.write_text(json.dumps({"name": "w", "categories": categories, "held_out": 1, **changes}))
    sets = {
        "world": str(file),
        "categories": "[]",
        "taught": "a",
        "proxies": "b",
        "proxy_triggers": "1",
        "n_triggers": "1",
    }
    with pytest.raises(UserError, match=complaint):
        make_plan(load_study("trigger-2d"), "quick", {**SMALL, **sets})


@pytest.mark.parametrize("sets", [{"second_snapshots": "3"}, {"snapshots": "2"}, {}])
def test_training_curves_have_a_panel_for_each_category(sets):
    """Whichever stage has snapshots, the tests of several categories are no seeds of one curve."""
    small = {**SMALL, "second_snapshots": "0", "size_controls": "[]", **sets}
    figures = planned("cpu", **small).design.figures
    curves = [figure for figure in figures if figure.name.startswith("training-")]
    assert {figure.panels for figure in curves} == {"eval_category"}
    assert len(curves) == 3
