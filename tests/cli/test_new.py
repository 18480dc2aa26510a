"""``offdiag new``: what it writes works, passes its own test, and hides nothing that is there."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from offdiag.api import load, make_report
from offdiag.cli import main
from offdiag.engine import run_plan
from offdiag.planning import make_plan
from offdiag.runtime import Runtime
from offdiag.store import Store
from offdiag.study_files import load_study

KINDS = ("study", "task", "method", "measurement", "analysis")
SMALL = {"study": {"n_eval": 2, "n_train": 4, "bases": [8], "recipe.batch_size": 4}}


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one of each kind."""
    folder = tmp_path_factory.mktemp("new")
    for kind in (*KINDS, "package"):
        assert typed("new", kind, f"own-{kind}", "--in", str(folder)) == 0
    return folder


def typed(*words: object) -> int:
    with pytest.raises(SystemExit) as ended:
        main(list(map(str, words)))
    return int(ended.value.code or 0)


def in_process_of_its_own(*words: object, path: Path | None = None) -> str:
    done = subprocess.run(
        [sys.executable, *map(str, words)],
        capture_output=True, text=True, check=False,
        env={**os.environ, "PYTHONPATH": f"{path or ''}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_each_passes_the_test_that_comes_with_it(written):
    tests = [written / f"test_own_{kind}.py" for kind in KINDS]
    said = in_process_of_its_own("-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", written, *tests)
    assert re.search(r"\b2[0-9] passed", said), said


@pytest.mark.parametrize("kind", KINDS)
def test_each_runs_and_reports(written, tiny_model, tmp_path, kind):
    study = load_study(written / f"own_{kind}.py")
    assert study.name == f"own-{kind}"
    small = SMALL.get(kind, {"n": 3})
    plan = make_plan(study, "quick", {"model": f"dir:{tiny_model}", **small})
    store = Store(tmp_path / "store")
    assert run_plan(plan, store, Runtime(device="cpu", threads=1)).complete
    report = make_report(plan, store, tmp_path / "report")
    assert report.page.is_file()
    if kind == "analysis":
        assert {"digits_of_answer", "share_right"} <= set(report.tables["by-length"])
    if kind == "measurement":
        assert (load(plan, store=store).measured("own_measurement_rows")["nats"] > 0).all()


def test_a_package_installs_is_found_by_its_names_and_passes_its_test(written, tmp_path):
    home, installed = tmp_path / "own-package", tmp_path / "installed"
    shutil.copytree(written / "own-package", home)  # in which the build leaves files
    alone = ["--no-index", "--no-deps", "--no-build-isolation"]
    in_process_of_its_own("-m", "pip", "install", "--quiet", *alone, "--target", installed, home)
    said = in_process_of_its_own("-m", "pytest", "-q", "-p", "no:cacheprovider", home, path=installed)
    assert re.search(r"\b[0-9]+ passed", said), said
    assert "own-package" in in_process_of_its_own("-m", "offdiag", "studies", path=installed)


def test_what_is_written_is_tidy(written):
    files = sorted(written.rglob("*.py"))
    assert len(files) == 2 * len(KINDS) + 4
    alone = ["--isolated", "--line-length", "120"]
    in_process_of_its_own("-m", "ruff", "check", *alone, "--select", "E,F,B,UP,SIM,RET", *files)
    in_process_of_its_own("-m", "ruff", "format", "--check", *alone, *files)
    assert not [path for path in files if "{" + "{" in path.read_text() or "{%" in path.read_text()]


@pytest.mark.parametrize(
    ("kind", "name", "told"),
    [
        ("task", "My Task", "expected small letters and digits with hyphens between, such as my-task"),
        ("task", "../task", "expected small letters"),
        ("task", "random", "Python has a module of that name; take another one, such as my-random"),
        ("study", "class", "Python has a module of that name"),
        ("study", "torch", "Python has a module of that name"),
        ("method", "zero-shot", "there is a method of that name; take another one, such as my-zero-shot"),
        ("task", "counting", "there is a task of that name"),
        ("study", "trigger-2d", "there is a study of that name"),
        ("recipe", "my-recipe", "'study', 'task', 'method'"),
    ],
)
def test_names_that_would_not_work_are_refused(tmp_path, capsys, kind, name, told):
    assert typed("new", kind, name, "--in", str(tmp_path)) == 2
    assert told in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_nothing_is_written_over(tmp_path, capsys):
    (tmp_path / "test_my_study.py").write_text("mine")
    assert typed("new", "study", "my-study", "--in", str(tmp_path)) == 2
    assert "test_my_study.py is there already" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["test_my_study.py"]


def test_it_says_what_to_type_next(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert typed("new", "task", "my-task") == 0
    said = capsys.readouterr().out
    assert said.endswith("Next:\npytest test_my_task.py\noffdiag plan my_task.py\noffdiag run my_task.py\n")
