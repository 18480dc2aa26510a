"""Which models a step needs, and that a run refuses to begin without them."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import ClassVar

import pytest

from offdiag.engine import run_plan
from offdiag.errors import UserError
from offdiag.identity import Identity
from offdiag.methods import FineTuning, LinearProbe, ZeroShot
from offdiag.models import ModelSpec
from offdiag.models.sentence import SentenceModel
from offdiag.planning import Plan, make_plan
from offdiag.steps import Examples, Grades, HiddenStates, Measurement, Weights, Work
from offdiag.store import Store
from offdiag.studies.base_addition.measurements.anchoring import Anchoring
from offdiag.studies.base_addition.task import AdditionDomain
from offdiag.studies.easy_to_hard.task import HardnessDomain
from offdiag.studies.trigger_2d.measurements.category_similarity import CategorySimilarity
from offdiag.studies.world_map.measurements.coordinate_map import CityMap
from offdiag.studies.world_map.measurements.representations import LabelledStates
from offdiag.studies.world_map.task import World
from offdiag.study import Arm, Cell, Design, Evaluation
from offdiag.tasks import Scalar
from support.tiny_study import RECIPE, Params, tiny_study

SUMS = AdditionDomain(base=8)
HUB, OTHER = ModelSpec(source="hub:nobody/nothing-1b"), ModelSpec(source="hub:nobody/other-1b")


class Pair(Identity):
    """Two models, one of them by a name in a mapping."""

    first: Weights
    named: Mapping[str, tuple[ModelSpec, ...]] = {}


class Agreement(Measurement):
    """A measurement of somebody else, of several models in its fields."""

    tag: ClassVar[str] = "test-agreement"
    table: ClassVar[str] = "agreement"
    pair: Pair
    examples: Examples

    @property
    def name(self) -> str:
        return f"agreement.{self.pair.first.label}"

    @property
    def group(self) -> str:
        return self.pair.first.group

    def factors(self) -> Mapping[str, Scalar]:
        return {"model": self.pair.first.label}

    def measure(self, work: Work) -> Iterator[Mapping[str, Scalar]]:
        yield {"depth": work.model(self.pair.first).depth}


def weights_of(spec: ModelSpec) -> Weights:
    return Weights(spec=spec)


EXAMPLES = Examples(domain=SUMS, split="eval", n=4)
AGREEMENT = Agreement(pair=Pair(first=weights_of(HUB), named={"others": (OTHER, HUB)}), examples=EXAMPLES)
CITIES = World()


def plan_of(*measurements: Measurement, cells: tuple[Cell, ...] = ()) -> Plan:
    return make_plan(tiny_study(Params(model=HUB), lambda p: Design(cells=cells, measurements=measurements)), "only")


def test_models_are_found_in_parts_of_the_identity_tuples_and_mappings_each_once() -> None:
    assert AGREEMENT.models() == (HUB, OTHER)


def test_a_step_does_not_answer_for_its_inputs() -> None:
    tuned = FineTuning(n=4, recipe=RECIPE).predictor(weights_of(HUB), SUMS, 0).weights.trained
    assert tuned is not None
    assert tuned.models() == (HUB,)
    asked = Evaluation(domain=SUMS, n=4)
    cell = Cell(arm=Arm(model=HUB, method=ZeroShot()), evaluation=asked).step()
    assert isinstance(cell, Grades)
    assert (cell.models(), cell.answers.models()) == ((), (HUB,))
    assert EXAMPLES.models() == ()


def test_a_probe_needs_the_model_of_its_hidden_states_only_while_these_are_not_there() -> None:
    domain = HardnessDomain(dataset="synthetic", n_train=8)
    asked = Evaluation(domain=domain, n=4, answering="choice")
    arm = Arm(model=HUB, method=LinearProbe(n=8, pools=(domain,)), train=domain)
    cell = Cell(arm=arm, evaluation=asked)
    found = {type(step).__name__: step.models() for step in plan_of(cells=(cell,)).steps}
    assert found["ProbeChoices"] == found["ProbeFits"] == ()
    assert found[HiddenStates.__name__] == (HUB,)


def test_a_sentence_embedder_is_no_model_of_a_hub() -> None:
    assert Anchoring.of(SentenceModel(), SUMS, (2,), n=2).models() == ()


@pytest.fixture
def no_hub(monkeypatch: pytest.MonkeyPatch) -> None:
    """A hub that cannot be reached."""
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", "http://127.0.0.1:9")


@pytest.mark.parametrize(
    "measurement",
    [
        Anchoring.of(HUB, SUMS, (2,), n=2),
        CategorySimilarity(embedder=weights_of(HUB)),
        CityMap(states=LabelledStates.of(weights_of(HUB), CITIES, [0]), layer=0),
        AGREEMENT,
    ],
    ids=lambda measurement: type(measurement).__name__,
)
@pytest.mark.usefixtures("no_hub")
def test_a_hub_model_that_one_measurement_alone_needs_is_checked_before_anything_runs(
    measurement: Measurement, tmp_path: Path
) -> None:
    store = Store(tmp_path / "store")
    with pytest.raises(UserError, match=r"model hub:nobody/nothing-1b is not downloaded and .* is not reached"):
        run_plan(plan_of(measurement), store)
    assert not list(tmp_path.glob("store/*/*"))
