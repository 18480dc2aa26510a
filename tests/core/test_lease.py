import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time

import pytest

from offdiag import lease as module
from offdiag.lease import held, lease


@pytest.fixture
def path(tmp_path):
    return tmp_path / "lease.json"


def write(path, pid, host=None, age=0.0):
    path.write_text(json.dumps({"host": host or socket.gethostname(), "pid": pid, "nonce": "other"}))
    then = time.time() - age
    os.utime(path, (then, then))


def dead_pid():
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
    return process.pid


def test_a_second_holder_is_refused_while_the_first_lives(path):
    with lease(path) as first:
        assert first
        assert held(path)
        with lease(path) as second:
            assert not second
        assert held(path)
    assert not path.exists()


def test_another_live_process_keeps_its_lease(path):
    program = (
        "import sys, pathlib\nfrom offdiag.lease import lease\n"
        "with lease(pathlib.Path(sys.argv[1])) as mine:\n    print(mine, flush=True)\n    sys.stdin.read()"
    )
    command = [sys.executable, "-c", program, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "True\n"
        with lease(path) as mine:
            assert not mine
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert path.exists()
        with lease(path) as mine:
            assert mine


def test_a_dead_process_loses_its_lease(path):
    write(path, dead_pid())
    assert not held(path)
    with lease(path) as mine:
        assert mine
        assert json.loads(path.read_text())["pid"] == os.getpid()


def test_a_zombie_is_dead(path):
    process = subprocess.Popen([sys.executable, "-c", ""])
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    write(path, process.pid)
    assert not held(path)
    process.wait()


def test_a_heartbeat_that_stopped_loses_its_lease_even_elsewhere(path):
    write(path, 1, host="elsewhere", age=module.EXPIRY_S - 10)
    with lease(path) as mine:
        assert not mine
    write(path, 1, host="elsewhere", age=module.EXPIRY_S + 1)
    with lease(path) as mine:
        assert mine


def test_a_live_process_on_this_host_whose_heartbeat_stopped_loses_its_lease(path):
    write(path, os.getpid(), age=module.EXPIRY_S + 1)
    with lease(path) as mine:
        assert mine


def test_the_heartbeat_beats(path, monkeypatch):
    monkeypatch.setattr(module, "HEARTBEAT_S", 0.02)
    with lease(path):
        os.utime(path, (0, 0))
        assert not held(path)
        deadline = time.monotonic() + 5
        while not held(path) and time.monotonic() < deadline:
            time.sleep(0.01)
        assert held(path)


def test_the_lease_is_released_when_the_block_fails(path):
    before = threading.active_count()
    with pytest.raises(RuntimeError), lease(path):
        assert threading.active_count() == before + 1
        raise RuntimeError
    assert not path.exists()
    assert threading.active_count() == before


def test_a_lease_that_was_taken_over_is_not_removed_by_its_old_holder(path):
    with lease(path):
        write(path, os.getpid())
    assert path.exists()


def test_a_torn_lease_is_respected_until_it_expires(path):
    path.write_text("")
    with lease(path) as mine:
        assert not mine
    os.utime(path, (0, 0))
    with lease(path) as mine:
        assert mine


@pytest.mark.parametrize("round_", range(10))
def test_of_many_contenders_for_a_dead_lease_one_wins(path, round_):
    write(path, 1, host="elsewhere", age=1000)
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


def test_a_guard_left_by_a_killed_runner_does_not_block_for_ever(path):
    write(path, dead_pid())
    guard = path.with_name(path.name + ".guard")
    guard.touch()
    with lease(path) as mine:
        assert not mine
    os.utime(guard, (0, 0))
    with lease(path):
        pass
    with lease(path) as mine:
        assert mine
