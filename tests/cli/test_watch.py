"""``offdiag watch``: a run seen from its store alone; and what a pipe hears of one."""

import re
import threading
import time
import urllib.error
import urllib.request

import pytest

from offdiag.engine import run_plan
from offdiag.engine.execute import PROGRESS
from offdiag.live import Failure, LiveRun
from offdiag.live.page import LivePage, fragment, server_of
from offdiag.live.text import Log, in_a_line, on_a_terminal
from offdiag.planning import make_plan
from offdiag.store import Store, write_json
from offdiag.study_files import load_study
from support.tiny_study import RUNTIME, contents
from support.toys import Toy, toy_plan

NAP = '''
"""A nap."""
import time
from typing import ClassVar
from offdiag.steps import Measurement
from offdiag.study import Design, StudyParams, study

class Params(StudyParams):
    seconds: float = 0.7

class Nap(Measurement):
    tag: ClassVar[str] = "nap"
    table: ClassVar[str] = "nap"
    seconds: float
    @property
    def name(self): return "nap"
    def factors(self): return {}
    def measure(self, work):
        work.progress(1, 2)
        time.sleep(self.seconds)
        yield {"slept": self.seconds}

@study("nap", scales={"quick": Params()})
def nap(p: Params) -> Design:
    """A nap.

    It is long.
    """
    return Design(measurements=(Nap(seconds=p.seconds),))
'''


@pytest.fixture
def study(tmp_path):
    file = tmp_path / "nap.py"
    file.write_text(NAP)
    return file


def test_a_pipe_hears_of_a_slow_step_and_what_it_is_at(offdiag, study, tmp_path, monkeypatch):
    monkeypatch.setattr("offdiag.live.lines.SILENT_S", 0.1)
    said = offdiag("run", study, "--store", tmp_path / "store")
    assert said.code == 0, said.err
    beats = [line for line in said.out.splitlines() if line.startswith("[0/1] at work: measurements/nap (")]
    assert 3 <= len(beats) <= 12  # the step takes 0.7 s, and more where others have the cores
    assert "1 of 2" in beats[0]


def test_a_run_is_watched_to_its_end_from_its_store(offdiag, study, tmp_path):
    store = tmp_path / "store"
    said = offdiag("watch", study, "--store", store, "--once")
    assert said.out.splitlines()[:2] == ["nap · quick", "0 of 1 step done; nobody is at work"]
    assert not store.exists()  # it is only read
    plan = make_plan(load_study(study), "quick", {})
    runner = threading.Thread(target=run_plan, args=(plan, Store(store), RUNTIME))
    runner.start()
    said = offdiag("watch", study, "--store", store, "--every", 0.1)
    runner.join()
    assert said.code == 0
    lines = said.out.splitlines()
    assert re.match(r"\[0/1\] at work: measurements/nap \(\S+ pid \d+, \d+ s\)", lines[-3])
    assert lines[-2] == "[1/1] all done"
    assert lines[-1].startswith("Everything is done. Next: offdiag report ")


def test_what_has_failed_ends_the_watch_with_1(offdiag, study, tmp_path):
    study.write_text(NAP.replace("yield", "raise ValueError('it is ill')\n        yield"))
    assert offdiag("run", study, "--store", tmp_path / "store").code == 1
    said = offdiag("watch", study, "--store", tmp_path / "store")
    assert said.code == 1
    told = r"failed measurements/nap: \S+nap\.py:\d+: ValueError: it is ill \(traceback: \S+error\.txt\)"
    assert re.fullmatch(told, said.out.splitlines()[0])
    assert said.out.splitlines()[1].startswith("[0/1] 1 failed")


def test_a_port_that_is_taken_is_one_line(mistake, study, tmp_path):
    server = server_of(LivePage("t", None, str))
    with server:
        said = mistake("watch", study, "--store", tmp_path / "store", "--html", "--port", server.server_port)
    assert said == f"--port {server.server_port}: Address already in use; give another one, or leave it out"


A, B, C, D = (Toy(label=label) for label in "abcd")


def finish(store, step):
    with store.claim(step, {}) as folder:
        (folder / "text").write_text("x")
        store.finish(step, {})


def test_a_look_tells_done_busy_failed_blocked_and_to_go(tmp_path):
    store = Store(tmp_path / "store")
    bad = Toy(label="bad", act="raise")
    plan = toy_plan(A, B, bad, Toy(label="c", needs=(bad,)), D)
    run_plan(plan.select("bad"), store, RUNTIME)
    live = LiveRun(plan, store)
    finish(Store(store.root), A)
    with store.claim(B, {}) as folder:
        write_json(folder / PROGRESS, {"done": 6, "total": 10, "first": 2, "seconds": 8.0})
        look = live.look()
    assert (look.planned, look.done, look.to_go, look.blocked) == (5, 1, 2, 1)
    assert [(k.kind, k.planned, k.done, k.busy, k.failed) for k in look.kinds] == [("cells", 5, 1, 1, 1)]
    assert look.failures == [Failure("cells/bad", store.error(bad))]
    (runner,) = look.runners
    assert (runner.step, runner.done, runner.total) == ("cells/b", 6, 10)
    assert " pid " in runner.who
    assert 0 <= runner.seconds < 5
    assert not look.ended
    finish(store, B)
    finish(store, D)
    assert live.look().ended


def test_the_rest_of_a_step_is_known_by_its_own_progress(tmp_path):
    store = Store(tmp_path / "store")
    live = LiveRun(toy_plan(B), store)
    with store.claim(B, {}) as folder:
        assert live.look().left is None
        write_json(folder / PROGRESS, {"done": 6, "total": 10, "first": 2, "seconds": 8.0})
        found = live.look().left
        write_json(folder / PROGRESS, {"done": "x"})
        assert live.look().runners[0].done is None
    assert 5 < found.low < found.seconds < found.high < 12
    assert found.seconds == pytest.approx(8, rel=0.1)  # four of ten took eight seconds


def test_watching_writes_nothing_and_a_run_leaves_no_progress_behind(tmp_path, monkeypatch):
    monkeypatch.setattr("offdiag.engine.execute.PROGRESS_EVERY_S", 0.0)
    store, seen = Store(tmp_path / "store"), []
    toy = Toy(label="tells", act="sleep")
    plan = toy_plan(toy)
    run = Toy.run
    monkeypatch.setattr(Toy, "run", lambda step, work: [work.progress(i, 3) for i in range(3)] and run(step, work))
    runner = threading.Thread(target=run_plan, args=(plan, store, RUNTIME))
    live = LiveRun(plan, Store(store.root))
    runner.start()
    while runner.is_alive():
        seen += [(r.done, r.total) for r in live.look().runners]
        time.sleep(0.05)
    assert (2, 3) in seen
    assert not list(store.root.glob(f"*/*/{PROGRESS}"))
    before = contents(store.root)
    live.look()
    assert contents(store.root) == before


def test_a_log_tells_each_failure_once_and_is_never_silent(monkeypatch):
    clock, said = [0.0], []
    monkeypatch.setattr("offdiag.live.text.time.monotonic", lambda: clock[0])
    log, empty = Log(said.append, every=30), look_of()
    failed = look_of(failures=[Failure("cells/x", "ValueError: no")])
    for clock[0], look in ((0, empty), (2, empty), (4, failed), (6, failed), (29, failed), (36, failed), (67, failed)):
        log.tell(look)
    assert said == [in_a_line(empty), "failed cells/x: ValueError: no", *[in_a_line(failed)] * 2]
    assert clock[0] == 67


def look_of(**given):
    from offdiag.live import KindCount, Runner, RunState, TimeLeft

    runners = [Runner(f"host{i} pid {i}", f"cells/{'long-' * 30}{i}", 61.0, 3, 10) for i in range(30)]
    kinds = [KindCount("cells", 400, 200, 30, 1, 12.5), KindCount("training", 4, 4, 0, 0, None)]
    return RunState(**{"planned": 404, "done": 204, "blocked": 0, "kinds": kinds, "runners": runners, "failures": [],
                   "rate": 3.14, "left": TimeLeft(720, 600, 900), **given})  # fmt: skip


def test_a_terminal_of_80_columns_and_24_lines_is_enough():
    failures = [Failure("cells/\x1b[31m", "no " * 60) for _ in range(9)]
    lines = on_a_terminal("t", look_of(failures=failures), 80, 24)
    assert max(map(len, lines)) <= 80
    assert len(lines) <= 24
    assert not any("\x1b" in line for line in lines)
    assert lines[1] == "204 of 404 steps done; 3.1 a minute; 12 min left [10 min to 15 min]"


@pytest.fixture
def served(tmp_path):
    """The address of a page of a run of which one step is called like a tag."""
    store = Store(tmp_path / "store")
    bad = Toy(label="<img src=x onerror=alert(1)>", act="raise")
    run_plan(toy_plan(bad), store, RUNTIME)
    written = []
    server = server_of(
        LivePage("a & b", LiveRun(toy_plan(bad, A), store), lambda: written.append(1) or "<p>report</p>")
    )
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server, written, store
    server.shutdown()
    server.server_close()


def get(server, path, host=""):
    request = urllib.request.Request(f"http://127.0.0.1:{server.server_port}{path}")
    if host:
        request.add_header("host", host)
    with urllib.request.urlopen(request, timeout=20) as answer:
        return answer.read().decode(), answer.headers


def test_the_page_is_for_this_machine_and_executes_nothing(served, monkeypatch):
    server, written, store = served
    assert server.server_address[0] == "127.0.0.1"
    page, headers = get(server, "/")
    assert "a &amp; b" in page
    assert "<img" not in page
    assert "&lt;img" in page
    assert "script-src 'nonce-" in headers["content-security-policy"]
    for path in ("/../etc/passwd", "/store.json", "/report/.."):
        with pytest.raises(urllib.error.HTTPError, match="404"):
            get(server, path)
    with pytest.raises(urllib.error.HTTPError, match="403"):
        get(server, "/look", host="evil.example:80")  # such as a name of somebody else that leads here
    assert get(server, "/report")[0] == "<p>report</p>"
    monkeypatch.setattr("offdiag.live.page.LOOK_S", 0.0)
    assert get(server, "/look")[1]["x-done"] == "0"
    finish(store, A)
    look, headers = get(server, "/look")
    assert "1 of 2" in look
    assert (get(server, "/report") and len(written), headers["x-done"]) == (1, "0")  # it is too young
    monkeypatch.setattr("offdiag.live.page.REPORT_S", 0.0)
    assert get(server, "/look")[1]["x-done"] == "1"
    assert (get(server, "/report") and len(written)) == 2


def test_a_fragment_names_the_runners():
    shown = fragment("t", look_of())
    assert "host3 pid 3" in shown
    assert "3 of 10" in shown
