"""Fine-tunings of base-addition that are asked on the way, or taught several bases or lengths at once."""

import pytest

import offdiag
from offdiag.errors import UserError
from offdiag.gather import gather
from offdiag.methods import FineTuning
from offdiag.store import Store
from support.made_up import fill

SMALL = {
    "bases": "8,10", "digits": "2", "shots": "", "tuned_bases": "8", "n_train": "8", "n_eval": "4", "n_counting": "3",
    "recipe.warmup_updates": "0", "recipe.batch_size": "4", "seeds": "0,1", "anchor_forms": "",
}  # fmt: skip


def planned(**sets):
    return offdiag.plan("base-addition", "quick", **{**SMALL, **sets})


def asked(plan):
    """What each fine-tuned model is asked, by base, training and update."""
    found = {}
    for cell in plan.cells:
        if isinstance(cell.arm.method, FineTuning):
            key = (str(cell.arm.train), cell.arm.seed, cell.arm.checkpoint)
            found.setdefault(key, []).append(cell.evaluation.domain)
    return found


def test_snapshots_are_asked_all_sums_and_no_numerals():
    found = asked(planned(eval_checkpoints="2,1"))
    assert {update for _, _, update in found} == {None, 1, 2}
    for (train, seed, update), domains in found.items():
        sums = [domain for domain in domains if domain.task == "base_addition"]
        assert sums == [d for d in found[train, seed, None] if d.task == "base_addition"]
        assert (len(sums) < len(domains)) == (update is None)


def test_without_checkpoints_a_training_is_what_it_was():
    (method,) = {cell.arm.method for cell in planned().cells if isinstance(cell.arm.method, FineTuning)}
    assert method.recipe == planned().params.recipe
    assert [step.table for step in planned().measurements] == []
    assert {step.table for step in planned(eval_checkpoints="1").measurements} == {"training"}


def test_mixtures_are_taught_as_one_set_and_asked_in_each_of_their_bases():
    found = asked(planned(tuned_bases="8x1+9x1", digits="2,3"))
    assert {train for train, *_ in found} == {"base=8x1+9x1,digits=2"}
    sums = {(d.base, d.digits) for domains in found.values() for d in domains if d.task == "base_addition"}
    assert sums == {(8, 2), (9, 2), (10, 2), (8, 3), (9, 3)}
    lengths = asked(planned(tuned_digits="2x1+3x1"))
    assert {train for train, *_ in lengths} == {"base=8,digits=2x1+3x1"}
    assert {d.digits for domains in lengths.values() for d in domains if d.task == "base_addition"} == {2, 3}


def test_bases_are_drawn_over_updates_and_changes_at_the_end_alone(tiny_model, tmp_path):
    plan = planned(model=f"dir:{tiny_model}", eval_checkpoints="1", tuned_bases="8,8x1+9x1", seeds="0", digits="2,3")
    store = Store(tmp_path)
    fill(plan, store)
    results = gather(plan, store)
    drawn = ("training-answer-only", "transfer-bases", "transfer-digits", "transfer-digits-8x1-9x1-in-9")
    figures = {figure.name: figure.plot(results) for figure in plan.design.figures if figure.name in drawn}
    assert set(figures) == set(drawn)
    titles = [axes.get_title() for axes in figures["transfer-bases"].axes]
    assert len(titles) == 2  # one panel of base 8, one of the mixture
    lower = [axes for axes in figures["training-answer-only"].axes if axes.get_ylabel() == "accuracy"]
    assert len(lower) == 3  # bases 8, 9 and 10
    for axes in lower:
        for line in (line for line in axes.lines if line.get_gid() == "mean"):
            assert [round(float(x)) for x in line.get_xdata()] == [1, 2]


@pytest.mark.parametrize(
    ("sets", "complaint"),
    [
        ({"eval_checkpoints": "0"}, "eval_checkpoints=0: expected numbers of updates from 1 on"),
        ({"eval_checkpoints": "9"}, "a snapshot after 9 updates lies beyond the 2 of this training"),
        ({"eval_checkpoints": "1", "tuned_bases": ""}, "eval_checkpoints: nothing is fine-tuned here"),
        ({"recipe.snapshots": "1"}, "recipe.snapshots: type eval_checkpoints"),
        ({"tuned_digits": "2+3"}, "tuned_digits=2\\+3: expected a number"),
        ({"tuned_bases": "8+9"}, "tuned_bases=8\\+9: expected a number, or numbers with how often each comes"),
        ({"tuned_bases": "8x1+9x1,9x2+8x2"}, "tuned_bases=9x2\\+8x2, tuned_digits=2 are one mixture"),
        ({"tuned_bases": "8,8x3"}, "tuned_bases=8x3, tuned_digits=2 are one mixture"),
    ],
)
def test_what_cannot_be_is_refused(sets, complaint):
    with pytest.raises(UserError, match=complaint):
        planned(**sets)
