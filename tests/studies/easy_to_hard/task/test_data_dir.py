"""Where data lie: what a plan was made of, and two of them beside each other in one process."""

import os
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

import offdiag
from offdiag.cost import estimate
from offdiag.engine import Inline, run_plan
from offdiag.errors import UserError
from offdiag.inspection import find_planned
from offdiag.runtime import Runtime
from offdiag.steps import load_examples
from offdiag.store import State, Store
from offdiag.tasks import get_task, parse_domain
from offdiag.tasks.data import ENV, DataPlace, data_at, data_dir

CPU = Runtime(device="cpu", threads=1)


@pytest.fixture
def two(raw, tmp_path, monkeypatch):
    """Two folders with other questions in them; nobody has said where data lie."""
    monkeypatch.setenv(ENV, "")
    other = tmp_path / "other data"
    shutil.copytree(raw, other)
    for path in (other / "strategyqa").iterdir():
        path.write_text(path.read_text().replace(" much?", " little?"))
    return raw, other


def planned(model, **sets):
    return offdiag.plan("hidden-states", models=f"dir:{model}", datasets="strategyqa", pool="whole", **sets)


def identities(plan):
    return [step.fingerprint for step in plan.steps]


def questions(plan, store):
    (examples,) = [step for step in plan.steps if step.kind == "examples"]
    return {example.problem for example in load_examples(store.folder(examples))}


MUCH, LITTLE = ({f"Is {n} {how}?" for n in range(1, 6)} for how in ("much", "little"))


@pytest.mark.parametrize("workers", [1, 2])
def test_two_plans_of_two_folders_do_not_interfere(two, tiny_model, tmp_path, workers):
    store = Store(tmp_path / "store")
    one, other = (planned(tiny_model, data_dir=str(folder)) for folder in two)
    assert not set(identities(one)[1:]) & set(identities(other)[1:])
    for plan in (one, other):
        plan.check()
        assert estimate(plan).total.read_tokens
    runs = [run_plan(plan, store, CPU, workers=workers) for plan in (other, one)]
    assert all(run.complete and run.planned for run in runs)
    assert (questions(one, store), questions(other, store)) == (MUCH, LITTLE)
    assert identities(planned(tiny_model, data_dir=two[0])) == identities(one)
    assert {state.state for plan in (one, other) for state in plan.survey(store)} == {State.DONE}
    assert os.environ[ENV] == ""
    assert data_dir() == ""


def test_a_plan_keeps_to_the_data_that_it_was_made_of(two, tiny_model, tmp_path, monkeypatch):
    store = Store(tmp_path / "store")
    monkeypatch.setenv(ENV, str(two[0]))
    plan = planned(tiny_model)
    monkeypatch.setenv(ENV, str(two[1]))
    assert run_plan(plan, store, CPU).complete
    assert questions(plan, store) == MUCH


def test_an_engine_of_ones_own_reads_the_plans_data(two, tiny_model, tmp_path):
    store = Store(tmp_path / "store")
    plan = planned(tiny_model, data_dir=two[1])
    assert run_plan(plan, store, CPU, engine=Inline).complete
    assert questions(plan, store) == LITTLE


def test_how_a_folder_is_named_makes_no_difference(two, tiny_model, monkeypatch):
    wanted = identities(planned(tiny_model, data_dir=str(two[0])))
    with data_at(str(two[0])):
        assert identities(planned(tiny_model)) == wanted
    monkeypatch.chdir(two[0].parent)
    by_path = planned(tiny_model, data_dir=Path(two[0].name))
    assert identities(by_path) == wanted
    assert by_path.data_dir == str(two[0])
    assert f"--set 'data_dir={two[0].name}'" in by_path.command
    monkeypatch.setenv(ENV, str(two[0]))
    assert identities(planned(tiny_model)) == wanted
    copy = two[0].parent / "copy"
    shutil.copytree(two[0], copy)
    assert identities(planned(tiny_model, data_dir=copy)) == wanted


def test_the_runtime_says_where_data_lie(two, tiny_model, tmp_path):
    words = {"models": f"dir:{tiny_model}", "datasets": "strategyqa", "pool": "whole", "store": tmp_path / "store"}
    assert offdiag.run("hidden-states", runtime=replace(CPU, data_dir=str(two[1])), **words).complete
    assert questions(planned(tiny_model, data_dir=two[1]), Store(tmp_path / "store")) == LITTLE


def test_a_runtime_with_other_data_than_the_plan_is_refused(two, tiny_model, tmp_path):
    plan = planned(tiny_model, data_dir=two[0])
    with pytest.raises(UserError, match=r"the plan was made of the data in .*raw data, and the runtime says data_dir="):
        run_plan(plan, Store(tmp_path / "store"), replace(CPU, data_dir=str(two[1])))
    assert not (tmp_path / "store").exists()


def test_a_step_is_found_again_by_where_its_study_had_its_data(two, tiny_model, tmp_path):
    store = Store(tmp_path / "store")
    plan = planned(tiny_model, data_dir=two[0])
    run_plan(plan, store, CPU)
    found = [find_planned(store, step.folder_name)[1].fingerprint for step in plan.steps]
    assert found == identities(plan)


def test_examples_of_two_folders_are_compared_with_their_own_items(two, tmp_path):
    """The keys of what is taught and asked are remembered, by what the data are."""
    from offdiag.planning import _keys
    from offdiag.steps import Examples

    task = get_task("easy_to_hard")

    def keys(folder):
        with data_at(str(folder)):
            examples = Examples(domain=parse_domain(task, "dataset=strategyqa,n_train=0"), split="eval", n=5)
            return _keys(examples, examples.fingerprint)

    assert not keys(two[0]) & keys(two[1])


def test_a_place_is_kept_for_processes_that_start_elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for said, meant in (("here", f"{tmp_path / 'here'}"), ("hub:here", f"hub:{tmp_path / 'here'}"), ("hub", "hub")):
        with data_at(said):
            assert data_dir() == meant
            assert str(DataPlace.of(meant)) == meant
            with data_at(""):
                assert data_dir() == meant
    assert data_dir() == ""


def test_a_place_is_left_after_an_error(tmp_path):
    with pytest.raises(ValueError, match="bad"), data_at(str(tmp_path)):
        raise ValueError("bad")
    assert data_dir() == ""
