"""Steps that offdiag does not know are counted, noted and timed like its own, and their models are checked."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest

from offdiag.cost import Cost, Throughput, estimate, measured
from offdiag.cost.tokens import split
from offdiag.engine import run_plan
from offdiag.errors import UserError
from offdiag.methods import Recipe
from offdiag.models import ModelSpec
from offdiag.planning import Plan, make_plan
from offdiag.steps import Context, CostLine, Examples, Generations, Grades, Weights, Work, load_rows
from offdiag.store import Store
from offdiag.studies.base_addition.task import AdditionDomain
from offdiag.study import Arm, Cell, Design, Evaluation
from offdiag.tasks import Domain, Example, get_task
from support.third_party import EchoTuning, Surprise, UncountedSurprise
from support.tiny_study import RECIPE, RUNTIME, Params, tell_context, tiny_study

SUMS = AdditionDomain(base=8)
HUB = ModelSpec(source="hub:nobody/nothing-1b")
POOL = Examples(domain=SUMS, split="eval", n=10)
CHAT = 8  # tokens of the template around a prompt


def surprise(model: ModelSpec, of: type[Surprise] = Surprise) -> Surprise:
    return of(weights=Weights(spec=model), examples=POOL)


def echoing(model: ModelSpec, recipe: Recipe = RECIPE) -> Cell:
    arm = Arm(model=model, method=EchoTuning(n=8, recipe=recipe), train=SUMS)
    return Cell(arm=arm, evaluation=Evaluation(domain=SUMS, n=6, max_new_tokens=4))


def plan_of(*measurements: Surprise, cells: Sequence[Cell] = (), model: ModelSpec = HUB) -> Plan:
    design = Design(cells=tuple(cells), measurements=measurements)
    return make_plan(tiny_study(Params(model=model), lambda p: design), "only")


def line(cost: Cost, kind: str) -> CostLine:
    return next(line for line in cost.lines if line.kind == kind)


def test_a_measurement_is_counted() -> None:
    cost = estimate(plan_of(surprise(HUB)))
    found = line(cost, "measurements")
    mean = np.mean([len(split(e.problem)) for e in get_task("base_addition").examples(SUMS, "eval", 4, 0)])
    assert found.prompt_tokens == found.read_tokens == round(10 * float(mean)) > 0
    assert found.flops_most == 2 * 1e9 * found.read_tokens
    assert [(phase.phase, phase.model) for phase in cost.memory] == [("answer", "nothing-1b (float32)")]
    assert not [note for note in cost.notes if "not counted" in note]


def test_a_training_is_counted_with_the_memory_of_its_adapter() -> None:
    model = ModelSpec(source="hub:HuggingFaceTB/SmolLM2-135M")
    cost = estimate(plan_of(cells=[echoing(model)], model=model))
    task = get_task("base_addition")
    items = task.examples(SUMS, "train", 4, 0)
    length = np.mean([len(split(task.prompt(SUMS, e, "direct"))) + len(split(e.problem)) + 1 for e in items])
    template = 30  # of SmolLM2
    assert line(cost, "training").trained_tokens == round(8 * (float(length) + template))
    answer, train = cost.memory
    assert (answer.phase, train.phase) == ("answer", "train")
    assert answer.adapter == train.adapter > 0


def test_a_step_that_does_not_say_what_it_costs_is_noted() -> None:
    cost = estimate(plan_of(surprise(HUB, UncountedSurprise)))
    assert cost.notes == ("measurements of type UncountedSurprise are not counted",)
    assert line(cost, "measurements") == CostLine(kind="measurements")


def test_what_is_longer_than_the_context_is_refused(model_stub: Path) -> None:
    spec = ModelSpec(source=f"dir:{model_stub}")
    tell_context(model_stub, 30)
    with pytest.raises(UserError, match=r"echo.*item .*context is 30: choose shorter examples"):
        estimate(plan_of(cells=[echoing(spec)], model=spec))


@pytest.mark.parametrize("plan", [plan_of(surprise(HUB)), plan_of(cells=[echoing(HUB)])], ids=["measured", "trained"])
def test_their_models_are_checked_before_anything_runs(
    plan: Plan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(UserError, match="model hub:nobody/nothing-1b is not downloaded"):
        run_plan(plan, Store(tmp_path / "store"))
    assert not list(tmp_path.glob("store/*/*"))


def test_they_run_and_say_how_fast_they_were(tiny_model: Path, tmp_path: Path) -> None:
    model, store = ModelSpec(source=f"dir:{tiny_model}"), Store(tmp_path / "store")
    plan = plan_of(surprise(model), cells=[echoing(model)], model=model)
    assert measured(plan, store) == Throughput()
    assert run_plan(plan, store, RUNTIME).complete
    rows = load_rows(store.folder(plan.measurements[0]))
    assert len(rows) == 10
    assert all(row["nats"] > 0 for row in rows)
    rates = measured(plan, store)
    assert min(rates.generated or 0, rates.trained or 0, rates.read or 0) > 0
    done = (store.result(plan.measurements[0]) or {})["summary"]
    assert rates.read == pytest.approx(line(estimate(plan), "measurements").read_tokens / done["seconds"])


class Recalled(Context):
    """What a model answered before, which nobody knows before it has."""

    tag: ClassVar[str] = "test-recalled"
    label: ClassVar[str] = "recalled"
    answers: Generations

    def prompts(self, work: Work, domain: Domain, queries: Sequence[Example], bare: Sequence[str]) -> list[str]:
        return [f"{work.output(self.answers)}{prompt}" for prompt in bare]


def test_prompts_that_another_step_makes_are_noted_and_the_others_still_checked(model_stub: Path) -> None:
    spec = ModelSpec(source=f"dir:{model_stub}")
    cell = echoing(spec).step()
    assert isinstance(cell, Grades)
    first = cell.answers
    assert isinstance(first, Generations)
    second = first.model_copy(update={"context": Recalled(answers=first)})
    plan = plan_of(cells=[echoing(spec)], model=spec)
    longer = replace(plan, steps=[second, *plan.steps])
    tell_context(model_stub, 300)
    cost = estimate(longer)
    assert cost.notes == (
        "answers of type Generations are not counted: their prompts are made by a step that has not run",
    )
    assert line(cost, "answers").generated_most == 6 * 4
    assert line(cost, "answers").steps == 2
    tell_context(model_stub, 30)
    with pytest.raises(UserError, match="context is 30"):
        estimate(longer)
