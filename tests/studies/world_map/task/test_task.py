import json

import pytest

from offdiag.errors import UserError
from offdiag.studies.world_map.task import GEOMETRIES, NAMES, WorldMapDomain, absolute_error, draw
from offdiag.tasks import get_task, parse_domain

TASK = get_task("world_map")
DISTANCE = WorldMapDomain(geometry="distance")


def example(**parameters):
    domain = WorldMapDomain(**{"geometry": "distance", **parameters})
    return domain, TASK.examples(domain, "eval", 1, 0)[0]


def test_domains_leave_out_the_parameters_that_are_default():
    assert str(DISTANCE) == "geometry=distance,cities=real"
    small = parse_domain(TASK, "geometry=inside,cities=atlantis,count=40,id_digits=3,new=scattered")
    assert str(small) == "geometry=inside,cities=atlantis,count=40,id_digits=3,new=scattered"
    assert small.factors()["new_count"] == 100
    with pytest.raises(UserError, match="geometry"):
        parse_domain(TASK, "cities=real")
    with pytest.raises(UserError, match=r"count=4.*|inside asks about up to 6 cities"):
        parse_domain(TASK, "geometry=inside,count=4")


def test_prompts_end_where_the_answer_begins():
    for name in NAMES:
        domain, first = example(geometry=name)
        prompt = TASK.prompt(domain, first, "direct")
        assert prompt.startswith(f"{GEOMETRIES[name].call}(c_")
        assert prompt.endswith(")=")
        assert TASK.prompt(domain, first, "step-by-step") == prompt


def test_evaluation_is_fixed_by_the_world():
    assert TASK.size(DISTANCE, "eval") == 10_000
    assert TASK.size(DISTANCE, "train") is None
    assert TASK.examples(DISTANCE, "eval", 20, 0) == TASK.examples(DISTANCE, "eval", 20, 1)
    other = WorldMapDomain(geometry="distance", world_seed=1)
    assert TASK.examples(DISTANCE, "eval", 20, 0) != TASK.examples(other, "eval", 20, 0)


def test_training_examples_are_the_batches():
    found = TASK.examples(DISTANCE, "train", 1030, 4)
    drawn = [line for i in (0, 1) for line in draw(DISTANCE, "train", 1024, 4, i).characters().lines()]
    assert [f"{e.problem}={e.target}" for e in found] == drawn[:1030]


def test_small_worlds_say_how_much_they_have():
    small = WorldMapDomain(geometry="distance", count=20, new_count=4, id_digits=2, per_degree=1)
    size = TASK.size(small, "eval")
    assert 0 < size < 60  # a tenth of 190 pairs
    with pytest.raises(UserError, match=rf"has {size}; ask for {size} or fewer, or for a larger world"):
        TASK.examples(small, "eval", size + 1, 0)
    query = TASK.examples(small, "eval", 1, 0)[0]
    with pytest.raises(UserError, match=rf"500 demonstrations asked for, but it has {190 - size}"):
        TASK.demonstrations(small, query, 500, 0)


def test_strata_count_cities_and_new_ones():
    found = TASK.examples(WorldMapDomain(geometry="perimeter", cities="atlantis"), "eval", 400, 0)
    assert {e.strata["n_cities"] for e in found} == {2, 3, 4, 5}
    assert {e.strata["n_new"] for e in found} <= {1, 2}
    assert all(e.problem.count("c_") == e.strata["n_cities"] for e in found)


@pytest.mark.parametrize(
    ("completion", "parsed", "flags"),
    [
        ("769", "769", ()),
        (" 7 6 9\n", "769", ()),
        ("0769", "769", ("leading-zero",)),
        ("769)", "769", ("trailing",)),
        ("769.4", "769", ("trailing",)),
        ("-769", None, ()),
        ("about 769", "769", ("approximate", "no-trigger")),
        ("1,080", "1080", ("no-trigger",)),
        ("6 * 7 = 42", "42", ("no-trigger",)),
        ("<think>7</think>**769**", "769", ()),
        (r"\boxed{769}", "769", ()),
        ("769dist(c_", "769", ("trailing",)),
        ("9" * 5000, None, ()),
    ],
)
def test_numbers(completion, parsed, flags):
    domain, first = example()
    grade = TASK.grade(domain, first, completion)
    assert (grade.parsed, grade.flags) == (parsed, flags)
    assert grade.correct == (parsed == first.target)


@pytest.mark.parametrize(
    ("geometry", "completion", "parsed"),
    [
        ("compass", "NE", "NE"),
        ("compass", "n e\n", "NE"),
        ("compass", "NEE", None),
        ("compass", "", None),
        ("inside", "true", "TRUE"),
        ("crossing", "FALSE", "FALSE"),
        ("crossing", "FALSEFALSE", None),
        ("crossing", "0", None),
        ("crossing", "The answer is **TRUE**.", "TRUE"),
        ("crossing", "TRUE or FALSE", None),
        ("compass", r"\boxed{\text{NE}}", "NE"),
    ],
)
def test_words(geometry, completion, parsed):
    domain, first = example(geometry=geometry)
    assert TASK.grade(domain, first, completion).parsed == parsed


def test_errors_are_distances_from_the_right_number():
    assert absolute_error(GEOMETRIES["distance"], "100", "103") == 3
    assert absolute_error(GEOMETRIES["angle"], "100", "40") == 60
    assert absolute_error(GEOMETRIES["angle"], "100", None) is None
    assert absolute_error(GEOMETRIES["compass"], "N", "S") is None


def test_the_key_forgets_order_and_question_but_not_the_world():
    domain, first = example(geometry="crossing")
    inner = first.problem.removeprefix("cross(").removesuffix(")")
    a, b, c, d = inner.replace(";", ",").split(",")
    turned = TASK.parse_problem(domain, f"cross({d},{c};{a},{b})")
    assert turned.target == first.target
    paired = TASK.parse_problem(domain, f"cross({a},{c};{b},{d})")
    assert TASK.key(domain, turned) == TASK.key(domain, paired) == TASK.key(domain, first)
    path = WorldMapDomain(geometry="perimeter")
    assert TASK.key(path, TASK.parse_problem(path, f"perimeter({a},{b},{c},{d})=")) == TASK.key(domain, first)
    elsewhere = WorldMapDomain(geometry="crossing", new="scattered")
    assert TASK.key(elsewhere, first) != TASK.key(domain, first)


def test_problems_of_other_worlds_and_forms_are_refused():
    ids = DISTANCE.build().id
    names = [f"c_{i:04d}" for i in ids.tolist()]
    unused = next(f"c_{i:04d}" for i in range(10_000) if i not in set(ids.tolist()))
    a, b, new = names[0], names[1], names[-1]
    atlantis = WorldMapDomain(geometry="distance", cities="atlantis")
    for domain, problem, said in [
        (DISTANCE, f"dist({a},{b},{new})", "expected 2 cities, such as dist"),
        (DISTANCE, f"dist({a};{b})", "expected 2 cities"),
        (DISTANCE, f"triarea({a},{b})", "expected 2 cities"),
        (DISTANCE, f"dist({a},{unused})", f"no city of this world is {unused}"),
        (DISTANCE, f"dist({a},c_{ids[1]})" if ids[1] < 1000 else f"dist({a},c_0{ids[1]})", "no city of this world"),
        (DISTANCE, f"dist({a},{a})", "a city comes twice"),
        (DISTANCE, f"dist({a},{new})", "1 of its cities are new, which is not cities=real"),
        (atlantis, f"dist({a},{b})", "0 of its cities are new"),
    ]:
        with pytest.raises(UserError, match=said):
            TASK.parse_problem(domain, problem)
    assert TASK.parse_problem(atlantis, f"dist({a},{new})").strata == {"n_cities": 2, "n_new": 1}


def test_the_command_line_prints_examples_and_grades(capsys, monkeypatch, tmp_path):
    from io import StringIO

    from offdiag.cli.commands.data import data
    from offdiag.cli.commands.grade import grade

    data("world_map", "geometry=distance,cities=real", n=5)
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert len(rows) == 5
    assert all(row["problem"].startswith("dist(c_") and row["target"].isdigit() for row in rows)
    answered = [{"problem": row["problem"], "completion": row["target"]} for row in rows]
    monkeypatch.setattr("sys.stdin", StringIO("\n".join(map(json.dumps, answered))))
    grade("world_map", "geometry=distance,cities=real")
    assert all(json.loads(line)["correct"] for line in capsys.readouterr().out.splitlines())
