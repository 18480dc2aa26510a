"""A finished study of two stages in a file of its own, and its adapters."""

from pathlib import Path
from typing import NamedTuple

import pytest

import offdiag
from offdiag.runtime import Runtime
from offdiag.sharing import SharedTraining, find_training
from offdiag.store import Store
from support.stand_in import Hub

STUDY = '''
from offdiag.methods import FineTuning, Recipe
from offdiag.models import ModelSpec
from offdiag.study import Arm, Cell, Design, Evaluation, StudyParams, study
from offdiag.studies.base_addition.task import AdditionDomain as Sums

class Params(StudyParams):
    model: ModelSpec = ModelSpec(source="dir:MODEL")
    learning_rate: float = 1e-1

@study("two-stages", scales={"quick": Params()})
def two_stages(p: Params) -> Design:
    """Sums after sums."""
    recipe = Recipe(rank=2, alpha=4, learning_rate=p.learning_rate, warmup_updates=0, batch_size=4)
    full = recipe.model_copy(update={"adapter": "full", "learning_rate": 1e-4})
    first = Arm(model=p.model, method=FineTuning(n=4, recipe=recipe), train=Sums(base=8))
    second = Arm(model=p.model, method=FineTuning(n=4, recipe=recipe), train=Sums(base=10), init_from=first)
    whole = Arm(model=p.model, method=FineTuning(n=4, recipe=full), train=Sums(base=9))
    above = Arm(model=p.model, method=FineTuning(n=4, recipe=recipe), train=Sums(base=11), init_from=whole)
    asked = Evaluation(domain=Sums(base=8), n=3, max_new_tokens=4)
    return Design(cells=tuple(Cell(arm=arm, evaluation=asked) for arm in (first, second, whole, above)))
'''


class Shared(NamedTuple):
    """A finished store, its study file, and the trainings of its four arms: folder names."""

    store: Store
    study: str
    first: str
    second: str
    whole: str
    above: str


@pytest.fixture(scope="session")
def shared(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Shared:
    folder = tmp_path_factory.mktemp("sharing")
    path = folder / "two stages.py"
    path.write_text(STUDY.replace("MODEL", str(tiny_model)), encoding="utf-8")
    plan = offdiag.plan(path)
    assert offdiag.run(plan, store=folder / "store", runtime=Runtime(device="cpu", threads=1)).complete
    trained = [step.answers.weights.trained.folder_name for step in plan.cells.values()]
    return Shared(Store(folder / "store"), str(path), *trained)


@pytest.fixture
def first(shared: Shared) -> SharedTraining:
    """The adapter on the pretrained model."""
    return find_training(shared.store, shared.first, [shared.study])


@pytest.fixture
def second(shared: Shared) -> SharedTraining:
    """The adapter on the first one."""
    return find_training(shared.store, shared.second, [shared.study])


@pytest.fixture
def hub(tmp_path: Path) -> Hub:
    return Hub(tmp_path / "hub")
