"""A package adds everything that has a name; a study file with modules beside it does so, too."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from support.cli_types import Said, cells
from support.documented import ROOT
from support.packages import PACKAGE, distribution

SOURCE = PACKAGE / "src" / "offdiag_letters"
PARTS = ("task", "method", "training", "measurement", "analysis", "figure", "export")
Called = Callable[..., Said]


def texts(*names: str) -> str:
    """Modules of the package as one, with the task under ``@register`` instead of an entry point."""
    text = "\n".join((SOURCE / f"{name}.py").read_text(encoding="utf-8") for name in names)
    text = re.sub(r"^from offdiag_letters.*\n", "", text, flags=re.MULTILINE)
    return text.replace("class Letters(", "@register\nclass Letters(").replace(
        "import Domain, Example, Grade, PromptStyle, Task\n",
        "import Domain, Example, Grade, PromptStyle, Task, register\n",
    )


def all_in_one(folder: Path) -> Path:
    path = folder / "my_study.py"
    path.write_text(texts(*PARTS, "study"), encoding="utf-8")
    return path


def with_a_module_beside(folder: Path) -> Path:
    (folder / "my_parts.py").write_text(texts(*PARTS), encoding="utf-8")
    path = folder / "my_study.py"
    names = "AccuracyBars, Advised, CopyTuning, LettersDomain, MeanSurprise, SurpriseFile, WordSurprise"
    path.write_text(f"from my_parts import {names}\n{texts('study')}", encoding="utf-8")
    return path


def with_a_package_beside(folder: Path) -> Path:
    package = folder / "offdiag_letters"
    package.mkdir()
    for name in ("__init__", *PARTS):
        text = (SOURCE / f"{name}.py").read_text(encoding="utf-8")
        (package / f"{name}.py").write_text(texts(name) if name == "task" else text, encoding="utf-8")
    path = folder / "my_study.py"
    path.write_text((SOURCE / "study.py").read_text(encoding="utf-8"), encoding="utf-8")
    return path


def runs(called: Called, words: list[object]) -> None:
    """The study is planned, and two worker processes find its parts."""
    planned = called("plan", *words, "--json")
    assert (planned.code, planned.err) == (0, "")
    plan = json.loads(planned.out)
    assert (plan["cells"], plan["measurements"]) == (4, 1)
    costs = {line["kind"]: line for line in plan["cost"]["lines"]}
    assert costs["training"]["trained_tokens"] > 0
    assert costs["measurements"]["read_tokens"] > 0
    assert not [note for note in plan["cost"]["notes"] if "not counted" in note]
    ran = called("run", *words, "--workers", 2)
    assert (ran.code, ran.err) == (0, ""), ran
    assert re.search(r"(\d+) of \1 steps? done", ran.out)
    assert "nats" in ran.out


def goes_all_the_way(called: Called, study: object, model: str, tmp_path: Path, *of_study: object) -> None:
    """Every command that reads the study or the task does its work."""
    words = [study, "--set", f"model={model}", "--store", tmp_path / "store"]
    runs(called, words)
    (cell,) = cells(tmp_path / "store", "advice")
    shown = called("show", cell.name, "--store", tmp_path / "store", *of_study)
    assert (shown.code, shown.err) == (0, "")
    assert "Begin with the last letter." in shown.out
    assert "Spell " in shown.out
    drawn = called("data", "letters", "length=4", "--n", 2, *of_study)
    assert (drawn.code, drawn.err) == (0, "")
    assert [len(json.loads(line)["target"]) for line in drawn.out.splitlines()] == [4, 4]
    graded = called("grade", "letters", *of_study, stdin='{"problem": "abc", "completion": "cba"}\n')
    assert (graded.code, graded.err) == (0, "")
    assert json.loads(graded.out)["correct"] is True
    report = called("report", *words, "--to", tmp_path / "report")
    assert (report.code, report.err) == (0, "")
    assert len((tmp_path / "report" / "tables" / "mean-surprise.csv").read_text().splitlines()) == 2
    assert list((tmp_path / "report").glob("**/bars*.png"))
    exported = called("export", *words, "--to", tmp_path / "files")
    assert (exported.code, exported.err) == (0, "")
    assert len((tmp_path / "files" / "surprise.csv").read_text().splitlines()) == 1 + 3


def test_a_package(
    called: Called, installed: Path, tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def with_it(*words: object, stdin: str = "") -> Said:
        return called(*words, packages=installed, stdin=stdin)

    listed = with_it("studies", "--json")
    assert (listed.code, listed.err) == (0, "")
    assert {row["study"]: row["package"] for row in json.loads(listed.out)}["letters"] == "offdiag-letters"
    assert re.search(r"^letters .* offdiag-letters\b", with_it("studies").out, flags=re.MULTILINE)
    monkeypatch.setenv("LETTERS_ZOO", str(tiny_model.parent))  # the package has a source of models, too
    goes_all_the_way(with_it, "letters", f"zoo:{tiny_model.name}", tmp_path)
    (step,) = cells(tmp_path / "store", "advice")
    (step / "result.json").unlink()
    words = ("letters", "--set", f"model=zoo:{tiny_model.name}", "--store", tmp_path / "store")
    again = with_it("run", *words, "--engine", "polite")
    assert (again.code, again.err) == (0, "")
    assert "1 of 1 step done" in again.out
    analysed = with_it("analyse", "accuracy-by-length", "-", "--json", stdin="word,correct\nabc,1\nabd,0\n")
    assert [(row["n"], row["accuracy"]) for row in json.loads(analysed.out)] == [(2, 0.5)]
    gone = called("data", "letters")
    assert gone.code == 2
    assert "unknown task 'letters'" in gone.err


def test_the_task_of_a_package_keeps_the_contract(installed: Path) -> None:
    path = os.pathsep.join([str(installed), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:xdist", "tests/tasks/test_contract.py", "-k", "letters"],
        cwd=ROOT, env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
    assert int(re.search(r"(\d+) passed", done.stdout)[1]) > 20


def test_a_study_file(called: Called, tiny_model: Path, tmp_path: Path) -> None:
    study = all_in_one(tmp_path)
    goes_all_the_way(called, study, f"dir:{tiny_model}", tmp_path, "--study", study)


@pytest.mark.parametrize("written", [with_a_module_beside, with_a_package_beside])
def test_a_study_file_with_modules(
    written: Callable[[Path], Path], called: Called, tiny_model: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "a folder"
    folder.mkdir()
    study = written(folder)
    runs(called, [study, "--set", f"model=dir:{tiny_model}", "--store", tmp_path / "store"])
    drawn = called("data", "letters", "length=4", "--n", 2, "--study", study)
    assert (drawn.code, drawn.err, len(drawn.out.splitlines())) == (0, "", 2)
    without = called("data", "letters")
    assert without.code == 2
    assert "type --study my_study.py" in without.err


def test_an_error_in_the_code_of_a_package_is_one_line_that_names_it(called: Called, tmp_path: Path) -> None:
    source = """
from offdiag.study import Design, StudyParams, study
@study("late", scales={"quick": StudyParams()})
def late(p):
    "Fails when it is planned."
    return Design(cells=(1 / 0,))
"""
    points = {"offdiag.studies": {"late": "late_study:late"}}
    folder = distribution(tmp_path / "packages", "late-package", points, late_study=source)
    said = called("plan", "late", packages=folder)
    assert (said.code, said.out, said.err.count("\n")) == (2, "", 1)
    assert re.search(r"late_study\.py:6 \(of the package late-package\): ZeroDivisionError: division by zero", said.err)
