import pytest

from offdiag.engine import run_plan
from offdiag.errors import UserError
from offdiag.gather import gather
from offdiag.methods import FineTuning, InContext, ZeroShot
from offdiag.models import ModelSpec
from offdiag.planning import make_plan
from offdiag.store import Store
from offdiag.studies.base_addition.task import AdditionDomain
from offdiag.study import Arm, Cell, Design, Evaluation, Study, StudyParams
from support.tiny_study import RECIPE, RUNTIME, Params, steps_of

METHOD = FineTuning(n=4, recipe=RECIPE)


def chain(p: Params) -> Design:
    first = Arm(model=p.model, method=METHOD, train=AdditionDomain(base=8))
    second = Arm(model=p.model, method=METHOD, train=AdditionDomain(base=10), init_from=first)
    third = Arm(model=p.model, method=ZeroShot(), init_from=second)
    asked = Evaluation(domain=AdditionDomain(base=8), n=2, max_new_tokens=4)
    return Design(cells=tuple(Cell(arm=arm, evaluation=asked) for arm in (first, second, third)))


def test_the_second_stage_starts_from_the_merged_first_one(tiny_model, tmp_path):
    params = Params(model=ModelSpec(source=f"dir:{tiny_model}"))
    plan = make_plan(Study(name="chain", title="Chain.", claim="", scales={"only": params}, build=chain), "only")
    assert sorted(step.kind for step in plan.steps if step.kind not in ("answers", "cells", "examples")) == (
        ["training"] * 4
    )
    store = Store(tmp_path / "store")
    assert run_plan(plan, store, RUNTIME).complete
    cells = gather(plan, store).cells
    assert cells["after"].isna().tolist() == [True, False, False]
    first, second, third = (step.answers.weights for step in plan.cells.values())
    assert second.base.trained.adapter == first
    assert third.trained.adapter == second
    assert third.base == third
    assert len({step.fingerprint for step in steps_of(plan, "training")}) == 4


def last_of(n_arms):
    arm, spec, train = None, ModelSpec(source="hub:a/b"), AdditionDomain(base=8)
    for seed in range(n_arms):
        arm = Arm(model=spec, method=METHOD, train=train, seed=seed, init_from=arm)
    asked = Evaluation(domain=AdditionDomain(base=8), n=2, max_new_tokens=4)
    return Design(cells=(Cell(arm=arm, evaluation=asked),))


def planned(n_arms):
    study = Study(name="long", title="Long.", claim="", scales={"only": StudyParams()}, build=lambda p: last_of(n_arms))
    return make_plan(study, "only")


def test_a_long_chain_is_planned_and_one_that_would_fill_the_memory_is_refused_at_once():
    assert len(steps_of(planned(201), "training")) == 401  # all but the last are merged, too
    with pytest.raises(UserError, match="a chain of 1500 arms by init_from: at most 200 are before an arm"):
        planned(1500)


def test_an_arm_that_trained_nothing_cannot_be_continued(tiny_model):
    spec = ModelSpec(source=f"dir:{tiny_model}")
    shown = Arm(model=spec, method=InContext(k=1, rationale=True), train=AdditionDomain(base=8))
    with pytest.raises(UserError, match="expected an arm that trained weights"):
        Arm(model=spec, method=METHOD, train=AdditionDomain(base=8), init_from=shown).predictor()
