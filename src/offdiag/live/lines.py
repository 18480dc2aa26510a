"""Watchers that show the progress of a run: bars on a terminal, lines elsewhere, one at least every half minute."""

import os
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import TracebackType
from typing import TYPE_CHECKING, Self, TextIO

from offdiag.engine import Watcher
from offdiag.errors import printable
from offdiag.live.time_left import StepTimes, UnderWay, duration
from offdiag.steps import Step

if TYPE_CHECKING:
    from rich.progress import TaskID

LIGHT_S = 1.0  # steps quicker than this get no line of their own
WAIT_S = 60.0  # between two lines that say for whom the run waits
SILENT_S = 30.0  # longest time without a line, where there are no bars


class Beat:
    """Says a line whenever nothing was said for some seconds, from a thread of its own; use ``with``."""

    def __init__(self, text: Callable[[], str], say: Callable[[str], None], every: float | None = None) -> None:
        self._text, self._say, self.every = text, say, SILENT_S if every is None else every
        self._last, self._stop = time.monotonic(), threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def heard(self) -> None:
        """Note that a line was said."""
        self._last = time.monotonic()

    def _run(self) -> None:
        while not self._stop.wait(max(self._last + self.every - time.monotonic(), 0.01)):
            if time.monotonic() - self._last >= self.every:
                self.heard()
                self._say(self._text())

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stop.set()
        self._thread.join()


class Lines:
    """Watcher that prints a line per slow or failed step, and keeps the failures for the table at the end.

    Within ``with`` a line comes at least every half minute, and says what is at work and how long the rest takes.

    Args:
        steps: that are to be run. out: where lines go; standard output by default. every: longest silence, in seconds.
        workers: how many steps run at once.
    """

    def __init__(
        self, steps: Sequence[Step], out: TextIO | None = None, every: float | None = None, workers: int = 1
    ) -> None:
        self.total, self.count, self.workers = len(steps), 0, workers
        self.failures: list[tuple[Step, str, str]] = []
        self.out = out
        self._to_go = Counter(step.kind for step in steps)
        self._began: dict[str, tuple[Step, float]] = {}
        self._far: dict[str, tuple[int, int, int, float]] = {}  # first, done and total units, and since when
        self._times = StepTimes()
        self._waits, self._told = "", float("-inf")
        self._lock = threading.Lock()
        self._beat = Beat(self.now, self.say, every)

    def started(self, step: Step) -> None:
        """Remember when the step began."""
        with self._lock:
            self._began[step.fingerprint] = (step, time.monotonic())
            self._to_go[step.kind] -= 1

    def progressed(self, step: Step, done: int, total: int) -> None:
        """Remember how far the step is."""
        with self._lock:
            first, *_, since = self._far.get(step.fingerprint, (done, done, total, time.monotonic()))
            self._far[step.fingerprint] = (first, done, total, since)

    def ended(self, step: Step, state: str, message: str) -> None:
        """Print a line if the step was slow or failed."""
        with self._lock:
            self.count += 1
            self._far.pop(step.fingerprint, None)
            if step.fingerprint in self._began:
                seconds = time.monotonic() - self._began.pop(step.fingerprint)[1]
                self._times.took(step.kind, seconds)
            else:
                seconds = 0.0
                self._to_go[step.kind] -= 1
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
            self._told = time.monotonic()
            self.say(f"[{self.count}/{self.total}] {said}")
        self._waits = said if busy else ""

    def now(self) -> str:
        """Return the line of this moment: what is at work, for how long and how far, and what the rest takes."""
        with self._lock:
            at_work, left = [self._at_work(*own) for own in self._began.values()], self.left()
            said = "at work: " + "; ".join(at_work[:2]) if at_work else self._waits or "nothing is at work yet"
        said += f"; and {len(at_work) - 2} more" if len(at_work) > 2 else ""
        return f"[{self.count}/{self.total}] {said}{left}"

    def left(self) -> str:
        """Return in words how long the rest takes, with its spread; nothing where that is not known."""
        now = time.monotonic()
        under_way = [UnderWay(step.kind, now - since, self._rest(step, now)) for step, since in self._began.values()]
        found = self._times.left(+self._to_go, under_way, min(self.workers, max(len(self._began), 1)))
        return f"; {found}" if found is not None else ""

    def _rest(self, step: Step, now: float) -> float | None:
        first, done, total, since = self._far.get(step.fingerprint, (0, 0, 0, now))
        return (total - done) * (now - since) / (done - first) if done > first else None

    def _at_work(self, step: Step, since: float) -> str:
        far = self._far.get(step.fingerprint)
        how = duration(time.monotonic() - since) + (f", {far[1]} of {far[2]}" if far else "")
        return f"{step.kind}/{step.name} ({how})"

    def say(self, line: str) -> None:
        """Print a line; where nobody reads any more the run goes on unwatched."""
        self._beat.heard()
        try:
            print(printable(line), file=self.out or sys.stdout, flush=True)
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), (self.out or sys.stdout).fileno())

    def __enter__(self) -> Self:
        self._beat.__enter__()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._beat.__exit__(kind, error, at)


class Bars(Lines):
    """Watcher with a progress bar for the run and one per running step, below the printed lines."""

    def __init__(self, steps: Sequence[Step], out: TextIO | None = None, workers: int = 1) -> None:
        super().__init__(steps, out, workers=workers)
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

        far = TextColumn("{task.fields[far]}")  # empty until a step says how much there is to do
        columns = (TextColumn("{task.description}"), BarColumn(20), far, TimeElapsedColumn())
        self._console = Console(file=out, no_color="NO_COLOR" in os.environ)
        self._progress: Progress = Progress(*columns, console=self._console, transient=True)
        self._all = self._progress.add_task("all steps", total=self.total, far=f"0/{self.total}")
        self._tasks: dict[str, TaskID] = {}

    def started(self, step: Step) -> None:
        """Add a bar for the step."""
        super().started(step)
        from rich.markup import escape

        name = escape(printable(f"{step.kind}/{step.name}")[: max(24, self._console.width - 40)])
        self._tasks[step.fingerprint] = self._progress.add_task(name, total=None, far="")

    def progressed(self, step: Step, done: int, total: int) -> None:
        """Move the bar."""
        super().progressed(step, done, total)
        self._progress.update(self._tasks[step.fingerprint], completed=done, total=total, far=f"{done}/{total}")
        self._say_left()

    def ended(self, step: Step, state: str, message: str) -> None:
        """Remove the bar of the step and print its line."""
        task = self._tasks.pop(step.fingerprint, None)
        if task is not None:
            self._progress.remove_task(task)
        super().ended(step, state, message)
        self._progress.update(self._all, completed=self.count, far=f"{self.count}/{self.total}")
        self._say_left()

    def _say_left(self) -> None:
        with self._lock:
            self._progress.update(self._all, description=f"all steps{self.left()}")

    def say(self, line: str) -> None:
        """Print a line above the bars."""
        self._console.print(printable(line), markup=False, highlight=False)

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._progress.stop()


def watcher_for(steps: Sequence[Step], out: TextIO | None = None, workers: int = 1) -> Lines:
    """Return a watcher of the steps that are to be run: bars on a terminal, lines elsewhere."""
    terminal = (out or sys.stdout).isatty()
    watcher: Lines = Bars(steps, out, workers) if terminal else Lines(steps, out, workers=workers)
    _: Watcher = watcher
    return watcher


@contextmanager
def saying(what: str, out: TextIO | None = None) -> Iterator[None]:
    """Say what is going on, for how long, whenever the block has been silent for half a minute; not on a terminal."""
    place, began = out or sys.stdout, time.monotonic()
    if place.isatty():
        yield
        return
    lines = Lines((), out)
    with Beat(lambda: f"{what} ({duration(time.monotonic() - began)})", lines.say):
        yield
