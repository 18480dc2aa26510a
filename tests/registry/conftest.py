"""A package of somebody else, installed by pip, and what it says on the command line."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from support.cli_types import Said
from support.packages import PACKAGE
from support.warm import warm_offdiag


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder into which pip has installed ``offdiag-letters``."""
    built = tmp_path_factory.mktemp("letters")
    source, folder = built / "source", built / "installed"
    subprocess.run(["cp", "-r", str(PACKAGE), str(source)], check=True)  # a build leaves files beside its source
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-index", "--no-deps"]
    subprocess.run([*pip, "--no-build-isolation", "--target", str(folder), str(source)], check=True)
    return folder


@pytest.fixture
def called() -> Callable[..., Said]:
    """Call ``offdiag`` in a process that sees ``packages`` beside what is installed."""

    def call(*words: object, packages: Path | None = None, stdin: str = "", cwd: Path | None = None) -> Said:
        path = os.pathsep.join(filter(None, [str(packages or ""), os.environ.get("PYTHONPATH", "")]))
        done = subprocess.run(
            [*warm_offdiag(), *map(str, words)],
            input=stdin, cwd=cwd, capture_output=True, text=True, check=False, timeout=300,
            env={**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1"},
        )  # fmt: skip
        return Said(done.returncode, done.stdout, done.stderr)

    return call
