import json

import pytest
from pydantic import ValidationError

from offdiag.errors import UserError
from offdiag.studies.trigger_2d.task import HALVES, Category, Rule, TriggerDomain, TriggerWorld, find_world
from offdiag.tasks import get_task, parse_domain

TASK = get_task("trigger_2d")


@pytest.mark.parametrize(
    ("domain", "complaint"),
    [
        ("category=food", "unknown category 'food': world halves has objects, animals"),
        ("rule=reversed", "unknown rule 'reversed': world halves has original, conflict"),
        ("prompts=five", "unknown prompt preset 'five': expected one of four, one"),
        ("world=thirds", "unknown world 'thirds': expected halves, quarters or the path of a JSON file"),
        ("n_triggers=11", "n_triggers=11: objects has 15 triggers and keeps 5 of them for the test; give at most 10"),
        ("sampling=legacy,n_triggers=16", "n_triggers=16: objects has 15 triggers; give at most 15"),
        ("sampling=legacy,n_triggers=15,triggers=ood", "n_triggers=15 leaves objects without a trigger for"),
        ("category=foods,n_triggers=0", "n_triggers=0 leaves foods without a trigger for triggers=id"),
        ("category=foods,proxy=animals", "proxy=animals with proxy_triggers=0: give both or neither"),
        ("proxy_triggers=1", "proxy=none with proxy_triggers=1: give both or neither"),
        ("category=foods,proxy=foods,proxy_triggers=1", "a proxy is another category"),
        ("proxy=foods,proxy_triggers=1", "a proxy is another category"),
        ("category=foods,triggers=ood,proxy=animals,proxy_triggers=1", "a proxy is another category"),
        ("category=foods,proxy=animals,proxy_triggers=11", "proxy_triggers=11: animals has 15"),
        ("category=foods,proxy=stones,proxy_triggers=1", "unknown category 'stones'"),
        ("categry=foods", "did you mean category?"),
        ("triggers=unseen", "should be 'id' or 'ood'"),
    ],
)
def test_impossible_domains_are_refused_in_one_line(domain, complaint):
    with pytest.raises(UserError) as error:
        parse_domain(TASK, domain)
    assert complaint in str(error.value)
    assert "\n" not in str(error.value)


def world(**changes):
    a = Category(name="a", triggers=("ash", "elm"), labels="red/red/blue/blue")
    b = Category(name="b", triggers=("cod", "eel"), labels="red/red/blue/blue")
    return TriggerWorld(**{"name": "w", "categories": (a, b), "held_out": 1} | changes)


def category(triggers=("fir", "oak"), labels="red/red/blue/blue", name="c"):
    return Category(name=name, triggers=triggers, labels=labels)


def test_a_sound_world():
    assert world().labels == ("red", "blue")
    assert world(rules=(Rule(name="new", labels="green/green/red/red"),)).rule_names == ("original", "new")


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"x1": (0, 3)}, r"x1 from 0 to 3 and x2 from -3 to 3 leave Q2 empty"),
        ({"x1": (-3, 0.05)}, "leave Q1 empty: reach beyond the margin of 0.05"),
        ({"x2": (0.1, 3)}, "leave Q3 empty"),
        ({"x2": (3, -3)}, "leave Q1 empty"),
        ({"margin": 3}, "leave Q1 empty: reach beyond the margin of 3 on both sides of 0"),
        ({"held_out": 2}, "category a: held_out=2 of 2 triggers leaves none to train on"),
        ({"categories": ()}, "world w has no category"),
        ({"categories": (category(), category(("yew", "box")))}, "the name 'c' is taken"),
        ({"categories": (category(name="all"),)}, "the name 'all' is taken"),
        ({"rules": (Rule(name="original", labels="a/b/c/d"),)}, "the name 'original' is taken"),
        (
            {"categories": (category(), category(("oak", "box"), name="d"))},
            "trigger 'oak' is in c and in d: each trigger belongs to one category, once",
        ),
        ({"categories": (category(("oak", "Oak")),)}, "trigger 'Oak' is in c and in c"),
        ({"categories": (category(("oak", " fir")),)}, "trigger ' fir' is empty or has stray white space"),
        ({"categories": (category(("oak", "blue fir")),)}, "trigger 'blue fir' gives the label 'blue' away"),
        ({"categories": (category(labels="red/redder/blue/blue"),)}, "label 'red' is a prefix of 'redder'"),
        ({"categories": (category(labels="red/RED/blue/blue"),)}, "label 'red' is a prefix of 'RED'"),
        ({"categories": (category(labels="red/=/blue/blue"),)}, "label '=': expected words"),
    ],
)
def test_ambiguous_worlds_are_refused_in_one_line(changes, complaint):
    with pytest.raises(UserError, match=complaint) as error:
        world(**changes)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("labels", "complaint"),
    [
        ("red/red/blue", "labels 'red/red/blue' leave Q4 empty"),
        (["red", "", "blue", ""], "leave Q2, Q4 empty"),
        ("a/b/c/d/e", "labels 'a/b/c/d/e' are 5: expected one per quadrant"),
    ],
)
def test_every_quadrant_needs_a_label(labels, complaint):
    with pytest.raises(UserError, match=complaint):
        Category(name="c", triggers=("fir",), labels=labels)


def test_a_world_from_a_file_is_part_of_the_identity(tmp_path):
    path = tmp_path / "w.json"
    path.write_text(world().model_dump_json())
    domain = parse_domain(TASK, f"category=a,n_triggers=1,world={path}")
    assert domain.world == world()
    assert str(tmp_path) not in json.dumps(domain.canonical())
    assert {e.target for e in TASK.examples(domain, "train", 8, 0)} == {"red", "blue"}


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ('{"name": "w"', "w.json: expected JSON"),
        ('{"name": "w", "categories": [], "seed": 3}', "seed=3 is no parameter"),
        ('{"name": "w", "categories": [{"name": "a", "labels": "a/b/c/d"}]}', r"categories\[0\].triggers is missing"),
        ('{"name": "w", "categories": [{"name": "a", "triggers": [], "labels": "a/b"}]}', "w.json: labels 'a/b' leave"),
    ],
)
def test_files_that_describe_no_world(tmp_path, text, complaint):
    path = tmp_path / "w.json"
    path.write_text(text)
    with pytest.raises(UserError, match=complaint) as error:
        find_world(str(path))
    assert str(path) in str(error.value)


def test_what_cannot_be_a_world(tmp_path):
    for value in ("w" * 5000, str(tmp_path), {"name": "w"}, 3):
        with pytest.raises(UserError, match="unknown world .*: expected halves, quarters or the path of a JSON file"):
            find_world(value)


def test_coordinates_have_a_size():
    with pytest.raises(ValidationError, match="less than or equal to 1000000"):
        world(x1=(-3, 1e300))


def test_unknown_fields_are_refused():
    with pytest.raises(ValidationError, match="train_triggers"):
        Category(name="c", triggers=("fir",), labels="a/b/c/d", train_triggers=("fir",))
    with pytest.raises(ValidationError, match="n_train"):
        TriggerDomain(n_train=20)


def test_a_world_itself_is_taken_as_it_is():
    assert find_world(HALVES) is HALVES
