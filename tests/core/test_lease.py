"""Who holds a lease, when it is dead, and what its holder may still do; with real processes and clocks of our own."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from offdiag import lease as module
from offdiag.durable import move
from offdiag.lease import Holder, LeaseLostError, ensure_held, held, holder, lease
from offdiag.store.json_files import write_json

HOLDS = """
import pathlib, sys
from offdiag.lease import ensure_held, held, lease
path = pathlib.Path(sys.argv[1])
with lease(path) as mine:
    print(mine, flush=True)
    for line in sys.stdin:
        try:
            ensure_held(path.parent / "records.jsonl")
            print("mine", flush=True)
        except Exception as error:
            print(type(error).__name__, flush=True)
"""


class Clock:
    """The clock by which this process judges others; it moves when a test says so."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def path(tmp_path):
    return tmp_path / "lease.json"


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(module, "_clock", clock)
    return clock


@pytest.fixture
def other(path):
    """Another process that holds the lease; ``ask`` lets it try to write."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDS, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "True\n"
    yield process
    process.kill()
    process.wait()
    process.stdin.close()
    process.stdout.close()


def ask(process) -> str:
    process.stdin.write("\n")
    process.stdin.flush()
    return process.stdout.readline().strip()


def write(path: Path, **fields) -> None:
    """Leave a lease of somebody on another machine, or what ``fields`` say."""
    somebody = Holder(host="elsewhere", pid=1, nonce="other", place="another boot", started=7)
    path.write_text(json.dumps(asdict(replace(somebody, **fields))))


def beat(path: Path) -> None:
    os.utime(path, ns=(0, path.stat().st_mtime_ns + 10**9))


def dead_pid() -> int:
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
    return process.pid


def taken(path: Path) -> bool:
    with lease(path) as mine:
        return mine


def test_a_second_holder_is_refused_while_the_first_lives(path):
    with lease(path) as first:
        assert first
        assert held(path)
        assert not taken(path)
        assert held(path)
    assert not path.exists()


def test_a_killed_process_loses_its_lease_at_once(path, other):
    assert not taken(path)
    other.kill()
    other.wait()
    assert path.exists()
    assert not held(path)
    assert holder(path) is None
    assert taken(path)


def test_a_stopped_process_keeps_its_lease_however_long_it_is_stopped(path, other, clock):
    other.send_signal(signal.SIGSTOP)
    assert not taken(path)
    clock.now += 100 * module.EXPIRY_S
    os.utime(path, (0, 0))
    assert held(path)
    assert not taken(path)
    other.send_signal(signal.SIGCONT)
    assert ask(other) == "mine"


def test_the_lease_says_who_holds_it(path, monkeypatch):
    monkeypatch.setenv("SLURM_ARRAY_JOB_ID", "12")
    monkeypatch.setenv("SLURM_ARRAY_TASK_ID", "3")
    with lease(path):
        found = holder(path)
        assert (found.pid, found.job) == (os.getpid(), "12_3")
        assert str(found) == f"{os.uname().nodename} pid {os.getpid()} job 12_3"
    assert holder(path) is None


def test_a_process_that_has_the_number_of_a_dead_one_holds_nothing(path, other):
    theirs = holder(path)
    write(path, **{**asdict(theirs), "started": theirs.started - 1})
    assert not held(path)
    assert taken(path)


def test_a_process_of_another_pid_namespace_is_judged_by_its_heartbeat(path, clock):
    boot = module._place().split()[0]
    write(path, host=os.uname().nodename, pid=dead_pid(), place=f"{boot} 4026539999")
    assert held(path)
    clock.now += module.EXPIRY_S
    assert not held(path)


OTHER_BOOT = "0d6f2a54-0000-4000-8000-000000000000 4026531836"


def test_a_lease_of_an_earlier_boot_of_this_machine_is_free_at_once(path, monkeypatch):
    here = f"{module._place().split()[0]} 4026531836"
    monkeypatch.setattr(module, "_place", lambda: f"{here} this-machine")
    write(path, host=os.uname().nodename, pid=os.getpid(), place=f"{OTHER_BOOT} this-machine")
    assert not held(path)
    assert taken(path)


@pytest.mark.parametrize(
    ("host", "place", "machine"),
    [
        ("elsewhere", f"{OTHER_BOOT} this-machine", "this-machine"),  # a copy of this machine under another name
        (os.uname().nodename, f"{OTHER_BOOT} another", "this-machine"),  # of the same name
        (os.uname().nodename, OTHER_BOOT, "this-machine"),  # of which nothing else is known
        (os.uname().nodename, OTHER_BOOT, ""),
    ],
)
def test_another_boot_of_what_may_be_another_machine_is_judged_by_its_heartbeat(
    path, clock, monkeypatch, host, place, machine
):
    here = f"{module._place().split()[0]} 4026531836"
    monkeypatch.setattr(module, "_place", lambda: f"{here} {machine}".strip())
    write(path, host=host, place=place)
    assert not taken(path)
    clock.now += module.EXPIRY_S
    assert taken(path)


def test_a_machine_says_who_it_is_only_as_a_hash(tmp_path):
    number = Path("/etc/machine-id")
    if not number.exists() or not number.read_text().strip():
        assert module._machine() == ""
        pytest.skip("this machine has no number")
    assert len(module._machine()) == 16
    assert module._machine() not in number.read_text()


def test_a_zombie_is_dead(path):
    process = subprocess.Popen([sys.executable, "-c", ""])
    started = module._started(process.pid)
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    write(path, pid=process.pid, place=module._place(), started=started)
    assert not held(path)
    process.wait()


def test_a_lease_that_this_very_process_left_behind_is_dead(path):
    with lease(path):
        text = path.read_text()
    path.write_text(text)
    assert taken(path)


@pytest.mark.parametrize("dated", [0, 4_000_000_000], ids=["long ago", "in the future"])
def test_another_machine_is_dead_when_its_heartbeat_stands_still_on_our_clock(path, clock, dated):
    write(path)
    os.utime(path, (dated, dated))
    assert not taken(path)
    clock.now += module.EXPIRY_S - 1
    assert not taken(path)
    beat(path)
    assert not taken(path)
    clock.now += module.EXPIRY_S - 1
    assert not taken(path)
    clock.now += 1
    assert taken(path)


def test_a_lease_of_an_earlier_version_is_understood(path, clock):
    earlier = {"host": os.uname().nodename, "pid": os.getppid(), "nonce": "other"}
    path.write_text(json.dumps(earlier))
    assert held(path)
    clock.now += module.EXPIRY_S
    assert not held(path)
    path.write_text(json.dumps({**earlier, "pid": dead_pid()}))
    assert not held(path)


@pytest.mark.parametrize("text", ["", '{"host": "no', "[]", "\ud83d"])
def test_a_torn_lease_is_left_alone_for_a_heartbeat(path, clock, text):
    path.write_text(text, errors="surrogatepass")
    assert not taken(path)
    clock.now += module.HEARTBEAT_S
    assert taken(path)


def test_the_heartbeat_beats(path, monkeypatch):
    monkeypatch.setattr(module, "HEARTBEAT_S", 0.02)
    with lease(path):
        os.utime(path, (0, 0))
        deadline = time.monotonic() + 5
        while path.stat().st_mtime == 0 and time.monotonic() < deadline:
            time.sleep(0.01)
        assert path.stat().st_mtime > 0


def test_leases_share_one_heart_that_stops_with_the_last(tmp_path):
    before = threading.active_count()
    folders = [tmp_path / name for name in "ab"]
    for folder in folders:
        folder.mkdir()
    with pytest.raises(RuntimeError), lease(folders[0] / "lease.json"), lease(folders[1] / "lease.json"):
        assert threading.active_count() == before + 1
        raise RuntimeError
    assert [list(folder.iterdir()) for folder in folders] == [[], []]
    assert threading.active_count() == before


def test_who_lost_the_lease_may_not_write_and_does_not_remove_the_new_one(path):
    inside = path.parent / "checkpoints" / "state"
    with lease(path):
        ensure_held(inside)
        write(path)
        with pytest.raises(LeaseLostError, match=f"{path.parent} was taken over by another process"):
            ensure_held(inside)
        with pytest.raises(LeaseLostError):
            ensure_held(path.parent)
        ensure_held(path.parent.parent / "another")
    assert holder(path).nonce == "other"
    ensure_held(inside)


@pytest.mark.parametrize("way", ["move", "json", "json-in-passing"])
def test_who_lost_the_lease_puts_no_file_in_place(path, way):
    target, part = path.parent / "summary.json", path.parent / "made.part"
    with lease(path):
        target.write_text("of the new holder")
        part.write_text("late")
        write(path)
        with pytest.raises(LeaseLostError):
            if way == "move":
                move(part, target)
            else:
                write_json(target, {"late": True}, to_disk=way == "json")
    assert target.read_text() == "of the new holder"


def test_who_lost_the_lease_does_not_keep_the_new_one_alive(path, monkeypatch):
    monkeypatch.setattr(module, "HEARTBEAT_S", 0.01)
    with lease(path):
        write(path)
        before = path.stat().st_mtime_ns
        time.sleep(0.1)
        assert path.stat().st_mtime_ns == before


def test_a_process_that_lost_its_lease_while_it_slept_is_told(path, other):
    assert ask(other) == "mine"
    other.send_signal(signal.SIGSTOP)
    write(path)  # another machine thought it dead
    other.send_signal(signal.SIGCONT)
    assert ask(other) == "LeaseLostError"


@pytest.mark.parametrize("round_", range(10))
def test_of_many_contenders_for_a_dead_lease_one_wins(path, clock, round_):
    write(path)
    assert held(path)
    clock.now += module.EXPIRY_S
    start, tried, won = threading.Barrier(8), threading.Barrier(8), []

    def contend():
        start.wait()
        with lease(path) as mine:
            if mine:
                won.append(mine)
            tried.wait()

    threads = [threading.Thread(target=contend) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(won) == 1
    assert list(path.parent.iterdir()) == []


def test_who_comes_late_to_a_dead_lease_does_not_replace_the_new_one(path, monkeypatch):
    write(path, pid=dead_pid(), place=module._place())
    dead, quick = module._dead, iter([True])

    def slow(judged, look, patience):
        found = dead(judged, look, patience)
        if judged == path and next(quick, False):  # between this judgement and the deed another one is quicker
            write(path, nonce="quicker")
        return found

    monkeypatch.setattr(module, "_dead", slow)
    assert not taken(path)
    assert holder(path).nonce == "quicker"
    assert [p.name for p in path.parent.iterdir()] == ["lease.json"]


@pytest.mark.parametrize("where", ["here", "elsewhere"])
def test_a_guard_that_a_killed_process_left_holds_nobody_up(path, clock, where):
    gone = {"pid": dead_pid(), "place": module._place()} if where == "here" else {}
    write(path, pid=dead_pid(), place=module._place())
    write(path.with_name("lease.json.other.guard"), **gone, nonce="guard")
    if where == "elsewhere":
        assert not taken(path)
        clock.now += module.HEARTBEAT_S
    assert taken(path)


def test_what_killed_processes_left_is_swept_away(path):
    for name in ("lease.json.1.draft", "lease.json.other.guard", "lease.json.guard"):
        path.with_name(name).touch()
    path.with_name("rows.jsonl").touch()
    assert taken(path)
    assert [p.name for p in path.parent.iterdir()] == ["rows.jsonl"]


def test_a_file_system_without_links_will_do(path, monkeypatch):
    def refuse(*names):
        raise PermissionError("no links")

    monkeypatch.setattr(os, "link", refuse)
    with lease(path) as mine:
        assert mine
        assert holder(path).pid == os.getpid()
        assert not taken(path)
    assert list(path.parent.iterdir()) == []
