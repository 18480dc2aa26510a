"""A worker: what it takes, what it leaves to others, and how it ends when it is told to."""

import os
import signal

import pytest

from offdiag import runtime
from offdiag.drain import Drained
from offdiag.engine import Summary, run_plan, worker
from offdiag.engine.worker import Fit, work
from offdiag.runtime import Runtime, available_cores, available_memory, default_threads
from offdiag.store import State, Store
from support.tiny_study import RUNTIME, Recorder, contents, steps_of
from support.toys import Toy, text_of, toy_plan

A, B = Toy(label="a", act="slow"), Toy(label="b", act="slow")


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "store")


def worked(plan, store, watcher=None, **options):
    said = []
    summary = work(plan, store, Runtime(threads=1), watcher or Recorder(), said.append, **options)
    return summary, said


class Signalled(Recorder):
    """Gets a signal when a step of a kind has told of some progress."""

    def __init__(self, number, kind, done):
        super().__init__()
        self.number, self.kind, self.done = number, kind, done

    def progressed(self, step, done, total):
        super().progressed(step, done, total)
        if step.kind == self.kind and done >= self.done:
            os.kill(os.getpid(), self.number)


def test_alone_it_does_everything(store):
    both = Toy(label="both", needs=(A, B))
    assert worked(toy_plan(A, B, both), store) == (Summary(3, 3, 0, 0, 0), [])
    assert text_of(store, both) == "a b both "


def test_a_signal_gives_the_step_back_and_books_no_failure(finished, store):
    plan, watcher = finished.plan, Signalled(signal.SIGUSR2, "answers", 2)
    with pytest.raises(Drained):
        work(plan, store, RUNTIME, watcher, print)
    begun = next(step for step in steps_of(plan, "answers") if f"answers/{step.name}" in watcher.progress)
    assert (store.folder(begun) / "answers.partial.jsonl").exists()
    assert set(store.states(plan.steps).values()) <= {State.DONE, State.MISSING}
    assert not list(store.root.glob("*/*/lease.json*"))
    assert not list(store.root.glob("*/*/error.txt"))
    assert work(plan, store, RUNTIME, Recorder(), print).complete
    assert contents(store.root) == contents(finished.store.root)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2])
def test_small_steps_that_were_claimed_together_are_all_given_back(store, number):
    class First(Recorder):
        def ended(self, step, state, message):
            super().ended(step, state, message)
            if len(self.ends) == 5:
                os.kill(os.getpid(), number)

    before = signal.getsignal(number)
    toys = [Toy(label=str(i)) for i in range(40)]
    watcher = First()
    with pytest.raises(Drained):
        worked(toy_plan(*toys), store, watcher)
    assert signal.getsignal(number) is before
    assert len(watcher.ends) == 5
    assert len(list(store.root.glob("*/*/lease.json"))) == 0
    assert worked(toy_plan(*toys), store)[0].planned == 35


def test_who_had_a_handler_hears_the_signal_once_the_step_is_given_back(store):
    heard, toys = [], [Toy(label=name, act="hold") for name in "ab"]

    def hear(number, frame):
        heard.append((number, list(store.root.glob("*/*/lease.json*"))))

    before = signal.signal(signal.SIGUSR2, hear)
    try:
        with pytest.raises(Drained):
            worked(toy_plan(*toys), store, Signalled(signal.SIGUSR2, "cells", 1))
    finally:
        signal.signal(signal.SIGUSR2, before)
    assert heard == [(signal.SIGUSR2, [])]


def test_what_failed_before_is_tried_again_or_left_alone(store, tmp_path):
    bad = Toy(label="bad", act="raise")
    plan = toy_plan(A, bad, Toy(label="after", needs=(bad,)))
    assert worked(plan, store)[0] == Summary(3, 1, 1, 0, 1)
    (tmp_path / "healed").touch()
    assert worked(plan, store, skip_failed=True)[0] == Summary(2, 0, 1, 0, 1)
    assert worked(plan, store)[0] == Summary(2, 2, 0, 0, 0)


def test_a_light_worker_leaves_models_to_others_and_goes_when_nobody_comes(store, monkeypatch):
    monkeypatch.setattr("offdiag.engine.others.PATIENCE_S", 0.1)
    heavy = Toy(label="heavy", model="x")
    plan = toy_plan(A, heavy, Toy(label="after", needs=(heavy,)))
    assert worked(plan, store, light=True)[0] == Summary(planned=3, done=1, failed=0, busy=1, blocked=0)
    assert (store.state(A), store.state(heavy)) == (State.DONE, State.MISSING)
    assert run_plan(plan, store).complete


def test_a_model_that_does_not_fit_is_left_to_others(finished, store, monkeypatch):
    monkeypatch.setattr(worker, "room", lambda runtime, share: 1000)
    monkeypatch.setattr("offdiag.engine.others.PATIENCE_S", 0.1)
    plan, said = finished.plan, []
    summary = work(plan, store, RUNTIME, Recorder(), said.append)
    assert not summary.complete
    assert {step.kind for step in plan.steps if store.state(step) is State.DONE} == {"examples"}
    assert len(said) == len(set(said)) > 0
    assert all("are needed, 0.0 MiB are here" in line for line in said), said


def test_what_fits_is_what_the_plan_says(finished, monkeypatch):
    step = steps_of(finished.plan, "training")[0]
    said = []
    monkeypatch.setattr(worker, "room", lambda runtime, share: 10**12)
    assert Fit(RUNTIME, said.append)(step)
    monkeypatch.setattr(worker, "room", lambda runtime, share: None)
    assert Fit(RUNTIME, said.append)(step)
    assert said == []


def test_threads_are_those_that_slurm_gives(monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr(runtime, "available_cores", lambda: 8)
    monkeypatch.setenv("SLURM_CPUS_PER_TASK", "3")
    assert default_threads() == 3
    monkeypatch.setenv("SLURM_CPUS_PER_TASK", "64")
    assert default_threads() == 8
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    assert default_threads() == 2


def test_memory_is_no_more_than_slurm_gives(monkeypatch):
    monkeypatch.delenv("SLURM_MEM_PER_NODE", raising=False)
    whole = available_memory()
    assert whole is not None
    assert available_cores() >= 1
    monkeypatch.setenv("SLURM_MEM_PER_NODE", "64")
    assert available_memory() == 64 << 20 < whole
    monkeypatch.setenv("SLURM_MEM_PER_NODE", "0")  # by sbatch --mem=0: all of the machine
    assert available_memory() == whole
