"""kill -9 at any point and run again: nothing is lost but the batch at hand, and the end is that of a quiet run."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import killed_run
import pytest

from offdiag.engine import run_plan
from offdiag.steps.jsonl import recover_jsonl
from offdiag.store import State, Store
from tiny_study import RUNTIME, Recorder, contents, steps_of


@pytest.fixture
def child(tiny_model, tmp_path):
    """Starts the study in a process of its own."""
    path = os.pathsep.join(str(folder) for folder in (Path(__file__).parents[1], Path(__file__).parent))

    def start(where: str, **options) -> subprocess.Popen:
        command = [sys.executable, killed_run.__file__, str(tiny_model), str(tmp_path / "store"), where]
        return subprocess.Popen(command, env={**os.environ, "PYTHONPATH": path}, **options)

    return start


def killed(child, where):
    with child(where) as process:
        assert process.wait(timeout=120) == -signal.SIGKILL


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
    with child("outside", stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline()  # the first step began
        time.sleep(random.uniform(0, 4))
        process.kill()
    store = Store(tmp_path / "store")
    before = [state for state in finished.plan.survey(store) if state.state is State.DONE]
    summary = run_plan(finished.plan, store, RUNTIME)
    assert summary.complete
    assert summary.planned == len(finished.plan.steps) - len(before)
    assert contents(store.root) == contents(finished.store.root)
