"""How a result was made stands beside it, and a table whose results were made differently says so."""

import json
from importlib.metadata import version

import pytest

from offdiag.engine import run_plan
from offdiag.gather import gather
from offdiag.planning import Plan
from offdiag.provenance import LIBRARIES, NOTES, installed, mixture, note, other_versions, recording
from offdiag.store import State, Store, read_json
from support.tiny_study import answer_by_hand, steps_of, tiny_plan, write_result

OLD, NEW = {"versions": {"torch": "2.0"}}, {"versions": {"torch": "2.1"}}
UNKNOWN: dict[str, object] = {}


def test_a_cell_says_with_what_it_was_made(tiny_model, tmp_path):
    plan, store = tiny_plan(tiny_model, n_eval=2).select("tiny--base=8,digits=2.direct"), Store(tmp_path / "store")
    assert run_plan(plan, store).complete
    (step,) = steps_of(plan, "answers")
    made = store.provenance(step)
    assert made["versions"] == {name: version(name) for name in ("offdiag", *LIBRARIES)}
    assert (made["device"], made["dtype"], made["model"]) == ("cpu", "float32", f"dir:{tiny_model}")
    assert made["attention"]
    assert len(made["chat_template"]) == 16
    (cell,) = steps_of(plan, "cells")
    assert store.provenance(cell)["versions"] == {"offdiag": version("offdiag")}
    assert gather(plan, store).notices == ()


def test_nothing_is_noted_outside_of_a_step():
    note(device="cpu")
    with recording() as noted:
        note(model="m", device="cuda")
        note(device="cpu")
    assert noted == {"model": "m", "device": "cpu", "versions": dict(installed())}


@pytest.mark.parametrize(
    ("cells", "said"),
    [
        ([[OLD], [OLD]], None),
        ([[OLD], [UNKNOWN]], None),
        ([[OLD], [NEW], [OLD]], "torch 2.0 (2 cells), 2.1 (1 cell)"),
        ([[OLD, NEW]], "torch 2.0 (1 cell), 2.1 (1 cell)"),
        ([[{"device": "cpu"}], [{"device": "cuda H"}]], "device cpu (1 cell), cuda H (1 cell)"),
        ([[{"model": "a", "attention": "x"}], [{"model": "b", "attention": "y"}]], None),
        (
            [
                [
                    {"model": "a", "kind": "training", "attention": "x"},
                    {"model": "a", "kind": "answers", "attention": "y"},
                ]
            ],
            None,
        ),
        ([[{"model": "a", "chat_template": "x"}], [{"model": "a", "chat_template": "y"}]], "chat_template of a x (1"),
    ],
)
def test_a_mixture_is_one_line(cells, said):
    found = mixture(cells)
    assert found is None if said is None else said in found
    assert "\n" not in (found or "")


def test_what_is_installed_counts_where_more_is_to_be_done():
    assert "2.0 (1 cell), 2.1 (what is to be done)" in str(mixture([[OLD]], {"torch": "2.1", "peft": "1"}))
    assert mixture([[UNKNOWN]], {"torch": "2.1"}) is None


def test_what_a_killed_run_noted_stands_in_the_result_of_the_next(tmp_path):
    file = tmp_path / "noted.json"
    with pytest.raises(KeyboardInterrupt), recording(file):
        note(model="dir:tiny", device="cpu")
        raise KeyboardInterrupt
    with recording(file) as noted:  # all that needs the model is done
        note(device="cuda")
    assert noted == {"model": "dir:tiny", "device": "cuda", "versions": dict(installed())}


def test_what_a_step_noted_is_kept_until_its_result_stands(tiny_model, tmp_path, monkeypatch):
    plan, store = tiny_plan(tiny_model, n_eval=2).select("tiny.lora"), Store(tmp_path / "store")
    (training,) = steps_of(plan, "training")
    finish = Store.finish

    def killed(self, step, *rest):
        if step == training:
            raise KeyboardInterrupt
        finish(self, step, *rest)

    with monkeypatch.context() as before, pytest.raises(KeyboardInterrupt):
        before.setattr(Store, "finish", killed)
        run_plan(plan, store)
    assert run_plan(plan, store).complete  # which needs no model to find that nothing is left to train
    assert store.provenance(training)["model"] == f"dir:{tiny_model}"
    assert not (store.folder(training) / NOTES).exists()


@pytest.fixture
def half_old(model_stub, tmp_path) -> tuple[Plan, Store]:
    """Two finished cells, of which one was answered with another torch."""
    plan, store = tiny_plan(model_stub, n_eval=3).select("stub--"), Store(tmp_path / "store")
    for step in steps_of(plan, "answers"):
        answer_by_hand(store, step, lambda i: True)
    assert run_plan(plan, store).complete
    first, second = steps_of(plan, "answers")
    for step, torch in ((first, "0.1"), (second, installed()["torch"])):
        folder = store.folder(step)
        write_result(folder, {**read_json(folder / "result.json"), "provenance": {"versions": {"torch": torch}}})
    return plan, store


def test_a_table_that_mixes_versions_is_accepted_and_says_so(half_old):
    plan, store = half_old
    results = gather(plan, Store(store.root))
    assert set(results.cells["state"]) == {"done"}
    (notice,) = results.notices
    assert f"torch 0.1 (1 cell), {installed()['torch']} (1 cell)" in notice


def test_other_versions_are_stale_where_that_is_asked_for(half_old):
    plan, old = half_old
    store = Store(old.root, "stale")
    survey = {state.step.kind: state for state in plan.survey(store) if state.state is State.STALE}
    assert set(survey) == {"answers", "cells"}  # of two each, one; what was made of it is stale, too
    assert survey["answers"].note == f"torch: 0.1 → {installed()['torch']}"
    assert survey["cells"].note.endswith("is made anew")
    assert sorted(gather(plan, store).cells["state"]) == ["done", "missing"]
    assert not other_versions({"versions": {"torch": installed()["torch"]}}) | other_versions({})


def test_a_run_makes_stale_versions_anew(half_old):
    plan, old = half_old
    store = Store(old.root, "stale")
    first = steps_of(plan, "answers")[0]
    run_plan(plan, store)  # the stub cannot be loaded, but its old answers are gone and not taken again
    assert store.result(first) is None
    assert json.loads((store.folder(steps_of(plan, "answers")[1]) / "result.json").read_text())
