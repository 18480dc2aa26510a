"""Parameters that are set by values, or by the texts of a command line."""

import json
import shlex
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from offdiag.errors import UserError
from offdiag.inspection import Origin
from offdiag.methods import Recipe
from offdiag.models import ModelSpec
from offdiag.parameters import override, parse_sets, text_of
from offdiag.planning import make_plan
from offdiag.study import Design, StudyParams
from offdiag.tasks import NamedDomain
from support.tiny_study import Params as TinyParams
from support.tiny_study import build, tiny_study


class Params(StudyParams):
    name: str = "a"
    folder: Path = Path()
    maybe: int | None = 3
    rate: float = 0.1
    flag: bool = False
    sizes: tuple[int, ...] = (1,)
    names: tuple[str, ...] = ()
    models: tuple[ModelSpec, ...] = ()
    cutoffs: Mapping[str, tuple[float, float]] = {}
    recipe: Recipe = Recipe()


HUB = ModelSpec(source="hub:org/name", dtype="bfloat16")
VALUES = [
    ("name", "8", "8"),
    ("name", "null", "null"),
    ("name", '"quoted"', '"quoted"'),
    ("name", " blank ", " blank "),
    ("name", "it's $HOME, two words; a=b", "it's $HOME, two words; a=b"),
    ("name", "", ""),
    ("name", Path("some/where"), "some/where"),
    ("name", np.str_("8"), "8"),
    ("folder", Path("some/where"), Path("some/where")),
    ("folder", "8", Path("8")),
    ("maybe", None, None),
    ("maybe", np.int64(5), 5),
    ("rate", np.float32(0.5), 0.5),
    ("rate", 1e-30, 1e-30),
    ("flag", np.bool_(True), True),
    ("sizes", (4, 8), (4, 8)),
    ("sizes", np.arange(3), (0, 1, 2)),
    ("sizes", range(2), (0, 1)),
    ("sizes", [np.int64(3)], (3,)),
    ("sizes", 7, (7,)),
    ("sizes", "8,10", (8, 10)),
    ("sizes", (), ()),
    ("names", ("8", "a,b", "null"), ("8", "a,b", "null")),
    ("models", (HUB,), (HUB,)),
    ("models", HUB, (HUB,)),
    ("models", "wheel:one,org/two", (ModelSpec(source="wheel:one"), ModelSpec(source="hub:org/two"))),
    ("cutoffs", {"grade": (3, np.float64(4.5))}, {"grade": (3.0, 4.5)}),
    ("cutoffs", '{"grade": [3, 4.5]}', {"grade": (3.0, 4.5)}),
    ("recipe", Recipe(rank=3), Recipe(rank=3)),
    ("recipe", '{"rank": 3}', Recipe(rank=3)),
    ("models", '[{"source": "org/name", "dtype": "bfloat16"}]', (HUB,)),
    ("recipe.rank", np.int8(5), Recipe(rank=5)),
]


def planned(overrides):
    study = tiny_study(Params(), lambda p: Design())
    return make_plan(study, "only", overrides)


@pytest.mark.parametrize(("name", "value", "became"), VALUES)
def test_a_value_is_taken_as_it_is_and_its_text_says_the_same(name, value, became):
    plan = planned({name: value})
    field = name.partition(".")[0]
    assert getattr(plan.params, field) == became
    assert type(getattr(plan.params, field)) is type(became)
    said = shlex.split(plan.command)
    assert said[:4] == ["tiny", "--scale", "only", "--set"]
    again = planned(parse_sets(said[4:]))
    assert again.params == plan.params
    assert again.command == plan.command


@pytest.mark.parametrize(("name", "value", "became"), VALUES)
def test_the_origin_beside_a_step_plans_the_same_again(name, value, became, tmp_path, monkeypatch):
    written = json.loads(json.dumps(planned({name: value}).origin))
    monkeypatch.setattr("offdiag.inspection.load_study", lambda _: tiny_study(Params(), lambda p: Design()))
    assert Origin.model_validate(written).plan(["tiny"]).params == planned({name: value}).params


def test_what_was_typed_is_shown_as_it_was():
    typed = ["name=abc", "sizes=8,10", "rate=0.01", "flag=true", "maybe=null", "models=org/name", "recipe.rank=4"]
    plan = planned(parse_sets(typed))
    assert [f"{name}={text}" for name, text in plan.sets.items()] == typed


def test_plans_by_text_and_by_value_have_equal_identities(model_stub):
    def steps(overrides):
        plan = make_plan(tiny_study(TinyParams(model=HUB), build), "only", overrides)
        return [step.fingerprint for step in plan.steps]

    recipe = Recipe(rank=3, batch_size=2, warmup_updates=0)
    stub = ModelSpec(source=f"dir:{model_stub}", dtype=HUB.dtype)  # a bare name has that of what it stands for
    by_value = steps({"model": stub, "shots": np.array([1, 4]), "seeds": range(2), "recipe": recipe, "n_eval": 5})
    texts = [f"model=dir:{model_stub}", "shots=1,4", "seeds=0,1", "n_eval=5", f"recipe={recipe.model_dump_json()}"]
    assert by_value == steps(parse_sets(texts))
    assert by_value != steps({"model": stub})


def test_text_for_a_part_of_what_has_none_is_refused_with_what_to_type():
    with pytest.raises(UserError, match=r"--set sizes\.0: sizes has no parts; type --set sizes=\[1\]"):
        override(Params(), {"sizes.0": [1]})


def test_a_text_stays_short_where_the_parameter_is_no_text():
    assert text_of("8") == "8"
    assert text_of("8", "8") == '"8"'


@pytest.mark.parametrize("names", [("recipe", "recipe.rank"), ("recipe.rank", "recipe")])
def test_a_parameter_as_a_whole_and_a_part_of_it_are_not_both_set(names):
    values = {"recipe": Recipe(rank=3), "recipe.rank": 4}
    with pytest.raises(UserError, match=r"--set recipe\.rank: recipe is set as a whole, too"):
        override(Params(), {name: values[name] for name in names})


def test_a_bare_name_of_a_model_has_the_number_format_of_those_that_it_stands_for():
    class Asked(StudyParams):
        model: ModelSpec = ModelSpec(source="hub:org/m", dtype="bfloat16")
        models: tuple[ModelSpec, ...] = (model, ModelSpec(source="hub:org/n", dtype="bfloat16", quantization="nf4"))
        plain: tuple[ModelSpec, ...] = (ModelSpec(source="hub:org/m"),)

    def dtypes(name, value):
        found = getattr(override(Asked(), {name: value}), name)
        return [m.dtype for m in (found if isinstance(found, tuple) else (found,))]

    assert dtypes("model", "hub:org/other") == dtypes("model", "org/other") == ["bfloat16"]
    assert dtypes("models", "hub:org/a,wheel:b") == dtypes("models", ["hub:org/a", "wheel:b"]) == ["bfloat16"] * 2
    assert dtypes("models", "api:NAME@http://localhost:1") == ["float32"]  # its server decides
    assert dtypes("models", [{"source": "hub:org/a"}, {"source": "hub:org/b", "dtype": "float16"}]) == [
        "float32", "float16"
    ]  # fmt: skip
    assert dtypes("plain", "hub:org/a") == ["float32"]
    mixed = override(Asked(), {"models": [{"source": "hub:org/a"}, {"source": "hub:org/b", "dtype": "float16"}]})
    assert [m.dtype for m in override(mixed, {"models": "hub:org/c"}).models] == ["float32"]
    with pytest.raises(UserError):
        override(Asked(), {"models": "nowhere:m"})


def test_a_domain_of_any_task_stays_what_it_is_where_another_parameter_is_set():
    class Asked(StudyParams):
        train: NamedDomain = "base_addition:base=8"
        tests: tuple[NamedDomain, ...] = ("counting:base=9", "base_addition:base=10")

    assert override(Asked(), {"train": "counting:base=10"}).tests == Asked().tests
    assert override(Asked(), {"tests": ["counting:base=10"]}).train == Asked().train
    assert override(Asked(), {"train.base": "9"}).train == Asked(train="base_addition:base=9").train
    with pytest.raises(UserError, match=r"--set train\.bse: unknown parameter 'bse'; did you mean base\?"):
        override(Asked(), {"train.bse": "9"})
    with pytest.raises(UserError, match=r"--set: base=x should be a whole number"):
        override(Asked(), {"train.base": "x"})
