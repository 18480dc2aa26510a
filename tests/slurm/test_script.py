"""What the script of an array asks of Slurm, without Slurm."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from offdiag.errors import OffdiagError, UserError
from offdiag.slurm import Array, Campaign, seconds_of
from offdiag.store import Store
from support.toys import Toy, toy_plan

PLAN = toy_plan(Toy(label="a"))


@pytest.fixture
def campaign(tmp_path):
    return Campaign.of(PLAN, Store(tmp_path / "a store"))


def options(script: Path) -> list[str]:
    lines = script.read_text().splitlines()
    return [line.removeprefix("#SBATCH --") for line in lines if line.startswith("#SBATCH ")]


def test_a_script_says_all_that_was_asked_for_and_what_it_runs(campaign, tmp_path):
    asked = Array(workers=8, partition="P", gpus="a100:1", time="4h", mem="32G", cpus=4, options=("--account=x",))
    store = Store(tmp_path / "a store")
    script = campaign.write(asked, PLAN, store, ["-k", "two words"])
    assert script == store.root / "slurm" / "tiny-only" / "workers.sbatch"
    assert options(script) == [
        "requeue", "job-name=offdiag-tiny", "array=0-7", f'output="{script.parent}/%A_%a.out"', "open-mode=append",
        "signal=B:USR2@120", "partition=P", "gres=gpu:a100:1", "time=04:00:00", "mem=32G", "cpus-per-task=4",
        "account=x",
    ]  # fmt: skip
    (run,) = [line for line in script.read_text().splitlines() if line.endswith(" &")]
    words = f"{sys.executable} -m offdiag run tiny --scale only -k 'two words' --store '{store.root}'"
    assert run == f"{words} --worker --skip-failed &"
    assert subprocess.run(["bash", "-n", script], check=False).returncode == 0


def test_a_script_leaves_to_the_cluster_what_was_not_asked_for(campaign, tmp_path):
    script = campaign.write(Array(workers=1, light=True), PLAN, Store(tmp_path / "a store"))
    assert script.name == "light-workers.sbatch"
    assert not {option.split("=")[0] for option in options(script)} & {"partition", "gres", "time", "mem"}
    assert "--worker --skip-failed --light &" in script.read_text()


def test_a_short_time_leaves_most_of_it_to_the_work(campaign, tmp_path):
    script = campaign.write(Array(workers=1, time="4m"), PLAN, Store(tmp_path / "a store"))
    assert "signal=B:USR2@60" in options(script)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90m", 5400), ("1.5h", 5400), ("2d", 172_800), ("30", 1800), ("30:10", 1810), ("4:00:00", 14_400),
     ("1-12", 129_600), ("1-12:30", 131_400), ("2-0:0:5", 172_805), ("45s", 45)],
)  # fmt: skip
def test_times(text, seconds):
    assert seconds_of(text) == seconds


@pytest.mark.parametrize(
    "text", ["", "soon", "4 h", "-1h", "1:2:3:4", "4hours", "0", "0h", "\uff11h", "401d", "9" * 5000]
)
def test_what_is_no_time_is_refused(text):
    with pytest.raises(UserError, match="expected a time such as 90m, 4h, 2d or 4:00:00"):
        seconds_of(text)


@pytest.mark.parametrize(
    "asked",
    [{"mem": "32G\nscancel"}, {"mem": "a lot"}, {"gpus": "x y"}, {"gpus": "-1"}, {"partition": ""},
     {"partition": "$(id)"},
     {"options": ("--account=x\necho y",)}, {"options": ("account",)}, {"options": ("--a=\x1b[2J",)}],
)  # fmt: skip
def test_what_is_no_option_on_one_line_of_the_script_is_refused(asked):
    (name,) = asked
    with pytest.raises(UserError, match=f"^--{'sbatch' if name == 'options' else name} .*: expected "):
        Array(workers=1, **asked)


def test_a_store_of_any_name_is_one_word_of_the_script(tmp_path):
    store = Store(tmp_path / "50% of 'a'")
    script = Campaign.of(PLAN, store).write(Array(workers=1), PLAN, store)
    folder = str(script.parent).replace("%", "%%")
    assert f'output="{folder}/%A_%a.out"' in options(script)
    with pytest.raises(UserError, match="takes no such name; type --store FOLDER"):
        Campaign.of(PLAN, other := Store(tmp_path / "a\nb")).write(Array(workers=1), PLAN, other)


@pytest.mark.parametrize("told", ["TERM", "USR2", "cancelled", "done"])
def test_the_script_queues_itself_again_when_its_time_is_up_and_never_else(campaign, tmp_path, told):
    """The script with a worker of our own and a Slurm that writes down what it is told."""
    script = campaign.write(Array(workers=1), PLAN, Store(tmp_path / "a store"))
    stand_in = "trap 'exit 75' TERM USR2; echo ready; while :; do sleep 0.02; done" if told != "done" else "echo ready"
    lines = script.read_text().splitlines()
    lines = [f"bash -c {stand_in!r} &".replace("\\'", "'") if line.endswith(" &") else line for line in lines]
    script.write_text("\n".join(lines))
    (tmp_path / "scontrol").write_text(f"#!/bin/bash\necho $* > {tmp_path}/asked\n")
    (tmp_path / "scontrol").chmod(0o755)
    path = {"PATH": f"{tmp_path}:/usr/bin:/bin", "SLURM_ARRAY_JOB_ID": "7", "SLURM_ARRAY_TASK_ID": "3"}
    with subprocess.Popen(["bash", script], env=path, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "ready\n"
        if told == "cancelled":
            (campaign.folder / "cancelled").touch()
        if told != "done":
            process.send_signal(signal.SIGTERM if told == "TERM" else signal.SIGUSR2)
        assert process.wait(20) == (0 if told == "done" else 75)
    asked = tmp_path / "asked"
    assert (asked.read_text() if asked.exists() else "") == ("requeue 7_3\n" if told == "USR2" else "")


def test_without_slurm_it_is_one_line(campaign, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    script = campaign.write(Array(workers=1), PLAN, Store(tmp_path / "a store"))
    with pytest.raises(UserError, match="sbatch is not here: type this where Slurm is"):
        campaign.submit(script)
    refusing = tmp_path / "sbatch"
    refusing.write_text("#!/bin/sh\necho 'sbatch: error: invalid partition specified: P' >&2\nexit 1\n")
    refusing.chmod(0o755)
    with pytest.raises(OffdiagError, match="sbatch: sbatch: error: invalid partition specified: P"):
        campaign.submit(script)
    assert not (campaign.folder / "jobs.json").exists()


def test_jobs_are_remembered(campaign, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    (tmp_path / "sbatch").write_text("#!/bin/sh\necho '12;cluster'\n")
    (tmp_path / "scancel").write_text(f"#!/bin/sh\necho $* > {tmp_path}/asked\n")
    for name in ("sbatch", "scancel"):
        (tmp_path / name).chmod(0o755)
    assert campaign.submit(campaign.write(Array(workers=1), PLAN, Store(tmp_path / "a store"))) == "12"
    again = Campaign.of(PLAN, Store(tmp_path / "a store"))
    assert again.jobs == ["12"]
    again.cancel()
    assert (tmp_path / "asked").read_text() == "12\n"
    assert (again.folder / "cancelled").exists()
    again.submit(again.folder / "workers.sbatch")
    assert not (again.folder / "cancelled").exists()
