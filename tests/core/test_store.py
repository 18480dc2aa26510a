import json
import os
import threading
from pathlib import Path

import pytest

from offdiag.engine import run_plan
from offdiag.errors import StoreError, UserError
from offdiag.identity import Difference
from offdiag.lease import lease
from offdiag.models import ModelSpec
from offdiag.steps import Examples
from offdiag.store import State, Store, read_json, write_json
from offdiag.store.housekeeping import find
from offdiag.studies.base_addition.task import AdditionDomain
from support.tiny_study import RECIPE, answer_by_hand, contents, steps_of, tiny_plan, write_result

STEP = Examples(domain=AdditionDomain(base=8), split="eval", n=3)


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "store")


def finish(store, step, summary=None):
    with store.claim(step, {"study": "tiny"}) as folder:
        assert folder is not None
        store.finish(step, summary or {})
    return store.folder(step)


def test_a_store_appears_with_the_first_claim(store):
    assert store.state(STEP) is State.MISSING
    assert not store.root.exists()
    folder = finish(store, STEP)
    assert json.loads((store.root / "store.json").read_text()) == {"format": 1}
    assert folder == store.root / "examples" / STEP.folder_name
    assert sorted(path.name for path in folder.iterdir()) == ["cell.json", "result.json"]


def test_several_workers_may_begin_a_store_at_once(tmp_path):
    start, failures = threading.Barrier(8), []

    def begin(i):
        try:
            start.wait()
            with Store(tmp_path / "store").claim(STEP.model_copy(update={"n": i + 1}), {}) as folder:
                assert folder is not None
        except (AssertionError, UserError, StoreError, OSError) as error:
            failures.append(error)

    threads = [threading.Thread(target=begin, args=(i,)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert [path.name for path in (tmp_path / "store").iterdir() if path.is_file()] == ["store.json"]


def test_the_states_of_a_step(store):
    assert store.state(STEP) is State.MISSING
    with store.claim(STEP, {}) as folder:
        assert folder is not None
        assert store.state(STEP) is State.BUSY
        with store.claim(STEP, {}) as second:
            assert second is None
    assert store.state(STEP) is State.MISSING
    store.fail(STEP, "Traceback\n  here\nValueError: bad\n")
    assert store.state(STEP) is State.FAILED
    assert store.error(STEP) == "ValueError: bad"
    with store.claim(STEP, {}):
        assert not (store.folder(STEP) / "error.txt").exists()
    finish(store, STEP, {"n": 3})
    assert store.state(STEP) is State.DONE
    assert store.result(STEP)["summary"] == {"n": 3}
    with store.claim(STEP, {}) as folder:
        assert folder is None


def test_cell_json_says_what_the_step_is_and_who_asked(store):
    cell = json.loads((finish(store, STEP) / "cell.json").read_text())
    assert cell["identity"] == STEP.canonical()
    assert (cell["kind"], cell["name"], cell["fingerprint"]) == (STEP.kind, STEP.name, STEP.fingerprint)
    assert cell["origin"] == {"study": "tiny"}


def test_a_claim_is_given_back_when_the_block_fails(store):
    with pytest.raises(RuntimeError), store.claim(STEP, {}):
        raise RuntimeError
    assert store.state(STEP) is State.MISSING


def test_a_result_of_another_identity_is_damaged(store):
    folder = finish(store, STEP)
    result = json.loads((folder / "result.json").read_text())
    write_result(folder, {**result, "fingerprint": "0" * 64})
    assert store.state(STEP) is State.DAMAGED
    assert store.damage(STEP).startswith("result.json has fingerprint 0000000000000000, expected ")
    assert store.result(STEP) is None


@pytest.mark.parametrize("text", ["", '{"fingerprint": "', "[]", "\udcff\x00", "{}", '{"summary": 3}'])
def test_a_result_that_cannot_be_read_is_damaged(store, text):
    folder = finish(store, STEP)
    (folder / "result.json").write_bytes(text.encode("utf-8", "surrogateescape"))
    assert store.state(STEP) is State.DAMAGED
    assert store.damage(STEP).startswith("result.json ")
    assert store.result(STEP) is None


@pytest.mark.parametrize("text", ["", '{"identity": {', "[]", '{"identity": 3, "name": null}'])
def test_a_description_that_cannot_be_read_hides_no_other_step(store, monkeypatch, text):
    folder = finish(store, STEP)
    (folder / "cell.json").write_text(text)
    assert store.state(STEP) is State.DAMAGED
    assert "cell.json has " in store.damage(STEP)
    monkeypatch.setattr("offdiag.studies.base_addition.task.task.BaseAddition.data_version", 99)
    newer = Examples(domain=AdditionDomain(base=8), split="eval", n=3)
    assert store.state(newer) is State.MISSING
    assert store.reasons(newer) == []


def test_a_store_of_another_format_is_refused(tmp_path):
    for text, told in (('{"format": 2}', "2"), ('{"format": "1"}', "'1'"), ('{"name": "mine"}', "'unknown'")):
        (tmp_path / "store.json").write_text(text)
        with pytest.raises(StoreError, match=f"has format {told}, this offdiag reads format 1"):
            Store(tmp_path)


@pytest.mark.parametrize("text", ["", '{"form', None])
def test_a_marker_that_a_power_cut_spoilt_is_written_again(store, text):
    finish(store, STEP)
    marker = store.root / "store.json"
    marker.unlink() if text is None else marker.write_text(text)
    again = Store(store.root)
    assert again.state(STEP) is State.DONE
    finish(again, STEP.model_copy(update={"n": 4}))
    assert json.loads(marker.read_text()) == {"format": 1}


def test_a_failure_before_the_first_claim_does_not_spoil_the_store(store):
    store.fail(STEP, "the worker died\n")
    assert Store(store.root).state(STEP) is State.FAILED


def test_what_is_not_a_store_is_refused_and_left_alone(tmp_path):
    (tmp_path / "thesis.tex").write_text("")
    for root in (tmp_path, tmp_path / "thesis.tex"):
        with pytest.raises(UserError, match="is not an offdiag store .*--store"):
            Store(root)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]
    (tmp_path / "empty").mkdir()
    Store(tmp_path / "empty")


def test_find_takes_a_name_a_hash_or_a_path_and_prefers_cells(store, model_stub):
    plan = tiny_plan(model_stub)
    for answers in steps_of(plan, "answers"):
        answer_by_hand(store, answers, bool)
    run_plan(plan, store)
    grades = steps_of(plan, "cells")[2]
    folder = store.folder(grades)
    assert ".k1." in folder.name
    for text in (folder.name, folder.name[-8:], str(folder), f"{folder}/", grades.name, "stub.k1", "k1.rationale"):
        assert find(store, text) == folder
    assert find(store, store.folder(grades.answers).name) == store.folder(grades.answers)
    for text in (f"answers/{grades.answers.name}", "answers/stub.k1", f"{store.root}/answers/stub.k1"):
        assert find(store, text) == store.folder(grades.answers)
    assert find(store, "cells/stub.k1") == folder
    with pytest.raises(UserError, match="no cell 'nothing'"):
        find(store, "nothing")
    with pytest.raises(UserError, match=r"'stub' matches 5 cells: .*stub--base=8"):
        find(store, "stub")


def test_reasons_are_the_fields_that_changed(store, model_stub):
    old, new = tiny_plan(model_stub), tiny_plan(model_stub, recipe=RECIPE.model_copy(update={"learning_rate": 0.5}))
    (before,), (after,) = steps_of(old, "training"), steps_of(new, "training")
    assert store.reasons(after) == []
    finish(store, before)
    store.refresh()
    assert store.state(after) is State.STALE
    assert store.reasons(after) == [Difference(field="recipe.learning_rate", old="0.01", new="0.5")]


def test_reasons_compare_with_the_most_similar(store, model_stub):
    for recipe in ({"learning_rate": 0.5, "rank": 7, "epochs": 2}, {"rank": 7}):
        finish(store, steps_of(tiny_plan(model_stub, recipe=RECIPE.model_copy(update=recipe)), "training")[0])
    (step,) = steps_of(tiny_plan(model_stub), "training")
    assert [str(reason) for reason in store.reasons(step)] == ["recipe.rank: 7 → 2"]


def test_names_that_are_cut_short_are_not_taken_for_one_another(store):
    def answers(name):
        from offdiag.steps import Generations, Weights

        weights = Weights(spec=ModelSpec(source=f"hub:org/{'n' * 200}{name}"))
        return Generations(weights=weights, examples=STEP, style="direct", max_new_tokens=8)

    finish(store, answers("a"))
    assert answers("a").folder_name[:-8] == answers("b").folder_name[:-8]
    assert store.state(answers("b")) is State.MISSING


@pytest.mark.parametrize("to_disk", [True, False])
def test_a_file_that_is_written_again_is_whole_at_every_moment(tmp_path, monkeypatch, to_disk):
    path = tmp_path / "result.json"
    write_json(path, {"n": 1})

    def killed(self, text, **options):
        with self.open("w") as file:
            file.write(text[:3])
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "write_text", killed)
    with pytest.raises(KeyboardInterrupt):
        write_json(path, {"n": 2}, to_disk=to_disk)
    monkeypatch.undo()
    assert read_json(path) == {"n": 1}
    write_json(path, {"n": 3}, to_disk=to_disk)
    assert read_json(path) == {"n": 3}


def test_a_result_is_written_when_all_else_is_on_the_disk(store, monkeypatch):
    synced, fsync = [], os.fsync

    def watched(number):
        synced.append(os.readlink(f"/proc/self/fd/{number}"))
        fsync(number)

    monkeypatch.setattr(os, "fsync", watched)
    with store.claim(STEP, {}) as folder:
        (folder / "weights").mkdir()
        (folder / "weights" / "adapter").write_text("bits")
        synced.clear()
        store.finish(STEP, {})
    *before, result, last = [os.path.relpath(path, folder) for path in synced]
    assert (result, last) == ("result.json.part", ".")
    assert {"weights/adapter", "weights", "cell.json", ".", "..", os.path.join("..", "..")} <= set(before)


def test_odd_texts_are_written_and_read(store):
    odd = "lone \ud83d, \u2028 and 模型"
    store.fail(STEP, f"ValueError: {odd}")
    assert "模型" in store.error(STEP)
    finish(store, STEP, {"text": odd})
    assert store.result(STEP)["summary"] == {"text": odd}


def test_a_killed_runner_does_not_keep_its_step(store):
    with store.claim(STEP, {}) as folder:
        assert folder is not None
        text = (folder / "lease.json").read_text()
    (folder / "lease.json").write_text(text)
    os.utime(folder / "lease.json", (0, 0))
    assert store.state(STEP) is State.MISSING
    with lease(folder / "lease.json") as mine:
        assert mine


def test_a_store_works_wherever_it_lies(weird_tmp_path, model_stub):
    store = Store(weird_tmp_path / "store")
    plan = tiny_plan(model_stub)
    for answers in steps_of(plan, "answers"):
        answer_by_hand(store, answers, bool)
    assert run_plan(plan, store).complete
    grades = steps_of(plan, "cells")[0]
    assert find(store, grades.folder_name) == store.folder(grades)
    again = Store(weird_tmp_path / "store")
    assert {state.state for state in plan.survey(again) if state.step.kind == "cells"} == {State.DONE}
    assert len(contents(store.root)) == 5 * 3 + 5 * 3 + 3
