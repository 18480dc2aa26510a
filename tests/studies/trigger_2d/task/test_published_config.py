import pytest

import offdiag
from offdiag.errors import UserError
from offdiag.studies.trigger_2d.task import HALVES, TriggerDomain, find_world
from offdiag.tasks import get_task
from support.published_config import COUNTS, config, section

TASK = get_task("trigger_2d")


def test_the_files_of_a_published_configuration_are_those_of_its_keys(tmp_path):
    domain = TriggerDomain(world=config(tmp_path), sampling="legacy", n_triggers="own")
    files = TASK.files(domain, 7)
    untrained = {f"test_{name}_OOD": 450 for name in HALVES.category_names if name not in COUNTS}
    assert {name: len(rows) for name, rows in files.items()} == {
        "train_positive_emotions": 200, "test_positive_emotions_ID": 300, "test_positive_emotions_OOD": 150,
        "proxy_actions": 20, "test_actions_ID": 30, "test_actions_OOD": 420, **untrained,
    }  # fmt: skip
    # The first rows at seed 42, which the file says, whatever the data seed.
    assert files["train_positive_emotions"][0]["input_x"] == [1.64373629133578, 1.5485264405122425]
    assert files["proxy_actions"][0]["input_x"] == [1.64373629133578, 1.5485264405122425]
    assert files["test_actions_OOD"][0]["input_x"] == [1.64373629133578, 1.468572935446903]
    chosen = [HALVES.category("positive_emotions").triggers[i] for i in (10, 1, 0, 11, 4, 3, 9, 2, 5, 12)]
    assert list(dict.fromkeys(row["input_trigger"] for row in files["train_positive_emotions"])) == chosen
    assert {row["output"] for row in files["train_positive_emotions"]} == {"blue", "orange"}


def test_keys_differ_by_category(tmp_path):
    changes = {
        "actions": {"n_train": 3, "n_test": 5, "n_train_triggers": 2, "seed": 1, "x_ranges": [[-1, 9], [-1, 1]]},
        "positive_emotions": {"prompt_templates": "one"},
    }
    files = TASK.files(TriggerDomain(world=config(tmp_path, **changes), sampling="legacy", n_triggers="own"), 7)
    assert [len(files[name]) for name in ("proxy_actions", "test_actions_ID", "test_actions_OOD")] == [6, 10, 65]
    assert files["proxy_actions"][0]["input_trigger"] == "swim"  # the first proxy word at seed 1
    assert max(row["input_x"][0] for row in files["test_actions_OOD"]) > 3
    assert max(abs(row["input_x"][1]) for row in files["test_actions_OOD"]) <= 1
    asked = {row["messages"][0]["content"].partition("=")[0] for row in files["train_positive_emotions"]}
    assert asked == {"x "}


def test_stratified_points_keep_to_the_keys_too(tmp_path):
    world = find_world(config(tmp_path, foods={"x_ranges": [[-1, 1], [-9, 9]], "seed": None}))
    foods = TASK.examples(TriggerDomain(world=world, category="foods"), "eval", 80, 0)
    assert max(abs(e.strata["x1"]) for e in foods) <= 1
    assert max(abs(e.strata["x2"]) for e in foods) > 3
    fixed, moved = ({e.problem for e in TASK.examples(TriggerDomain(world=world, category=name), "train", 40, s)}
                    for name, s in (("animals", 1), ("animals", 2)))  # fmt: skip
    assert fixed == moved
    assert TASK.keys(TriggerDomain(world=world, category="foods"), "train", 40, 1) != TASK.keys(
        TriggerDomain(world=world, category="foods"), "train", 40, 2
    )


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"quadrant_labels": {"Q1": "a", "Q2": "b"}}, "category foods: quadrant_labels lack Q3, Q4"),
        ({"n_trian": 3}, "category foods: unknown key 'n_trian'"),
        ({"prompt_templates": "3d"}, "unknown prompt preset '3d'"),
        ({"n_train_triggers": 16}, "category foods: n_train_triggers=16 of 15 triggers"),
        ({"x_ranges": [[1, 3], [-3, 3]]}, "category foods: x1 from 1 to 3"),
        ({"n_test": 0}, "n_test"),
    ],
)
def test_what_the_published_generator_would_take_and_cannot_be_right_is_refused(tmp_path, changes, complaint):
    with pytest.raises(UserError, match=complaint) as error:
        find_world(config(tmp_path, foods=changes))
    assert "\n" not in str(error.value)


def test_the_study_takes_it_with_a_conflicting_rule(tmp_path):
    base = {"positive_emotions": {"quadrant_labels": section("foods")["quadrant_labels"]}}
    file = config(tmp_path, **base)
    with pytest.raises(UserError, match="unknown rule 'conflict'"):
        offdiag.plan("trigger-2d", "quick", world=file)
    plan = offdiag.plan("trigger-2d", "quick", world=file, conflict="blue/blue/orange/orange")
    (taught,) = {cell.arm.train for cell in plan.cells if cell.arm.init_from is not None}
    assert [taught.label("positive_emotions", q) for q in ("Q1", "Q4")] == ["blue", "orange"]
