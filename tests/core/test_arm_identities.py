"""Every field of an arm, of its method and of an evaluation reaches the step of their cell."""

import pytest

from offdiag.methods import FineTuning, InContext, MixtureTuning, PolicyOptimisation, PreTraining, Recipe, Reinforcement
from offdiag.models import ModelSpec
from offdiag.models.chat_settings import ChatSettings
from offdiag.models.sampling import Sampling
from offdiag.steps import Judge
from offdiag.studies.world_map.task import WorldMapDomain
from offdiag.study import Arm, Cell, Evaluation
from offdiag.tasks import StreamPart
from offdiag.training import Decoder, PretrainingRecipe
from support.identities import BESIDE, CELL, DOMAIN, HUB, KEEPING, OTHER_DOMAIN, changed

FEW = Arm(model=HUB, method=InContext(k=2, rationale=True), train=DOMAIN)
FINE = Arm(model=HUB, method=FineTuning(n=200), train=DOMAIN)
NEW = ModelSpec(source="scratch:small")
MAP = WorldMapDomain(geometry="all", count=20)
START = Arm(model=NEW, method=PreTraining(recipe=KEEPING), train=MAP)
MIXED = Arm(model=NEW, method=MixtureTuning(rows=4), train=MAP, init_from=START)
REWARD = Arm(model=HUB, method=PolicyOptimisation(n=200), train=DOMAIN)
IN_CELLS: list[tuple[Arm, dict[str, object]]] = [
    (
        FEW,
        {
            "model": ModelSpec(source="hub:org/other"),
            "method": InContext(k=3, rationale=True),
            "train": OTHER_DOMAIN,
            "seed": 1,
        },
    ),
    (FINE, {"seed": 1, "train": OTHER_DOMAIN}),
    (REWARD, {"seed": 1, "train": OTHER_DOMAIN}),
    (START, {"seed": 1, "checkpoint": 3}),
    (MIXED, {"seed": 1, "init_from": changed(START, checkpoint=3)}),
]
METHODS = [
    (START, {"decoder": Decoder(width=32), "recipe": PretrainingRecipe(), "loss": "text"}),
    (
        MIXED,
        {
            "rows": 5,
            "also": (StreamPart(domain=MAP, rows=1),),
            "recipe": PretrainingRecipe(updates=5),
            "loss": "text",
            "data_seed": 1,
        },
    ),
    (FEW, {"k": 3, "rationale": False, "demonstrations": "per-query", "style": "direct", "noise": 0.1, "turns": True}),
    (
        FINE,
        {
            "n": 201,
            "rationale": True,
            "recipe": Recipe(rank=2),
            "style": "step-by-step",
            "data_seed": 1,
            "proxy": BESIDE,
            "noise": 0.1,
            "chat": ChatSettings(thinking="off"),
        },
    ),
    (
        REWARD,
        {
            "n": 201,
            "style": "direct",
            "recipe": Recipe(rank=2),
            "reinforcement": Reinforcement(group_size=2),
            "data_seed": 1,
        },
    ),
]


@pytest.mark.parametrize(
    ("arm", "others"), METHODS, ids=lambda value: getattr(getattr(value, "method", None), "method", "")
)
def test_every_field_of_a_method_reaches_the_step(arm, others):
    # balanced demonstrations are of tasks that know labels: tests/tasks/files/test_identity.py
    assert set(others) == set(type(arm.method).model_fields) - {"balanced"}
    evaluation = CELL.evaluation
    methods = [arm.method, *(changed(arm.method, **{name: other}) for name, other in others.items())]
    steps = [Cell(arm=changed(arm, method=method), evaluation=evaluation).step() for method in methods]
    assert len({step.fingerprint for step in steps}) == len(steps)


@pytest.mark.parametrize(
    ("arm", "others"), IN_CELLS, ids=lambda value: getattr(getattr(value, "method", None), "method", "")
)
def test_every_field_of_an_arm_reaches_the_step(arm, others):
    arms = [arm, *(changed(arm, **{name: other}) for name, other in others.items())]
    assert len({Cell(arm=a, evaluation=CELL.evaluation).step().fingerprint for a in arms}) == len(arms)


def test_every_field_of_an_evaluation_reaches_the_step():
    others = {
        "domain": OTHER_DOMAIN,
        "n": 4,
        "style": "step-by-step",
        "answering": "choice",
        "max_new_tokens": 9,
        "split": "test",
        "seed": 1,
        "per": "tokens",
        "chat": ChatSettings(thinking="off"),
        "system": "Be terse.",
        "sampling": Sampling(),
        "score": "pass@2",
        "judge": Judge(model=HUB),
    }
    assert set(others) == set(Evaluation.model_fields)
    besides = {"per": {"answering": "choice"}, "score": {"sampling": Sampling(samples=2)}}
    asked = [
        CELL.evaluation,
        *(changed(CELL.evaluation, **{name: other}, **besides.get(name, {})) for name, other in others.items()),
    ]
    assert len({Cell(arm=CELL.arm, evaluation=e).step().fingerprint for e in asked}) == len(asked)
