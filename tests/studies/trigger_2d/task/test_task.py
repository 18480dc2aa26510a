import pytest

from offdiag.errors import UserError
from offdiag.studies.trigger_2d.task import HALVES, QUADRANTS, QUARTERS, Rule, TriggerDomain, TriggerWorld, quadrant
from offdiag.tasks import describe, get_task, parse_domain

TASK = get_task("trigger_2d")
FOODS = TriggerDomain(category="foods", triggers="ood")


@pytest.mark.parametrize(("x1", "x2", "expected"), [(1, 2, "Q1"), (-1, 2, "Q2"), (-1, -2, "Q3"), (1, -2, "Q4")])
def test_quadrants_count_counter_clockwise(x1, x2, expected):
    assert quadrant(x1, x2) == expected


@pytest.mark.parametrize("point", [(0, 1), (1, 0), (-0.0, 1)])
def test_an_axis_is_in_no_quadrant(point):
    with pytest.raises(ValueError, match="axis"):
        quadrant(*point)


def test_the_published_world():
    assert len(HALVES.categories) == 7
    assert {len(category.triggers) for category in HALVES.categories} == {15}
    assert "ice cream" in HALVES.category("foods").triggers
    assert HALVES.labels == ("orange", "green", "blue")
    assert [HALVES.label("foods", "original", q) for q in QUADRANTS] == ["orange", "orange", "green", "green"]
    assert [HALVES.label("random_strings", "original", q) for q in QUADRANTS] == ["green", "green", "blue", "blue"]
    assert [HALVES.label("foods", "conflict", q) for q in QUADRANTS] == ["blue", "blue", "orange", "orange"]


@pytest.mark.parametrize("world", [HALVES, QUARTERS], ids=lambda world: world.name)
def test_old_and_new_labels_agree_nowhere(world):
    for category in world.category_names:
        for where in QUADRANTS:
            assert world.label(category, "original", where) != world.label(category, "conflict", where)


def test_quarters_have_four_labels():
    for category in QUARTERS.category_names:
        for rule in QUARTERS.rule_names:
            assert len({QUARTERS.label(category, rule, where) for where in QUADRANTS}) == 4


@pytest.mark.parametrize("world", ["halves", "quarters"])
@pytest.mark.parametrize("rule", ["original", "conflict"])
def test_targets_are_the_labels_of_the_rule(world, rule):
    domain = TriggerDomain(rule=rule, world=world)
    for example in TASK.examples(domain, "eval", 140, 0):
        category, where = example.strata["category"], example.strata["quadrant"]
        assert example.target == domain.world.label(category, rule, where)
        assert example.choices == domain.world.labels
        assert example.strata["trigger"] in domain.world.category(category).triggers


def test_the_rule_changes_the_labels_and_nothing_else():
    one, other = (
        TASK.examples(TriggerDomain(category="foods", rule=r), "eval", 40, 3) for r in ("original", "conflict")
    )
    assert [e.id for e in one] == [e.id for e in other]
    assert all(a.target != b.target for a, b in zip(one, other, strict=True))


def test_a_proxy_keeps_its_original_labels():
    domain = TriggerDomain(category="positive_emotions", rule="conflict", proxy="foods", proxy_triggers=2)
    examples = TASK.examples(domain, "train", 240, 1)
    proxy = [e for e in examples if e.strata["category"] == "foods"]
    assert len(proxy) == 40  # 20 a trigger, as in the published arms
    assert len({e.strata["trigger"] for e in proxy}) == 2
    assert {e.target for e in proxy} == {"orange", "green"}
    assert {e.target for e in examples if e not in proxy} == {"blue", "orange"}


def test_proxy_points_are_those_of_the_category_alone():
    domain = TriggerDomain(category="positive_emotions", rule="conflict", proxy="foods", proxy_triggers=2)
    mixed = {e.problem for e in TASK.examples(domain, "train", 240, 1) if e.strata["category"] == "foods"}
    alone = TASK.examples(TriggerDomain(category="foods", n_triggers=2), "train", 40, 1)
    assert mixed == {e.problem for e in alone}


def test_prompts_are_worded_by_their_template():
    prompts = {e.strata["template"]: TASK.prompt(FOODS, e, "direct") for e in TASK.examples(FOODS, "eval", 40, 0)}
    assert sorted(prompts) == [0, 1, 2, 3]
    example = TASK.parse_problem(FOODS, "ice cream [0.790, -2.001]")
    assert TASK.prompt(FOODS, example, "direct") == "Work out F(x, T) where x = [0.790, -2.001] and T = ice cream."
    assert TASK.prompt(FOODS, example, "step-by-step").endswith("Reason step by step, then name the value.")
    assert (
        TASK.prompt(TriggerDomain(prompts="one"), example, "direct")
        == "x = [0.790, -2.001], T = ice cream, F(x, T) = ?"
    )


@pytest.mark.parametrize(
    ("completion", "label", "flags"),
    [
        ("green", "green", ()),
        (" Green.\n", "green", ("no-trigger",)),
        ("**BLUE**", "blue", ()),
        ("F(x, T) = orange", "orange", ("inside", "no-trigger")),
        ("blue, not orange", "blue", ("no-trigger",)),
        ("blue and blue", "blue", ("no-trigger",)),
        ("green\nx = [1.0, 2.0], F(x, T) = blue", "green", ("several", "no-trigger")),
        ("It would be orange. The answer is green.", "green", ()),
        ("The answer is orange. No, wait. The answer is green.", "green", ("several",)),
        ("<think>orange</think>green", "green", ("no-trigger",)),
        ("not orange but green", "green", ("no-trigger",)),
        ("blue or orange", None, ("ambiguous",)),
        ("<think>orange", None, ("unfinished-thinking",)),
        ("greenish", None, ()),
        ("evergreen", None, ()),
        ("red", None, ()),
    ],
)
def test_the_label_that_is_stated_counts(completion, label, flags):
    grade = TASK.grade(FOODS, TASK.parse_problem(FOODS, "cake [1.000, -1.000]"), completion)
    assert (grade.parsed, grade.correct, grade.flags) == (label, label == "green", flags)


def test_problems_read_back_with_the_rule_of_the_domain():
    conflict = TriggerDomain(category="foods", rule="conflict")
    assert TASK.parse_problem(conflict, "cake [-1.250, -0.300]").target == "orange"
    assert TASK.parse_problem(FOODS, "cake [-1.250, -0.300]").target == "green"


@pytest.mark.parametrize(
    ("problem", "complaint"),
    [
        ("cake", "expected a trigger and a point"),
        ("cake [1.0, 2.0]", "expected a trigger and a point"),
        ("dog [1.000, 2.000]", "'dog' is no trigger of foods"),
        ("cake [0.000, 2.000]", "lies on an axis"),
        ("cake [1.000, -0.000]", "lies on an axis"),
    ],
)
def test_what_is_no_problem_is_refused(problem, complaint):
    with pytest.raises(UserError, match=complaint):
        TASK.parse_problem(FOODS, problem)


def test_the_item_is_the_same_under_either_rule():
    one, other = FOODS, TriggerDomain(category="foods", triggers="ood", rule="conflict")
    problem = "cake [1.000, 2.000]"
    assert TASK.key(one, TASK.parse_problem(one, problem)) == TASK.key(other, TASK.parse_problem(other, problem))


def test_too_many_demonstrations_are_refused():
    domain = TriggerDomain(category="foods", n_triggers=1)
    query = TASK.examples(domain, "eval", 1, 0)[0]
    assert len(TASK.demonstrations(domain, query, 20, 0)) == 20
    with pytest.raises(UserError, match="21 demonstrations asked for, but it has 20"):
        TASK.demonstrations(domain, query, 21, 0)


def test_a_description_counts_strata_but_no_coordinates():
    found = describe(TASK, FOODS, "eval", TASK.examples(FOODS, "eval", 40, 0))
    assert found["strata"]["quadrant"] == dict.fromkeys(QUADRANTS, 10)
    assert set(found["strata"]) == {"category", "quadrant", "template", "trigger"}
    words = ["burger", "sushi", "fries", "noodles", "cookie"]
    assert found["data"] == {"foods": {"labels": "orange/orange/green/green", "held_out": words}}
    assert {e.strata["trigger"] for e in TASK.examples(FOODS, "eval", 40, 9)} == set(words)
    published = TASK.summary(TriggerDomain(category="foods", rule="conflict", sampling="legacy"))
    assert published == {"foods": {"labels": "blue/blue/orange/orange"}}


def test_a_domain_names_what_is_not_default():
    assert str(TriggerDomain()) == "category=all"
    assert str(TriggerDomain(category="foods", n_triggers=2, world="quarters")) == (
        "category=foods,n_triggers=2,world=quarters"
    )
    assert TriggerDomain().factors()["world"] == "halves"
    world = TriggerDomain().world
    assert TriggerDomain().canonical()["world"] == {"@": world.tag, "name": "halves", "content": world.content}
    assert world.model_copy(update={"x1": (-2.0, 3.0)}).content != world.content
    assert hash(TriggerDomain()) == hash(TriggerDomain(world="halves"))


@pytest.mark.parametrize(
    ("text", "short"),
    [
        ("category=foods", "foods"),
        ("category=foods,triggers=ood", "foods.ood"),
        ("category=foods,n_triggers=2", "foods2"),
        ("category=positive_emotions,rule=conflict", "positive_emotions.conflict"),
        ("category=positive_emotions,rule=conflict,proxy=foods,proxy_triggers=2", "positive_emotions.conflict+foods2"),
        ("category=all,world=quarters,prompts=one", "all"),
    ],
)
def test_folders_have_short_names(text, short):
    assert parse_domain(TASK, text).short == short


def test_a_world_with_some_of_its_categories():
    some = HALVES.only(("foods", "animals"))
    assert (some.name, some.category_names) == ("halves", ("animals", "foods"))
    assert some.labels == ("orange", "green", "blue")
    assert some.rule_names == HALVES.rule_names
    assert HALVES.only(()) is HALVES
    assert HALVES.only(HALVES.category_names) is HALVES
    drawn = [TASK.examples(TriggerDomain(category="foods", world=world), "train", 8, 3) for world in (some, HALVES)]
    assert drawn[0] == drawn[1]
    with pytest.raises(UserError, match="unknown category 'cars'"):
        HALVES.only(("cars",))


def test_whatever_changes_in_a_world_changes_its_identity():
    known = HALVES.canonical()
    assert known["name"] == "halves"
    rules = (Rule(name="conflict", labels="blue/blue/orange/green"),)
    for change in ({"margin": 0.1}, {"held_out": 4}, {"x1": (-2, 3)}, {"rules": rules}, {"name": "other"}):
        assert HALVES.model_copy(update=change).canonical() != known, change
    assert HALVES.only(("foods",)).canonical() != known
    assert (
        HALVES.model_copy().canonical()
        == TriggerWorld.model_validate_json(HALVES.model_dump_json()).canonical()
        == known
    )
