"""Answers are joined to examples by id; examples are those that were drawn; a killed snapshot step is resumed."""

import os
from pathlib import Path
from types import SimpleNamespace

import pytest

from offdiag.engine.execute import ModelSlot, StepWork
from offdiag.errors import StoreError
from offdiag.lease import LeaseLostError, lease
from offdiag.runtime import Runtime
from offdiag.steps import Examples, Snapshot, load_examples, load_records
from offdiag.steps.jsonl import read_jsonl, write_jsonl
from offdiag.store import Store, read_json, write_json
from offdiag.studies.base_addition.task import AdditionDomain
from offdiag.training.snapshots import snapshot_folder
from support.tiny_study import RECIPE, answer_by_hand, list_again, steps_of, tiny_plan


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "store")


@pytest.fixture
def grades(store, model_stub):
    """A cell whose first half of the answers is right."""
    grades = steps_of(tiny_plan(model_stub), "cells")[0]
    answer_by_hand(store, grades.answers, lambda i: i < 3)
    examples = grades.answers.examples
    with store.claim(examples, {}) as folder:
        store.finish(examples, examples.run(SimpleNamespace(folder=folder)))
    return grades


def graded(store, grades):
    with store.claim(grades, {}) as folder:
        grades.run(SimpleNamespace(folder=folder, output=store.folder))
        return load_records(folder)


def test_answers_in_another_order_get_the_same_verdicts(store, grades):
    path = store.folder(grades.answers) / "answers.jsonl"
    before = graded(store, grades)
    assert [record["correct"] for record in before] == [True] * 3 + [False] * 3
    write_jsonl(path, read_jsonl(path)[::-1])
    assert graded(store, grades) == before


@pytest.mark.parametrize("spoil", [lambda r: r[:-1], lambda r: [*r, r[0]], lambda r: [*r[:-1], r[0]], lambda r: []])
def test_answers_that_are_not_one_to_each_example_are_refused(store, grades, spoil):
    path = store.folder(grades.answers) / "answers.jsonl"
    write_jsonl(path, spoil(read_jsonl(path)))
    with pytest.raises(StoreError, match=r"answers to \d examples, expected one to each of 6: delete it and run again"):
        graded(store, grades)


@pytest.mark.parametrize("spoil", [lambda r: r[:3], lambda r: r[::-1], lambda r: [*r[:-1], r[0]]])
def test_examples_that_are_not_those_which_were_drawn_are_refused(store, spoil):
    step = Examples(domain=AdditionDomain(base=8), split="train", n=6)
    with store.claim(step, {}) as folder:
        store.finish(step, step.run(SimpleNamespace(folder=folder)))
    assert len(load_examples(folder)) == 6
    path = folder / "examples.jsonl"
    write_jsonl(path, spoil(read_jsonl(path)))
    result = read_json(folder / "result.json")
    del result["files"], result["crc32"]  # as earlier versions wrote it
    write_json(folder / "result.json", result)
    with pytest.raises(StoreError, match="are not the 6 which were drawn: delete it and run again"):
        load_examples(folder)
    list_again(folder)


def test_a_snapshot_step_that_was_killed_while_it_linked_is_resumed(store, model_stub, tmp_path, monkeypatch):
    recipe = RECIPE.model_copy(update={"snapshots": (1,)})
    (training,) = steps_of(tiny_plan(model_stub, recipe=recipe), "training")
    kept = snapshot_folder(store.folder(training), 1)
    kept.mkdir(parents=True)
    for name in ("a", "b", "c"):
        (kept / name).write_text(name)
    step = Snapshot(training=training, update=1)
    work = SimpleNamespace(folder=tmp_path / "step", output=store.folder, runtime=Runtime())
    work.folder.mkdir()
    link, links = os.link, []

    def killed(source, target, **more):
        links.append(source)
        if len(links) == 2:
            raise KeyboardInterrupt
        link(source, target, **more)

    monkeypatch.setattr(os, "link", killed)
    with pytest.raises(KeyboardInterrupt):
        step.run(work)
    assert not (work.folder / "weights").exists()
    monkeypatch.undo()
    for _ in range(2):
        assert step.run(work) == {"update": 1}
        assert {path.name: path.read_text() for path in (work.folder / "weights").iterdir()} == {
            "a": "a", "b": "b", "c": "c"
        }  # fmt: skip
    assert [path.name for path in work.folder.iterdir()] == ["weights"]


@pytest.mark.parametrize("when", ["reading", "linking"])
def test_a_snapshot_step_that_lost_its_lease_leaves_what_the_other_one_made(
    store, model_stub, tmp_path, monkeypatch, when
):
    recipe = RECIPE.model_copy(update={"snapshots": (1,)})
    (training,) = steps_of(tiny_plan(model_stub, recipe=recipe), "training")
    kept = snapshot_folder(store.folder(training), 1)
    kept.mkdir(parents=True)
    (kept / "a").write_text("a")
    place, link = tmp_path / "step", os.link
    place.mkdir()

    def lose():
        (place / "lease.json").write_text("{}")
        (place / "weights").mkdir()
        (place / "weights" / "theirs").touch()

    class Losing(StepWork):
        def output(self, step):
            if when == "reading":
                lose()
            return store.folder(step)

    def linked(source, target, **more):
        if place in Path(target).parents and when == "linking":
            lose()
        link(source, target, **more)

    with lease(place / "lease.json"):
        monkeypatch.setattr(os, "link", linked)
        with pytest.raises(LeaseLostError):
            Snapshot(training=training, update=1).run(Losing(place, store, Runtime(), ModelSlot()))
        monkeypatch.undo()
    assert [path.name for path in (place / "weights").iterdir()] == ["theirs"]
