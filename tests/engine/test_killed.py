"""kill -9 at any point and run again: nothing is lost but the batch at hand, and the end is that of a quiet run."""

import multiprocessing
import random
import signal
import time

import pytest

from offdiag.engine import run_plan
from offdiag.steps.jsonl import recover_jsonl
from offdiag.store import State, Store
from support import killed_run
from support.tiny_study import RUNTIME, Recorder, contents, steps_of

# The server imports what takes seconds once, and nothing runs in it, so that its children begin at once and afresh.
PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload(["offdiag.models.lm", "offdiag.training.supervised"])


@pytest.fixture
def child(tiny_model, tmp_path):
    """Starts the study in a process of its own, and waits until it has begun."""

    def start(where: str) -> multiprocessing.Process:
        begun = PROCESSES.Event()
        process = PROCESSES.Process(target=killed_run.main, args=(tiny_model, tmp_path / "store", where, begun))
        process.start()
        assert begun.wait(300)
        return process

    return start


def killed(child, where):
    process = child(where)
    process.join(300)
    assert process.exitcode == -signal.SIGKILL


def test_a_run_that_is_killed_again_and_again_ends_like_a_quiet_one(finished, child, tmp_path):
    plan, store = finished.plan, Store(tmp_path / "store")
    first = steps_of(plan, "answers")[0]
    partial = store.folder(first) / "answers.partial.jsonl"

    killed(child, "training:2")
    (training,) = steps_of(plan, "training")
    assert store.state(training) is State.MISSING
    assert list(store.folder(training).glob("checkpoints/*/complete"))

    killed(child, "answers:1")
    begun = recover_jsonl(partial, repair=False)
    assert 0 < len(begun) < 6
    assert store.state(first) is State.MISSING  # the lease of a dead process holds nobody up
    with partial.open("ab") as file:
        file.write(b'{"index": 5, "completion": "\\ud83')

    killed(child, "grading:8")  # in the second cell
    assert [store.state(step) for step in steps_of(plan, "answers")].count(State.DONE) == 2
    assert [store.state(step) for step in steps_of(plan, "cells")].count(State.DONE) == 1

    killed(child, "moving:3")

    watcher = Recorder()
    assert run_plan(plan, store, RUNTIME, watcher=watcher).complete
    assert contents(store.root) == contents(finished.store.root)


def test_a_run_that_is_killed_from_outside_at_random_times(finished, child, tmp_path):
    process = child("outside")
    time.sleep(random.uniform(0, 4))
    process.kill()
    process.join(300)
    store = Store(tmp_path / "store")
    before = [state for state in finished.plan.survey(store) if state.state is State.DONE]
    summary = run_plan(finished.plan, store, RUNTIME)
    assert summary.complete
    assert summary.planned == len(finished.plan.steps) - len(before)
    assert contents(store.root) == contents(finished.store.root)
