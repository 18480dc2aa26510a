"""The tiny study with a real, if random, model."""

from dataclasses import replace

from offdiag.engine import run_plan
from offdiag.gather import gather
from offdiag.steps import load_answers, load_records
from offdiag.store import State, Store
from support.tiny_study import RUNTIME, Recorder, contents, steps_of, tiny_plan


def test_a_run_finishes_every_step(finished):
    assert finished.summary.complete
    assert finished.summary.planned == len(finished.plan.steps) == 15
    assert {state.state for state in finished.plan.survey(finished.store)} == {State.DONE}
    results = gather(finished.plan, finished.store)
    assert list(results.cells["n"]) == [6] * 5
    assert results.cells["accuracy"].notna().all()


def test_records_keep_prompt_and_completion_in_item_order(finished):
    answering, cells = steps_of(finished.plan, "answers"), steps_of(finished.plan, "cells")
    assert answering
    assert cells
    for step in answering:
        answers = load_answers(finished.store.folder(step))
        assert [record["index"] for record in answers] == list(range(6))
        assert [record["example"] for record in answers] == [example.id for example in step.examples.sample()]
        assert all(0 < record["n_tokens"] <= 8 for record in answers)
    for step in cells:
        answers = load_answers(finished.store.folder(step.answers))
        records = load_records(finished.store.folder(step))
        assert [{name: record[name] for name in answers[0]} for record in records] == answers


def test_cells_take_several_batches(finished):
    assert all(len(finished.watcher.progress[f"answers/{s.name}"]) > 2 for s in steps_of(finished.plan, "answers"))


def test_the_training_changes_the_answers(finished):
    def told(step):
        return [record["completion"] for record in load_answers(finished.store.folder(step))]

    (tuned,) = [step for step in steps_of(finished.plan, "answers") if step.weights.trained is not None]
    (bare,) = [s for s in steps_of(finished.plan, "answers") if s.name == "tiny--base=8,digits=2.direct.n6"]
    assert told(tuned) != told(bare)
    (training,) = steps_of(finished.plan, "training")
    assert finished.store.result(training)["summary"]["updates"] == 2


def test_the_model_is_loaded_once_for_all_cells_and_adapters(finished):
    assert len(finished.loaded) == 1


def test_workers_give_the_records_of_one_process(finished, tmp_path):
    store = Store(tmp_path / "store")
    watcher = Recorder()
    summary = run_plan(finished.plan, store, RUNTIME, workers=2, watcher=watcher)
    assert summary == finished.summary
    assert contents(store.root) == contents(finished.store.root)
    assert {name: sorted(ends) for name, ends in watcher.ends.items()} == {
        name: sorted(ends) for name, ends in finished.watcher.ends.items()
    }


def test_another_batch_budget_finds_the_same_store_finished(finished):
    assert run_plan(finished.plan, finished.store, replace(RUNTIME, token_budget=10_000)).planned == 0


def test_another_batch_budget_gives_the_same_answers(finished, tmp_path):
    store = Store(tmp_path / "store")
    shown = finished.plan.select("k2")
    run_plan(shown, store, replace(RUNTIME, token_budget=10_000))
    (step,) = steps_of(shown, "cells")
    assert load_records(store.folder(step)) == load_records(finished.store.folder(step))


def test_a_torn_line_is_answered_again_and_whole_ones_are_kept(finished, tmp_path):
    store = Store(tmp_path / "store")
    shown = finished.plan.select("k2")
    (step,) = steps_of(shown, "answers")
    lines = (finished.store.folder(step) / "answers.jsonl").read_text().splitlines(keepends=True)
    with store.claim(step, shown.origin) as folder:
        (folder / "answers.partial.jsonl").write_text(lines[4] + lines[1] + lines[3][:50])
    watcher = Recorder()
    assert run_plan(shown, store, RUNTIME, watcher=watcher).complete
    assert watcher.progress[f"answers/{step.name}"][0] == (2, 6)
    mine, theirs = contents(store.root), contents(finished.store.root)
    assert mine == {name: theirs[name] for name in mine}


def test_the_same_study_in_two_stores_by_a_moved_model(finished, tiny_model, tmp_path):
    moved = tmp_path / "elsewhere" / tiny_model.name
    moved.parent.mkdir()
    moved.symlink_to(tiny_model)
    assert run_plan(tiny_plan(moved), finished.store, RUNTIME).planned == 0
