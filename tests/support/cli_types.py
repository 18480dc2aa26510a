"""What the tests of the command line share."""

import os
import pty
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


def cells(store: Path, word: str = "") -> list[Path]:
    return [path for path in sorted((store / "cells").iterdir()) if word in path.name]


def on_a_terminal(columns: int, *words: object, **environment: str) -> tuple[int, str]:
    """The exit code and what a terminal that wide is sent."""
    import fcntl
    import struct
    import termios

    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    settings = {k: v for k, v in os.environ.items() if k not in ("COLUMNS", "LINES", "NO_COLOR")}
    process = subprocess.Popen(
        [sys.executable, "-m", "offdiag", *map(str, words)],
        stdout=theirs, stderr=theirs, stdin=theirs, env={**settings, "TERM": "xterm-256color", **environment},
    )  # fmt: skip
    os.close(theirs)
    shown = b""
    try:
        while data := os.read(ours, 65536):
            shown += data
    except OSError:  # what Linux answers once the other end is closed
        pass
    os.close(ours)
    return process.wait(timeout=60), shown.decode()
