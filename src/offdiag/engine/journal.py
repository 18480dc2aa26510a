"""The journal of a store: hints that runners leave each other about the steps that they begin and end.

One file that all append to and read from where they stopped, so that hundreds of runners learn what others do without a
look into thousands of folders. It is no truth: a line may be lost where a network file system appends for two at once,
and a step may have been begun by who died since. What is done is what the folders say.
"""

import os
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple

from offdiag.lease import job
from offdiag.steps import Step

FILE = "journal.log"
_DIGITS = 16
_WORD = re.compile(rb"([+=!~])([0-9a-f]{%d})" % _DIGITS)
_BY = re.compile(rb"@(\S+)")


class Event(StrEnum):
    """What happened to a step."""

    BEGUN = "+"
    DONE = "="
    FAILED = "!"
    LEFT = "~"


class News(NamedTuple):
    """An event, the key of its step, and the job of who says so, empty without one."""

    event: Event
    key: str
    by: str = ""


def key(step: Step) -> str:
    """Return the name of a step in the journal."""
    return step.fingerprint[:_DIGITS]


def tell(root: Path, event: Event, steps: Iterable[Step]) -> None:
    """Append one line to the journal of a store; a store that cannot take it loses a hint and nothing else."""
    by = f"@{said} " if (said := re.sub(r"\W", "-", job())) else ""
    line = by + " ".join(f"{event}{key(step)}" for step in steps) + "\n"
    with suppress(OSError):
        file = os.open(root / FILE, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
        try:
            os.write(file, line.encode("ascii"))
        finally:
            os.close(file)


class Journal:
    """Reads what runners of a store write from now on."""

    def __init__(self, root: Path) -> None:
        self.path = root / FILE
        self._read = self.path.stat().st_size if self.path.exists() else 0

    def news(self) -> Iterator[News]:
        """Yield what was written since the last call, one's own lines among it."""
        try:
            with self.path.open("rb") as file:
                size = os.fstat(file.fileno()).st_size
                file.seek(self._read if size >= self._read else 0)  # somebody may have emptied it
                data = file.read()
                self._read = file.tell()
        except OSError:
            return
        whole = data[: data.rfind(b"\n") + 1]
        self._read -= len(data) - len(whole)  # the rest is still being written
        for line in whole.splitlines():
            by = _BY.match(line)
            for word in _WORD.finditer(line):
                yield News(Event(word[1].decode()), word[2].decode(), by[1].decode() if by else "")
