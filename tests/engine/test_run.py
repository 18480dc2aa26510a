"""What a run does with steps that fail, hang on others, or kill their process, inline and in worker processes."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from offdiag.engine import Share, Summary, run_plan
from offdiag.engine.pool import Pool
from offdiag.errors import StoreError, UserError
from offdiag.runtime import Runtime, available_cores, visible_gpus
from offdiag.store import State, Store
from support.tiny_study import Recorder
from support.toys import Toy, text_of, toy_plan

A, D = Toy(label="a"), Toy(label="d")
both = pytest.mark.parametrize("workers", [1, 2], ids=["inline", "pool"])


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "store")


@contextmanager
def elsewhere(store, step, until, fails=""):
    """Hold a step as another runner would, until the test has seen it; then finish it, or leave it failed or undone."""
    own, begun = Store(store.root), threading.Event()

    def work():
        with own.claim(step, {}) as folder:
            begun.set()
            deadline = time.monotonic() + 30
            while not until() and time.monotonic() < deadline:
                time.sleep(0.01)
            if fails:
                own.fail(step, fails)
            elif fails is not None:
                (folder / "text").write_text(f"{step.label} ")
                own.finish(step, {})

    runner = threading.Thread(target=work)
    runner.start()
    assert begun.wait(10)
    yield
    runner.join()


def failing(act):
    """``a`` is fine; ``b`` fails after it; ``c`` needs ``b``; ``d`` is fine."""
    b = Toy(label="b", needs=(A,), act=act)
    return b, Toy(label="c", needs=(b,)), toy_plan(A, b, Toy(label="c", needs=(b,)), D)


@both
def test_everything_runs_once_and_a_second_run_does_nothing(store, workers):
    c = Toy(label="c", needs=(A, D))
    plan, watcher = toy_plan(A, D, c), Recorder()
    assert run_plan(plan, store, workers=workers, watcher=watcher) == Summary(3, 3, 0, 0, 0)
    assert text_of(store, c) == "a d c "
    assert sorted(watcher.begun) == ["cells/a", "cells/c", "cells/d"]
    again = Recorder()
    assert run_plan(plan, store, workers=workers, watcher=again) == Summary(0, 0, 0, 0, 0)
    assert again.begun == []


@both
def test_a_failing_step_is_isolated(store, workers):
    b, c, plan = failing("raise")
    watcher = Recorder()
    summary = run_plan(plan, store, workers=workers, watcher=watcher)
    assert summary == Summary(planned=4, done=2, failed=1, busy=0, blocked=1)
    assert not summary.complete
    assert (text_of(store, A), text_of(store, D)) == ("a ", "d ")
    trace = store.folder(b) / "error.txt"
    assert watcher.ends["cells/b"] == ("failed", f"ValueError: bad things \\ud83d (traceback: {trace})")
    assert watcher.ends["cells/c"] == ("blocked", "needs cells/b")
    error = (store.folder(b) / "error.txt").read_text()
    assert error.startswith("Traceback (most recent call last):")
    assert "toys.py" in error
    assert store.state(b) is State.FAILED
    assert store.state(c) is State.MISSING
    assert not (store.folder(b) / "lease.json").exists()


def test_a_failed_step_is_tried_again(store, tmp_path):
    b, c, plan = failing("raise")
    run_plan(plan, store)
    (tmp_path / "healed").touch()
    assert run_plan(plan, store) == Summary(2, 2, 0, 0, 0)
    assert text_of(store, c) == "a b c "
    assert not (store.folder(b) / "error.txt").exists()


@both
def test_fail_fast_lets_what_runs_end_and_starts_nothing_more(store, workers):
    bad, slow = Toy(label="bad", act="raise"), Toy(label="slow", act="wait")
    later = [Toy(label=f"later{i}") for i in range(3)]
    watcher = Recorder()
    summary = run_plan(toy_plan(bad, slow, *later), store, workers=workers, watcher=watcher, fail_fast=True)
    assert watcher.begun == ["cells/bad", "cells/slow"][:workers]
    assert summary == Summary(planned=5, done=workers - 1, failed=1, busy=0, blocked=0)
    assert not summary.complete


def test_last_failed_runs_only_what_failed_and_what_hangs_on_it(store, tmp_path):
    b, c, plan = failing("raise")
    run_plan(plan, store, fail_fast=True)  # d never ran
    assert store.state(D) is State.MISSING
    (tmp_path / "healed").touch()
    watcher = Recorder()
    assert run_plan(plan, store, last_failed=True, watcher=watcher).complete
    assert watcher.begun == ["cells/b", "cells/c"]
    assert store.state(D) is State.MISSING
    assert run_plan(plan, store, last_failed=True).planned == 0


def test_last_failed_makes_the_inputs_that_are_gone(store, tmp_path):
    b, _, plan = failing("raise")
    run_plan(plan, store)
    (store.folder(A) / "result.json").unlink()
    (tmp_path / "healed").touch()
    watcher = Recorder()
    run_plan(plan, store, last_failed=True, watcher=watcher)
    assert watcher.begun == ["cells/a", "cells/b", "cells/c"]


@both
def test_a_busy_step_is_left_out_if_nobody_is_to_wait(store, workers):
    b = Toy(label="b", needs=(A,))
    watcher = Recorder()
    with store.claim(A, {}) as folder:
        assert folder is not None
        summary = run_plan(toy_plan(A, b, D), store, workers=workers, watcher=watcher, share=Share(wait=False))
    assert summary == Summary(planned=3, done=1, failed=0, busy=1, blocked=1)
    assert not summary.complete
    assert watcher.ends["cells/a"][0] == "busy"
    assert store.state(A) is State.MISSING
    assert run_plan(toy_plan(A, b, D), store).complete


@both
def test_a_busy_step_is_waited_for_while_other_work_is_done(store, workers):
    b = Toy(label="b", needs=(A,))
    watcher = Recorder()
    with elsewhere(store, A, until=lambda: watcher.waited):
        summary = run_plan(toy_plan(A, b, D), store, workers=workers, watcher=watcher)
    assert summary == Summary(planned=3, done=3, failed=0, busy=0, blocked=0, by_others=1)
    assert summary.complete
    assert watcher.begun == ["cells/d", "cells/b"]
    assert watcher.ends["cells/a"] == ("done", "by another runner")
    assert watcher.waited[0] == ("cells/a", f"{os.uname().nodename} pid {os.getpid()}")
    assert text_of(store, b) == "a b "


def test_what_fails_elsewhere_is_not_tried_again_here(store):
    b = Toy(label="b", needs=(A,))
    watcher = Recorder()
    with elsewhere(store, A, until=lambda: watcher.waited, fails="Traceback\nValueError: no"):
        summary = run_plan(toy_plan(A, b, D), store, watcher=watcher)
    assert summary == Summary(planned=3, done=1, failed=1, busy=0, blocked=1)
    assert (watcher.ends["cells/a"], watcher.ends["cells/b"]) == (
        ("failed", "ValueError: no"),
        ("blocked", "needs cells/a"),
    )


def test_what_another_runner_gives_back_is_done_here(store):
    watcher = Recorder()
    with elsewhere(store, A, until=lambda: watcher.waited, fails=None):
        assert run_plan(toy_plan(A), store, watcher=watcher) == Summary(1, 1, 0, 0, 0)
    assert text_of(store, A) == "a "


def test_runners_side_by_side_do_everything_together_and_each_once(store):
    """Four at once on overlapping plans; nobody fails, nobody does what another did."""
    toys = [Toy(label=str(i), act="slow") for i in range(12)]
    last = Toy(label="last", needs=tuple(toys))
    whole, part, watchers = toy_plan(*toys, last), toy_plan(*toys[:8]), [Recorder() for _ in range(4)]
    with ThreadPoolExecutor(4) as runners:
        runs = [
            runners.submit(run_plan, plan, Store(store.root), watcher=watcher)
            for plan, watcher in zip([whole, part, part, whole], watchers, strict=True)
        ]
        summaries = [run.result(60) for run in runs]
    assert [summary.complete for summary in summaries] == [True] * 4
    assert text_of(store, last) == "".join(f"{i} " for i in range(12)) + "last "
    begun = Counter(name for watcher in watchers for name in watcher.begun)
    assert begun == Counter({f"cells/{toy.label}": 1 for toy in (*toys, last)})
    assert sum(summary.done - summary.by_others for summary in summaries) == 13


@pytest.mark.parametrize("act", ["exit", "kill"])
def test_a_worker_that_dies_takes_only_its_step_with_it(store, act):
    b, c, plan = failing(act)
    watcher = Recorder()
    summary = run_plan(plan, store, workers=2, watcher=watcher)
    assert summary == Summary(planned=4, done=2, failed=1, busy=0, blocked=1)
    code = 3 if act == "exit" else -9
    assert f"the worker process died (exit code {code})" in watcher.ends["cells/b"][1]
    assert store.state(b) is State.FAILED
    assert f"exit code {code}" in store.error(b)


def test_a_worker_that_dies_while_idle_does_not_end_the_run(store):
    class Killer(Recorder):
        def ended(self, step, state, message):
            super().ended(step, state, message)
            if step == A:
                os.kill(store.result(A)["summary"]["pid"], signal.SIGKILL)
                time.sleep(0.2)

    b = Toy(label="b", needs=(A,))
    plan = toy_plan(A, b)
    assert run_plan(plan, store, workers=2, watcher=Killer()) == Summary(2, 1, 1, 0, 0)
    assert "exit code -9" in store.error(b)
    assert run_plan(plan, store).complete


def test_workers_end_with_a_parent_that_is_killed_and_book_nothing(store):
    code = (
        "import sys; from pathlib import Path; from offdiag.engine import run_plan; from offdiag.store import Store; "
        "from support.toys import Toy, toy_plan; toys = [Toy(label=name, act='wait') for name in 'ab']; "
        "run_plan(toy_plan(*toys), Store(Path(sys.argv[1])), workers=2)"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen([sys.executable, "-c", code, str(store.root)], env=environment) as parent:
        deadline = time.monotonic() + 120
        while len(leases := [path for path in store.root.glob("cells/*/lease.json") if path.stat().st_size]) < 2:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        pids = [json.loads(path.read_text())["pid"] for path in leases]
        parent.kill()
    killed = time.monotonic()
    while any(map(is_running, pids)) and time.monotonic() < killed + 60:
        time.sleep(0.05)
    assert time.monotonic() - killed < 5
    assert len(pids) == 2
    assert not list(store.root.glob("cells/*/error.txt")) + list(store.root.glob("cells/*/result.json"))


def is_running(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.parametrize(("workers", "act"), [(1, "full"), (1, "full inside"), (2, "full")])
def test_a_full_disk_ends_the_run_and_keeps_what_is_finished(store, workers, act):
    b, c, plan = failing(act)
    with pytest.raises(StoreError, match="the disk that holds .* is full: free some space .* finished is kept"):
        run_plan(plan, store, workers=workers)
    assert text_of(store, A) == "a "
    assert store.state(A) is State.DONE
    assert store.state(b) is State.MISSING
    assert not (store.folder(b) / "lease.json").exists()


def test_another_oserror_of_a_step_is_its_own(store):
    _, _, plan = failing("denied")
    assert run_plan(plan, store).failed == 1


def test_a_store_that_cannot_be_written_is_one_line(tmp_path):
    (tmp_path / "file").touch()
    store = Store(tmp_path / "store")
    store.root = tmp_path / "file" / "store"
    with pytest.raises(StoreError, match="cannot write to the store .*file/store: "):
        run_plan(toy_plan(A), store)


def test_workers_times_threads_stay_within_the_cores(store):
    toys = [Toy(label=str(i)) for i in range(4)]
    run_plan(toy_plan(*toys), store, Runtime(threads=64), workers=2)
    threads = {store.result(toy)["summary"]["threads"] for toy in toys}
    assert threads == {max(1, available_cores() // 2)}
    assert len({store.result(toy)["summary"]["pid"] for toy in toys}) <= 2


def test_a_worker_that_has_the_model_is_preferred_to_a_new_process(store):
    first = Toy(label="first", model="x")
    other = Toy(label="other", model="y")
    last = Toy(label="last", model="x", needs=(first, other))
    run_plan(toy_plan(first, other, last), store, workers=2)
    first_pid, other_pid, last_pid = (store.result(toy)["summary"]["pid"] for toy in (first, other, last))
    assert last_pid == first_pid != other_pid


@pytest.mark.parametrize(("device", "processes"), [("cpu", 1), ("auto", 2)])
def test_a_process_is_replaced_for_another_model_only_where_that_frees_a_gpu(store, monkeypatch, device, processes):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    first = Toy(label="first", model="x")
    other = Toy(label="other", model="y", needs=(first,))
    assert run_plan(toy_plan(first, other), store, Runtime(threads=1, device=device), workers=2).complete
    assert len({store.result(toy)["summary"]["pid"] for toy in (first, other)}) == processes


def test_a_store_in_a_weird_place_reaches_the_workers(tmp_path):
    store = Store(tmp_path / 'it\'s "a" \\ näive 🙂 [x]*' / "store")
    assert run_plan(toy_plan(A, D), store, workers=2).complete
    assert text_of(store, D) == "d "


def test_a_survey_that_was_just_made_is_not_made_again(store, monkeypatch):
    plan = toy_plan(A, Toy(label="b", needs=(A,)))
    survey = plan.survey(store)
    monkeypatch.setattr(type(plan), "survey", lambda plan, store: pytest.fail("the store was looked at again"))
    assert run_plan(plan, store, survey=survey) == Summary(2, 2, 0, 0, 0)


@pytest.mark.parametrize(
    ("said", "gpus", "expected"),
    [
        ("GPU-aa, MIG-bb ,7", 1, [{"GPU-aa"}, {"MIG-bb"}]),
        ("0,1,2,3", 2, [{"0", "1"}, {"2", "3"}]),
        ("3,-1,4", 1, [{"3"}, {"3"}]),  # CUDA sees no more than the first
    ],
)
def test_each_worker_sees_gpus_of_its_own(store, monkeypatch, said, gpus, expected):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", said)
    toys = [Toy(label=f"g{i}", act="meet") for i in range(2)]
    assert run_plan(toy_plan(*toys), store, Runtime(threads=1, gpus=gpus), workers=2).complete
    seen = [set(store.summary(toy)["gpus"].split(",")) for toy in toys]
    assert sorted(seen, key=min) == sorted(expected, key=min)


def test_without_gpus_nothing_is_said_of_them(store, monkeypatch):
    for device, said in (("auto", ""), ("cpu", "0,1")):
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", said)
        toy = Toy(label=f"on {device}")
        assert run_plan(toy_plan(toy), store, Runtime(threads=1, device=device), workers=2).complete
        assert store.summary(toy)["gpus"] == said


def test_gpus_are_counted_where_nobody_names_them(tmp_path, monkeypatch):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setattr("offdiag.runtime.DEVICES", tmp_path)
    for name in ("nvidia0", "nvidia1", "nvidiactl", "nvidia-uvm", "null"):
        (tmp_path / name).touch()
    assert visible_gpus() == ("0", "1")
    with pytest.raises(UserError, match="--gpus 3: this process sees 2 GPUs"):
        Pool(Runtime(threads=1, gpus=3), 2)
