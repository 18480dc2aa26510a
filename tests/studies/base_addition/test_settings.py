"""Settings of base-addition: every one that a plan takes has a report, and taught bases are always asked."""

import pytest

import offdiag
from offdiag.analyses.selection import is_planned
from offdiag.figures import drawn
from offdiag.gather import gather
from offdiag.parameters import parse_sets
from offdiag.store import Store

QUICK = "n_eval=3 n_counting=0 n_train=8 recipe.warmup_updates=0 seeds=0"
SETTINGS = [
    "prompts=step-by-step shots=[] tuned_bases=[]",
    "prompts=step-by-step tuned_bases=9 bases=10",
    "tuned_bases=8,9 other_bases=8",
    "digits=3 prompts=step-by-step tuned_rationales=true,false",
    "seeds=[] prompts=[] shown_rationales=[]",
]


def planned(stub, sets):
    given = parse_sets(sets.split())
    defaults = {name: value for name, value in parse_sets(QUICK.split()).items() if name not in given}
    return offdiag.plan("base-addition", "quick", model=f"dir:{stub}", **{**defaults, **given})


@pytest.mark.parametrize("sets", SETTINGS)
def test_what_is_planned_can_be_reported_before_anything_is_done(model_stub, tmp_path, sets):
    plan = planned(model_stub, sets)
    frames = gather(plan, Store(tmp_path / "store"))
    for analysis in plan.design.analyses:
        assert len(frames.table_or_note(analysis)) or analysis.name == "anchoring-correlation"  # nothing is measured
    for figure in plan.design.figures:
        assert drawn(figure, frames)[0].get_suptitle()
    (by_carries,) = (one for one in plan.design.analyses if one.name == "by-carries")
    assert set(frames.table(by_carries)["arm"]) == set(by_carries.arms) != set()


def test_a_taught_base_is_asked_whether_it_is_named_or_not(model_stub):
    asked = {
        (cell.arm.method.method, cell.evaluation.domain.base)
        for cell in planned(model_stub, "bases=10 tuned_bases=9 other_bases=11").cells
        if cell.evaluation.domain.task == "base_addition" and cell.evaluation.domain.digits == 2
    }
    assert {base for method, base in asked if method == "fine-tuning"} == {9, 10, 11}
    assert {base for method, base in asked if method == "zero-shot"} == {9, 10, 11}
    assert {base for method, base in asked if method == "in-context"} == {10}


def test_a_model_is_taught_each_length_and_each_has_figures_of_its_own(model_stub):
    plan = planned(model_stub, "tuned_digits=2,3 digits=2,3")
    taught = {cell.arm.train.digits for cell in plan.cells if cell.arm.method.method == "fine-tuning"}
    assert taught == {2, 3}
    own = {(c.arm.train.digits, c.evaluation.domain.digits) for c in plan.cells if c.arm.method.method == "fine-tuning"
           and c.evaluation.domain.task == "base_addition" and c.evaluation.domain.base == 8}  # fmt: skip
    assert own == {(2, 2), (2, 3), (3, 2), (3, 3)}
    names = [figure.name for figure in plan.design.figures if figure.name.startswith("transfer")]
    assert names == [f"transfer-{x}-taught-{digits}" for digits in (2, 3) for x in ("bases", "digits")]


def test_the_cells_of_the_original_are_all_drawn(model_stub):
    """Its 99 cells: everyone was asked to work step by step, answer-only learners too."""
    names = [figure.name for figure in planned(model_stub, "prompts=step-by-step").design.figures]
    assert {"k-shot", "k-shot-answer-only-step-by-step"} <= set(names)
    assert {"transfer-bases-step-by-step", "transfer-digits-step-by-step"} <= set(names)


def test_a_cell_that_lacks_a_factor_is_not_planned_for_it():
    cells = [{"method": "zero-shot", "eval_base": 8}, {"method": "in-context", "eval_base": 8, "rationale": True}]
    assert is_planned(cells, {"eval_base": 8, "rationale": True})
    assert not is_planned(cells, {"method": "zero-shot", "rationale": True})
    assert not is_planned(cells, {"rationale": 1})
    assert not is_planned([{"train_base": 8, "eval_base": 9}], {}, ("base",))
    assert is_planned([{"eval_base": 9}, {"train_base": 8, "eval_base": 9}], {"eval_base": 9}, ("base",))
