"""Whether the seeds of an arm are draws of its training data too, in methods and in the built-in studies."""

import pytest

import offdiag
from offdiag.methods import FineTuning, MixtureTuning, PolicyOptimisation, PreTraining
from offdiag.models import ModelSpec
from offdiag.studies.base_addition.task import AdditionDomain
from offdiag.studies.world_map.task import World, WorldMapDomain
from offdiag.study import Arm
from offdiag.training.reinforcement import POLICY_RECIPE

HUB = ModelSpec(source="hub:org/name")
CITIES = WorldMapDomain(**World().model_dump(), geometry="distance", cities="real")
START = Arm(model=ModelSpec(source="scratch:base"), method=PreTraining(), train=CITIES)
POLICY = PolicyOptimisation(n=8, recipe=POLICY_RECIPE.model_copy(update={"batch_size": 2}))
TUNED = {
    "fine-tuning": Arm(model=HUB, method=FineTuning(n=96), train=AdditionDomain(base=8)),
    "policy": Arm(model=HUB, method=POLICY, train=AdditionDomain(base=8)),
    "mixture": Arm(model=START.model, method=MixtureTuning(rows=8), train=CITIES, init_from=START),
}
STUDIES = {
    "base-addition": {"tuned_bases": (8,), "seeds": (0, 1)},
    "trigger-2d": {"seeds": (0, 1)},
    "scattered": {"seeds": (0, 1), "pairs": ()},
}


def under(arm, seed, data_seed):
    method = arm.method.model_copy(update={"data_seed": data_seed})
    return arm.model_copy(update={"seed": seed, "method": method})


def data_seed_of(trained):
    return trained.examples.seed if hasattr(trained, "examples") else trained.stream.data_seed


@pytest.mark.parametrize("arm", TUNED.values(), ids=TUNED)
def test_without_a_data_seed_the_data_are_drawn_under_the_seed_of_the_arm(arm):
    varied = [under(arm, seed, None) for seed in (0, 3)]
    assert [data_seed_of(one.predictor().weights.trained) for one in varied] == [0, 3]
    assert [one.factors()["data_seed"] for one in varied] == [0, 3]
    assert varied[0].learner == varied[1].learner
    fixed = [under(arm, seed, 0) for seed in (0, 3)]
    assert [data_seed_of(one.predictor().weights.trained) for one in fixed] == [0, 0]
    assert varied[0].predictor().weights == fixed[0].predictor().weights


@pytest.mark.parametrize("name", STUDIES)
@pytest.mark.parametrize("data_seeds", ["varied", "fixed"])
def test_each_seed_of_a_study_has_its_own_data_unless_they_are_fixed(name, data_seeds):
    plan = offdiag.plan(name, "quick", data_seeds=data_seeds, **STUDIES[name])
    arms = {cell.arm for cell in plan.cells if hasattr(cell.arm.method, "data_seed")}
    found = {(arm.seed, data_seed_of(arm.predictor().weights.trained)) for arm in arms if arm.checkpoint is None}
    assert found == ({(0, 0), (1, 1)} if data_seeds == "varied" else {(0, 0), (1, 0)})
    assert len({arm.learner for arm in arms}) * 2 == len(arms)
