"""What the study of hardness would measure."""

from collections import Counter

import pytest

import offdiag
from offdiag.errors import UserError
from offdiag.methods import FineTuning, LinearProbe, ZeroShot
from offdiag.planning import make_plan
from offdiag.studies.easy_to_hard.item_hardness.params import CPU, MEASURES, PAPER, QUICK
from offdiag.study_files import load_study


def test_the_paper_scale():
    """Section 14, rows 7-9: four models, on ARC all measures, else those without a lesson; 25 lessons a method."""
    assert [model.short_name for model in PAPER.models] == ["llama-7b", "falcon-7b", "Mistral-7B-v0.1", "mpt-7b"]
    assert (PAPER.sizes, PAPER.bootstraps, PAPER.pool) == ((5, 20, 80, 340, 900), 5, "main")
    updates = {n: PAPER.recipe_for(n).updates(n) for n in PAPER.sizes}
    assert updates == {5: 10, 20: 10, 80: 10, 340: 21, 900: 54}  # 3 epochs of batches of 50, at least 10 updates
    assert {name: PAPER.of(name) for name in PAPER.datasets} == {
        "arc": MEASURES[:5], "mmlu": ("zero_shot_mdl", "question_nll", "answer_nll"),
        "strategyqa": ("zero_shot_mdl", "question_nll", "answer_nll", "reasoning_nll"),
    }  # fmt: skip


def test_the_quick_scale_needs_no_data():
    plan = offdiag.plan("item-hardness")
    plan.check()
    assert Counter(type(cell.arm.method) for cell in plan.cells) == {ZeroShot: 1, FineTuning: len(QUICK.sizes)}
    assert {cell.evaluation.n for cell in plan.cells} == {500}


def test_all_of_arc_is_measured_by_what_is_not_taught(real):
    plan = offdiag.plan("item-hardness", "cpu")
    plan.check()  # no copy of what is taught is asked
    assert {cell.evaluation.n for cell in plan.cells} == {3521}
    assert Counter(type(c.arm.method) for c in plan.cells) == {
        ZeroShot: 1,
        LinearProbe: len(CPU.sizes) * CPU.bootstraps,
    }
    whole = offdiag.plan("item-hardness", "cpu", pool="whole")
    whole.check()
    assert {(type(c.arm.method), c.evaluation.n) for c in whole.cells} == {(ZeroShot, 4521), (LinearProbe, 3521)}


@pytest.mark.parametrize(
    ("sets", "complaint"),
    [
        ({"datasets": "gsm8k", "measures": "zero_shot_mdl"}, "gsm8k has no choices to compare; it allows question"),
        ({"datasets": "mmlu", "measures": "probe_mdl"}, "mmlu holds no items out to train on; it allows zero_shot"),
        ({"datasets": "synthetic,gsm8k", "measures": "finetuned_mdl"}, "measures=finetuned_mdl: gsm8k has no choices"),
        ({"datasets": "arc", "measures": "reasoning_nll"}, "arc has no reasoning to read"),
        ({"sizes": "5,901"}, "sizes=5,901: expected numbers from 1 to 900, the items that synthetic has to train on"),
        ({"sizes": "0,5"}, "expected numbers from 1 to 900"),
        ({"models": "hub:a/b,hub:c/b"}, "models: a value stands there twice"),
        ({"datasets": "trivia"}, "unknown data set 'trivia': expected synthetic, arc"),
        ({"measures": "guessing"}, "measures.*should be 'zero_shot_mdl'"),
    ],
)  # fmt: skip
def test_mistakes_are_refused_in_one_line(sets, complaint):
    with pytest.raises(UserError, match=complaint) as error:
        make_plan(load_study("item-hardness"), "quick", sets)
    assert "\n" not in str(error.value)


def test_texts_of_gsm8k_are_read_and_nothing_is_chosen(real):
    plan = offdiag.plan("item-hardness", "paper", datasets="gsm8k", measures="question_nll,reasoning_nll")
    assert not plan.cells
    names = [m.factors()["measure"] for m in plan.measurements]
    assert names[-3:] == ["reasoning_nll@Mistral-7B-v0.1", "reasoning_nll@mpt-7b", "reasoning_nll@average"]


def test_every_model_measures_the_same_items_after_the_same_lessons(real):
    plan = offdiag.plan("item-hardness", "paper", datasets="arc")
    by_model = {}
    for cell in plan.cells:
        arm = cell.arm
        told = (arm.method, arm.train, arm.seed, cell.evaluation)
        by_model.setdefault(arm.model.short_name, []).append(told)
    assert len(by_model) == 4
    assert len({tuple(map(repr, told)) for told in by_model.values()}) == 1
    assert [len(told) for told in by_model.values()] == [1 + 2 * 5 * 5] * 4
