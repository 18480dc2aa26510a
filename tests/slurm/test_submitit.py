"""The recipe for submitit in docs/scaling.md, with jobs on this machine: interrupted in a step, it goes on and ends."""

import os
import re
import signal
import time
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import pytest

from offdiag.store import State

ROOT = Path(__file__).parents[2]


@pytest.fixture
def recipe(tmp_path, monkeypatch):
    """The first piece of code of the page, as a module that the jobs find, too."""
    if find_spec("submitit") is None:
        pytest.skip("submitit is not installed: pip install submitit")
    section = (ROOT / "docs" / "scaling.md").read_text(encoding="utf-8").split("### submitit")[1]
    code = re.search(r"```python\n(.*?)```", section, re.DOTALL)[1]
    (tmp_path / "submitit_recipe.py").write_text(code)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=":")
    return import_module("submitit_recipe")


def begun(place):
    return [step for step in place.plan().steps if place.store.state(step) is State.BUSY]


def until(met):
    deadline = time.monotonic() + 180
    while not met():
        assert time.monotonic() < deadline, "it took too long"
        time.sleep(0.1)


def test_a_job_that_is_interrupted_gives_its_step_back_and_goes_on(recipe, place, tmp_path):
    import submitit

    executor = submitit.LocalExecutor(tmp_path / "jobs")
    executor.update_parameters(timeout_min=2)
    (job,) = recipe.submit(executor, 1, str(place.store.root), str(place.study))
    try:
        until(lambda: begun(place))
        holder = place.store.holder(begun(place)[0])
        os.kill(holder.pid, signal.SIGUSR2)  # as Slurm does before it takes the machine away
        until(lambda: begun(place) and place.store.holder(begun(place)[0]) != holder)
        assert "Calling checkpoint method" in job.stdout()
        assert not list(place.store.root.glob("*/*/error.txt"))
        place.go()
        assert job.result() is True
    finally:
        job.cancel()
    assert place.left() == []
    place.compare_with_one_process(tmp_path / "alone")
