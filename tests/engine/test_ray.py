"""Workers as actors of a Ray cluster of several raylets: what they make, and what becomes of those that are lost."""

import os
import signal
from collections.abc import Iterator
from contextlib import nullcontext
from functools import partial

import pytest

from offdiag.engine import Summary, on_ray, run_plan
from offdiag.engine.on_ray import Ray
from offdiag.engine.placing import Room
from offdiag.errors import UserError
from offdiag.planning import make_plan
from offdiag.store import State, Store
from offdiag.study_files import load_study
from support.raylets import Raylets, lacking
from support.tiny_study import RUNTIME, Recorder, contents
from support.toys import Toy, text_of, toy_plan

pytestmark = pytest.mark.ray

STUDY = '''
from offdiag.steps import Measurement
from offdiag.study import Design, StudyParams, study

class Squares(Measurement):
    tag, table = "ray-squares", "squares"
    label: int

    @property
    def name(self): return f"squares-{self.label}"
    def factors(self): return {"label": self.label}
    def measure(self, work): yield {"label": self.label, "square": self.label ** 2}

@study("ray-squares", scales={"quick": StudyParams()})
def ray_squares(p: StudyParams) -> Design:
    """Squares.

    The claim: none.
    """
    return Design(cells=(), measurements=tuple(Squares(label=i) for i in range(5)))
'''


@pytest.fixture(scope="module")
def raylets() -> Iterator[Raylets]:
    if why := lacking():
        pytest.skip(why)
    found = Raylets()
    try:
        found.add()
        found.add()
        yield found
    finally:
        found.stop()


@pytest.fixture
def on(raylets, monkeypatch):
    """An engine on the cluster."""
    monkeypatch.setattr(on_ray, "PATIENCE_S", 1.0)
    return partial(Ray, address=raylets.address)


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "store")


def left(store):
    """Leases and marks that nobody took away."""
    return [*store.root.glob("*/*/lease.json*"), *store.root.glob(".seen-*")]


class Then(Recorder):
    """Does something once a step has begun, or so many have ended."""

    def __init__(self, act, *, begun=0, ended=0):
        super().__init__()
        self.act, self.when = act, (begun, ended)

    def started(self, step):
        super().started(step)
        if len(self.begun) == self.when[0]:
            self.act()

    def ended(self, step, state, message):
        super().ended(step, state, message)
        if len(self.ends) == self.when[1]:
            self.act()


def test_two_workers_make_what_one_process_makes_byte_for_byte(on, finished, store):
    watcher, n = Recorder(), len(finished.plan.steps)
    assert run_plan(finished.plan, store, RUNTIME, engine=on, workers=2, watcher=watcher) == Summary(n, n, 0, 0, 0)
    assert contents(store.root) == contents(finished.store.root)
    assert {state for state, _ in watcher.ends.values()} == {"done"}
    assert set(watcher.begun) == set(watcher.ends)
    assert left(store) == []


def test_a_machine_that_dies_loses_no_step(on, raylets, store):
    doomed = raylets.add(cores=2)
    toys = [Toy(label=str(i), act="nap") for i in range(16)]
    last = Toy(label="last", needs=tuple(toys))
    watcher = Then(lambda: raylets.kill(doomed), ended=4)
    assert run_plan(toy_plan(*toys, last), store, engine=on, workers=4, watcher=watcher) == Summary(17, 17, 0, 0, 0)
    assert doomed not in raylets.machines
    assert text_of(store, last) == "".join(f"{i} " for i in range(16)) + "last "
    assert left(store) == []


@pytest.mark.parametrize("act", ["exit", "kill"])
def test_a_step_at_which_workers_die_fails_and_the_others_are_done(on, store, act):
    bad, fine = Toy(label="bad", act=act), [Toy(label=str(i)) for i in range(4)]
    plan, watcher = toy_plan(*fine, bad, Toy(label="after", needs=(bad,))), Recorder()
    assert run_plan(plan, store, engine=on, workers=2, watcher=watcher) == Summary(6, 4, 1, 0, 1)
    assert watcher.ends["cells/bad"] == ("failed", "2 workers died at this step; out of memory?")
    assert watcher.ends["cells/after"] == ("blocked", "needs cells/bad")
    assert (store.state(bad), store.error(bad)) == (State.FAILED, "2 workers died at this step; out of memory?")


def test_what_failed_is_told_and_tried_again_by_the_next_run(on, store, tmp_path):
    bad, watcher = Toy(label="bad", act="raise"), Recorder()
    assert run_plan(toy_plan(bad, Toy(label="b")), store, engine=on, watcher=watcher) == Summary(2, 1, 1, 0, 0)
    said = f"ValueError: bad things \\ud83d (traceback: {store.folder(bad) / 'error.txt'})"
    assert watcher.ends["cells/bad"] == ("failed", said)
    (tmp_path / "healed").touch()
    assert run_plan(toy_plan(bad), store, engine=on) == Summary(1, 1, 0, 0, 0)


def test_workers_give_their_steps_back_when_the_run_is_interrupted(on, store, tmp_path):
    toys = [Toy(label=name, act="hold") for name in "ab"]
    interrupt = partial(os.kill, os.getpid(), signal.SIGINT)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            run_plan(toy_plan(*toys), store, engine=on, workers=2, watcher=Then(interrupt, begun=2))
    finally:
        signal.signal(signal.SIGINT, before)
    assert left(store) == []
    assert [store.state(toy) for toy in toys] == [State.MISSING] * 2
    (tmp_path / "go").touch()
    assert run_plan(toy_plan(*toys), store).complete


def test_workers_that_find_no_room_keep_nobody_waiting(on, store, monkeypatch):
    """Two of four ask for what no machine has: the other two do everything, and the run ends."""
    monkeypatch.setattr(on_ray, "rooms", lambda needs, **cluster: [Room(gpus=7), Room()])
    assert run_plan(toy_plan(*(Toy(label=str(i)) for i in range(12))), store, engine=on, workers=4).complete


def test_no_room_at_all_is_said_and_then_one_line(on, store, monkeypatch):
    monkeypatch.setattr(on_ray, "START_S", 0.0)
    monkeypatch.setattr(on_ray, "ROOM_S", 1.0)
    watcher, wanted = Recorder(), r"no machine .* has room for a worker with 2 GPUs, 1 core \(they have .*1 core"
    with pytest.raises(UserError, match=wanted):
        run_plan(toy_plan(Toy(label="a", model="x")), store, engine=partial(on, gpus_per_worker=2), watcher=watcher)
    assert watcher.waited[0] == ("cells/a", "no worker yet: each asks the Ray cluster for 2 GPUs, 1 core")
    assert left(store) == []


def test_two_workers_share_a_gpu_and_what_fits_nowhere_is_one_line(on, raylets, finished, store):
    """The machine says that it has a GPU, and its processes that they may use no memory."""
    small = raylets.add(cores=2, gpus=1, SLURM_MEM_PER_NODE="0")
    sharing = partial(on, gpus_per_worker=0.5)
    try:
        toys = [Toy(label=name, act="gpu", model="x") for name in "ab"]
        assert run_plan(toy_plan(*toys), store, engine=sharing, workers=2).complete
        assert [text_of(store, toy) for toy in toys] == ["0 a ", "0 b "]
        with pytest.raises(
            UserError, match=r"no worker .* can do what is left: leaving .* are needed, 0.0 MiB are here"
        ):
            run_plan(finished.plan, store, RUNTIME, engine=sharing, workers=2)
    finally:
        raylets.kill(small)
    assert left(store) == []


def test_a_machine_that_does_not_see_the_store_is_one_line(on, store, monkeypatch):
    monkeypatch.setattr(on_ray, "_token", lambda store: nullcontext(".seen-elsewhere"))
    with pytest.raises(UserError, match=rf"the machine .* does not see the store {store.root}: give a folder that all"):
        run_plan(toy_plan(Toy(label="a")), store, engine=on)


def test_a_study_file_reaches_the_workers(on, raylets, tmp_path):
    study = tmp_path / "squares.py"
    study.write_text(STUDY)
    plan = make_plan(load_study(study), "quick", {})
    assert run_plan(plan, Store(tmp_path / "store"), engine=on, workers=2).complete
    alone = Store(tmp_path / "alone")
    run_plan(plan, alone)
    assert contents(tmp_path / "store") == contents(alone.root)
