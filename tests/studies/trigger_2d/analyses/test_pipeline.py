"""From arms of two stages to tables and figures, with answers written by hand."""

import pytest

from offdiag.engine import run_plan
from offdiag.gather import gather
from offdiag.methods import FineTuning, Proxy, Recipe
from offdiag.models import ModelSpec
from offdiag.planning import make_plan
from offdiag.steps.jsonl import write_jsonl
from offdiag.store import Store
from offdiag.studies.trigger_2d.analyses.leakage import Leakage
from offdiag.studies.trigger_2d.analyses.protection import Protection
from offdiag.studies.trigger_2d.figures.label_scatter import LabelScatter
from offdiag.studies.trigger_2d.figures.leakage_matrix import LeakageMatrix
from offdiag.studies.trigger_2d.task import HALVES, TriggerDomain
from offdiag.study import Arm, Cell, Design, Evaluation, Study, StudyParams
from support.tiny_study import steps_of

RECIPE = Recipe(rank=2, alpha=4, learning_rate=1e-2, warmup_updates=0, batch_size=4)
TASK, N = "positive_emotions", 40


class Params(StudyParams):
    model: ModelSpec


def build(p: Params) -> Design:
    """Two stages.

    One rule for all, then another for one category.
    """
    first = Arm(model=p.model, method=FineTuning(n=140, recipe=RECIPE), train=TriggerDomain())
    taught = TriggerDomain(category=TASK, rule="conflict")
    arms = [
        Arm(model=p.model, method=FineTuning(n=40, recipe=RECIPE, proxy=proxy), train=taught, init_from=first)
        for proxy in (None, Proxy(domain=TriggerDomain(category="foods", n_triggers=2), n=16))
    ]
    asked = [
        TriggerDomain(category=name, triggers="ood", rule="conflict" if name == TASK else "original")
        for name in HALVES.category_names
    ]
    return Design(
        cells=tuple(
            Cell(arm=arm, evaluation=Evaluation(domain=domain, n=N, answering="choice"))
            for arm in arms
            for domain in asked
        ),
        analyses=(Leakage(name="leakage"), Protection(name="protection")),
        figures=(LeakageMatrix(name="matrix"), LabelScatter(name="plane", category="foods")),
    )


@pytest.fixture
def results(tmp_path, model_stub):
    """All right but for the animals, which follow the new rule unless there is a proxy."""
    study = Study(
        name="t", title="", claim="", scales={"s": Params(model=ModelSpec(source=f"dir:{model_stub}"))}, build=build
    )
    plan, store = make_plan(study, "s"), Store(tmp_path / "store")
    for step in steps_of(plan, "answers"):
        leaks = step.examples.domain.category == "animals" and "foods2" not in step.name
        rows = []
        for i, example in enumerate(step.examples.sample()):
            said = HALVES.label("animals", "conflict", example.strata["quadrant"]) if leaks else example.target
            row = {"index": i, "example": example.id, "prompt": "", "completion": said}
            rows.append({**row, "n_prompt": 1, "n_tokens": 1, "finish": "choice"})
        with store.claim(step, {}) as folder:
            write_jsonl(folder / "answers.jsonl", rows)
            store.finish(step, {"n": len(rows)})
    assert run_plan(plan, store).complete
    return gather(plan, store)


def test_tables_and_figures_of_a_two_stage_study(results):
    assert set(results.cells["state"]) == {"done"}
    leaked = Leakage(name="leakage").table(results).set_index(["proxy_category", "category"])["leaked"]
    assert leaked["none", TASK] == leaked["foods", TASK] == 1
    assert (leaked["none", "animals"], leaked["foods", "animals"]) == (1, 0)
    assert leaked["none", "objects"] == 0
    protection = Protection(name="protection").table(results).set_index("category")
    assert protection.loc["animals", "change"] == -1
    assert protection.loc["animals", "p_value"] == 0.5**5  # mid-p of five words that all agree
    assert protection.loc["objects", "p_holm"] == 1
    assert protection["covered"].to_dict()["foods"]
    assert len(LeakageMatrix(name="matrix").plot(results).axes[0].patches) == 15
    assert [a.get_title() for a in LabelScatter(name="plane", category="animals").plot(results).axes[5:10]] == [
        "0 % [0, 32]"
    ] * 5
