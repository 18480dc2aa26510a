"""Workers under a real Slurm: an array, preemption, time limits, cancelling, lost nodes, two host names, two arrays."""

import os
import signal
import time

import pytest

from offdiag.cli.commands import submit
from offdiag.store import State


def until(met, seconds=180):
    deadline = time.monotonic() + seconds
    while not met():
        assert time.monotonic() < deadline, "it took too long"
        time.sleep(0.1)


@pytest.fixture(autouse=True)
def quick_looks(monkeypatch):
    monkeypatch.setattr(submit, "LOOK_S", 0.3)


def busy(place):
    return [step for step in place.plan().steps if place.store.state(step) is State.BUSY]


def test_an_array_does_the_plan_and_the_progress_ends_with_it(slurm, place, tmp_path, capfd):
    place.go()
    assert place.call("submit", "--slurm", 2, "--cpus", 4, "--mem", "100M") == 0
    out = capfd.readouterr().out
    assert "job " in out
    assert "[6/6] workers: " in out
    assert "Everything is done. Next: offdiag report" in out
    until(lambda: set(slurm.states(place.job())) == {"COMPLETED"})
    assert "steps done" in place.said()
    assert place.left() == []
    place.compare_with_one_process(tmp_path / "alone")
    assert place.call("submit", "--slurm", 2) == 0
    assert "nothing to submit" in capfd.readouterr().out


def test_two_nodes_with_names_of_their_own_share_the_work_and_status_says_who_has_what(slurm, place, tmp_path, capfd):
    assert place.call("submit", "--slurm", 2, "--cpus", 4, "--dry-run") == 0
    (script,) = place.store.root.glob("slurm/*/workers.sbatch")
    text = script.read_text()
    command = next(line for line in text.splitlines() if line.endswith(" &"))
    named = f"unshare --uts bash -c 'hostname host-$SLURMD_NODENAME; exec {command.removesuffix(' &')}' &"
    script.write_text(text.replace(command, named))
    job = slurm.run("sbatch", "--parsable", str(script))
    until(lambda: len(busy(place)) == 2)
    capfd.readouterr()
    assert place.call("status") == 0
    status = capfd.readouterr().out
    assert {f"host-n{i} pid" for i in (1, 2) if f"host-n{i} pid" in status} == {"host-n1 pid", "host-n2 pid"}, status
    assert f"job {job}_0" in status
    place.go()
    until(lambda: set(slurm.states(job)) == {"COMPLETED"})
    assert place.left() == []
    place.compare_with_one_process(tmp_path / "alone")
    nodes = {line.split()[1] for line in place.told.read_text().splitlines() if "None" not in line.split()[1]}
    assert nodes == {"n1", "n2"}


def test_preempted_workers_give_their_steps_back_and_go_on_later(slurm, place, tmp_path):
    assert place.call("submit", "--slurm", 2, "--cpus", 4, "--detach") == 0
    until(lambda: len(busy(place)) == 2)
    urgent = slurm.run(
        "sbatch",
        "--parsable",
        "--partition=high",
        "--nodes=2",
        "--exclusive",
        "--output=/dev/null",
        "--wrap",
        "sleep 1",
    )
    until(lambda: slurm.states(urgent) == ["COMPLETED"])
    # the line of a worker may reach its file after the job that took its place has ended
    until(lambda: place.said().count("told to end: the step at hand is given back") == 2)
    until(lambda: place.left() == [])
    slurm.run("scontrol", "update", f"job={place.job()}", "StartTime=now")
    until(lambda: len(busy(place)) == 2)
    place.go()
    until(lambda: set(slurm.states(place.job())) == {"COMPLETED"})
    place.compare_with_one_process(tmp_path / "alone")


def test_workers_whose_time_is_up_queue_themselves_again(slurm, place, tmp_path):
    assert place.call("submit", "--slurm", 1, "--time", "1m", "--sbatch", "--signal=B:USR2@60", "--detach") == 0
    # Slurm may say so early, and before the worker can hear of it
    until(lambda: "Restarts=1" in slurm.run("scontrol", "show", "job", place.job()), 90)
    until(lambda: slurm.states(place.job()) == ["PENDING"])
    assert place.left() == []
    place.go()

    def completed() -> bool:
        states = slurm.states(place.job())
        if states == ["PENDING"]:  # perhaps again: with so little time Slurm may say so a second time
            slurm.run("scontrol", "update", f"job={place.job()}", "StartTime=now")
        return states == ["COMPLETED"]

    until(completed)
    place.compare_with_one_process(tmp_path / "alone")


def test_cancelled_workers_give_their_steps_back_and_stay_away(slurm, place, tmp_path, capfd):
    assert place.call("submit", "--slurm", 2, "--detach") == 0
    until(lambda: len(busy(place)) == 2)
    capfd.readouterr()
    assert place.call("cancel") == 0
    assert "2 workers are told to end" in capfd.readouterr().out
    until(lambda: set(slurm.states(place.job())) == {"CANCELLED"})
    assert place.left() == []
    assert place.said().count("told to end: the step at hand is given back") == 2
    place.go()
    assert place.call("run") == 0
    place.compare_with_one_process(tmp_path / "alone")


def test_a_bare_scancel_gives_the_steps_back_and_the_next_run_goes_on(slurm, place, tmp_path):
    assert place.call("submit", "--slurm", 2, "--detach") == 0
    until(lambda: len(busy(place)) == 2)
    slurm.run("scancel", place.job())
    until(lambda: set(slurm.states(place.job())) == {"CANCELLED"})
    assert place.left() == []
    assert place.said().count("told to end: the step at hand is given back") == 2
    place.go()
    assert place.call("run") == 0
    place.compare_with_one_process(tmp_path / "alone")


@pytest.mark.parametrize("how", ["scancel --signal=KILL", "kill -9"])
def test_a_killed_worker_loses_no_step(slurm, place, tmp_path, how):
    """Another worker of the same machine takes its step at once, and goes on with what is there of it."""
    assert place.call("submit", "--slurm", 2, "--detach") == 0
    until(lambda: len(busy(place)) == 2)
    doomed = place.store.holder(busy(place)[0])
    if how == "kill -9":
        os.kill(doomed.pid, signal.SIGKILL)
    else:
        slurm.run("scancel", "--signal=KILL", doomed.job)
    until(lambda: all(place.store.holder(step) != doomed for step in place.plan().steps))
    place.go()
    until(lambda: all(place.store.state(step) is State.DONE for step in place.plan().steps))
    until(lambda: "COMPLETED" in slurm.states(place.job()) and len(set(slurm.states(place.job()))) == 2)
    assert [name for name in place.left() if name == "error.txt"] == []
    place.compare_with_one_process(tmp_path / "alone")


def test_a_lost_node_loses_no_step(slurm, place, tmp_path):
    assert place.call("submit", "--slurm", 2, "--cpus", 4, "--detach") == 0
    until(lambda: len(busy(place)) == 2)
    slurm.run("scontrol", "update", "nodename=n1", "state=down", "reason=test")
    try:
        place.go()
        until(lambda: all(place.store.state(step) is State.DONE for step in place.plan().steps))
    finally:
        slurm.run("scontrol", "update", "nodename=n1", "state=resume")
    assert [name for name in place.left() if name == "error.txt"] == []
    place.compare_with_one_process(tmp_path / "alone")


def test_steps_without_a_model_go_to_a_second_array_without_gpus(slurm, place, tmp_path):
    place.go()
    words = ("--set", "models=2", "--slurm", 1, "--gpus", 1, "--light", 1)
    assert place.call("submit", *words) == 0
    seen = [line.split() for line in place.told.read_text().splitlines()]
    with_model = [devices for name, _, devices in seen if name.startswith("squares-10")]
    assert len(with_model) == 2
    assert set(with_model) <= {"0", "1"}
    place.compare_with_one_process(tmp_path / "alone", models=2)
