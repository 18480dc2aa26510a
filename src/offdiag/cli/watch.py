"""Show the progress of a run: bars on a terminal, one line per step elsewhere."""

import os
import sys
import time
from collections.abc import Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Self

from offdiag.cli.tables import printable, say
from offdiag.engine import Watcher
from offdiag.steps import Step

if TYPE_CHECKING:
    from rich.progress import TaskID

LIGHT_S = 1.0  # steps quicker than this get no line of their own
WAIT_S = 60.0  # between two lines that say for whom the run waits


class Lines:
    """Watcher that prints a line per slow or failed step, and keeps the failures for the table at the end."""

    def __init__(self, total: int) -> None:
        self.total, self.count = total, 0
        self.failures: list[tuple[Step, str, str]] = []
        self._started: dict[str, float] = {}
        self._waits, self._told = "", float("-inf")

    def started(self, step: Step) -> None:
        """Remember when the step began."""
        self._started[step.fingerprint] = time.monotonic()

    def progressed(self, step: Step, done: int, total: int) -> None:
        """Do nothing: a log has no bars."""

    def ended(self, step: Step, state: str, message: str) -> None:
        """Print a line if the step was slow or failed."""
        self.count += 1
        seconds = time.monotonic() - self._started.pop(step.fingerprint, time.monotonic())
        if state != "done":
            self.failures.append((step, state, message))
        if state != "blocked" and (state != "done" or seconds >= LIGHT_S):  # the table at the end has what is blocked
            end = f": {message}" if message else ""
            self.say(f"[{self.count}/{self.total}] {state} {step.kind}/{step.name} ({seconds:.0f} s){end}")

    def waiting(self, busy: Sequence[tuple[Step, str]]) -> None:
        """Say for whom the run waits, when that changes and at most once a minute."""
        said = "waiting for " + "; ".join(f"{s.kind}/{s.name} ({who})" for s, who in busy[:3])
        said += f"; and {len(busy) - 3} more" if len(busy) > 3 else ""
        if busy and said != self._waits and time.monotonic() - self._told >= WAIT_S:
            self._waits, self._told = said, time.monotonic()
            self.say(f"[{self.count}/{self.total}] {said}")

    def say(self, line: str) -> None:
        """Print a line; where nobody reads any more the run goes on unwatched."""
        try:
            say(line)
            sys.stdout.flush()
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        return None


class Bars(Lines):
    """Watcher with a progress bar for the run and one per running step, below the printed lines."""

    def __init__(self, total: int) -> None:
        super().__init__(total)
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        self._console = Console(no_color="NO_COLOR" in os.environ)
        self._progress: Progress = Progress(*columns, console=self._console, transient=True)
        self._all = self._progress.add_task("all steps", total=total)
        self._tasks: dict[str, TaskID] = {}

    def started(self, step: Step) -> None:
        """Add a bar for the step."""
        super().started(step)
        from rich.markup import escape

        name = escape(printable(f"{step.kind}/{step.name}")[: max(24, self._console.width - 40)])
        self._tasks[step.fingerprint] = self._progress.add_task(name, total=None)

    def progressed(self, step: Step, done: int, total: int) -> None:
        """Move the bar."""
        self._progress.update(self._tasks[step.fingerprint], completed=done, total=total)

    def ended(self, step: Step, state: str, message: str) -> None:
        """Remove the bar of the step and print its line."""
        task = self._tasks.pop(step.fingerprint, None)
        if task is not None:
            self._progress.remove_task(task)
        super().ended(step, state, message)
        self._progress.advance(self._all)

    def say(self, line: str) -> None:
        """Print a line above the bars."""
        self._console.print(printable(line), markup=False, highlight=False)

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._progress.stop()


def watcher_for(total: int) -> Lines:
    """Return bars on a terminal, lines elsewhere."""
    watcher: Lines = Bars(total) if sys.stdout.isatty() else Lines(total)
    _: Watcher = watcher
    return watcher
