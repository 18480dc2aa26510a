"""What the tests of the command line share."""

import os
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple


class Said(NamedTuple):
    code: int
    out: str
    err: str


class Finished(NamedTuple):
    """A finished run of a small base-addition study."""

    store: Path
    words: tuple[str, ...]  # the study's name and settings
    overrides: dict[str, str]


def spawn(*words: object, **options: object) -> subprocess.Popen[str]:
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        [sys.executable, "-m", "offdiag", *map(str, words)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
        **options,
    )
