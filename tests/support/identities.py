"""Identities that the tests of fingerprints begin with."""

from typing import TypeAlias

from offdiag.identity import Identity
from offdiag.methods import InContext, Proxy, Recipe
from offdiag.methods.fine_tuning import FineTuned
from offdiag.methods.in_context import Demonstrations
from offdiag.models import ModelSpec
from offdiag.steps import Examples, Generations, Pretrained, Weights
from offdiag.studies.base_addition.episodes import Episodes
from offdiag.studies.base_addition.task import AdditionDomain
from offdiag.study import Arm, Cell, Evaluation
from offdiag.training import PretrainingRecipe

# An identity and another value for each of its fields.
Others: TypeAlias = tuple[Identity, dict[str, object]]


def changed(identity: Identity, **update: object) -> Identity:
    values = {name: getattr(identity, name) for name in type(identity).model_fields}
    return type(identity)(**{**values, **update})


HUB = ModelSpec(source="hub:org/name")
DOMAIN, OTHER_DOMAIN = AdditionDomain(base=8), AdditionDomain(base=9)
TRAIN = Examples(domain=DOMAIN, split="train", n=8)
EVAL = Examples(domain=DOMAIN, split="eval", n=3)
WEIGHTS = Weights(spec=HUB)
TUNED = FineTuned(
    start=WEIGHTS, examples=TRAIN, rationale=False, style="direct", recipe=Recipe(warmup_updates=5), seed=0
)
BESIDE = Proxy(domain=OTHER_DOMAIN, n=4)
SCRATCH = Pretrained(stream=Episodes())
KEEPING = PretrainingRecipe(snapshots=(0, 3))
SHOWN = Demonstrations(domain=DOMAIN, k=2, seed=0, fixed=None, rationale=True, style="direct")
ANSWERS = Generations(weights=WEIGHTS, examples=EVAL, style="direct", max_new_tokens=8)
CELL = Cell(
    arm=Arm(model=HUB, method=InContext(k=2, rationale=True), train=DOMAIN), evaluation=Evaluation(domain=DOMAIN, n=3)
)
