"""A watcher that hands the curves of trainings and the results of cells to a tracker.

The store is what is logged: rows of a training's ``history.jsonl`` as they appear, whoever writes them (this process, a
worker of the pool), and summaries of finished cells. Each training or cell is a folder of the tracker, under a lease,
and a marker says that all of it is logged. One that was begun by a run that was killed is emptied and logged again from
its first row, and what is done without a marker is logged when the next run begins: so no point is there twice, and
none is lost.
"""

import json
import os
import queue
import shutil
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from offdiag.engine import Watcher
from offdiag.lease import lease
from offdiag.planning import Plan
from offdiag.steps import Grades, Step, Trained
from offdiag.store import State, Store, write_json
from offdiag.trackers.tracker import TRACKERS, TrackedRun, Tracker

FOLDER = "trackers"  # in the store
MARKER, LEASE = "logged.json", "lease.json"
LOOK_S = 1.0  # between two looks at the histories of trainings
PATIENCE_S = 60.0  # that a run waits for its tracker at the end, while nothing moves


class Curve:
    """The rows of a history that is still written, each once, also where a resumed training writes it anew."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._inode, self._read, self._last = -1, 0, 0

    def rows(self) -> Iterator[dict[str, Any]]:
        """Yield the whole rows of updates that have not been yielded yet."""
        try:
            with self.path.open("rb") as file:
                status = os.fstat(file.fileno())
                if status.st_ino != self._inode or status.st_size < self._read:
                    self._inode, self._read = status.st_ino, 0
                file.seek(self._read)
                data = file.read()
        except FileNotFoundError:
            return
        whole = data[: data.rfind(b"\n") + 1]
        self._read += len(whole)
        for line in whole.splitlines():
            row = json.loads(line)
            if row["update"] > self._last:
                self._last = row["update"]
                yield row


class Tracking:
    """A watcher that logs what it hears of, in a thread of its own; use ``with``.

    Args:
        tracker: that is given the numbers. plan, store: of the run. say: takes a line on a tracker that failed.
    """

    def __init__(self, tracker: Tracker, plan: Plan, store: Store, say: Callable[[str], None]) -> None:
        self.tracker, self.plan, self.say = tracker, plan, say
        self.store = Store(store.root)  # one that no other thread asks
        self._events: queue.SimpleQueue[tuple[str, Step] | None] = queue.SimpleQueue()
        self._open: dict[str, tuple[TrackedRun, Curve, ExitStack]] = {}
        self._moved = time.monotonic()
        self._thread = threading.Thread(target=self._work, daemon=True)

    def started(self, step: Step) -> None:
        self._events.put(("started", step))

    def progressed(self, step: Step, done: int, total: int) -> None:
        """Do nothing: histories are looked at by the clock."""

    def ended(self, step: Step, state: str, message: str) -> None:
        self._events.put((str(state), step))

    def waiting(self, busy: Sequence[tuple[Step, str]]) -> None:
        """Do nothing."""

    def __enter__(self) -> "Tracking":
        try:
            self.tracker.load()
        except (Exception, SystemExit) as error:  # noqa: BLE001  (as below)
            self._failed(error)
        else:
            self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._events.put(None)
        self._moved = time.monotonic()
        while self._thread.is_alive() and time.monotonic() - self._moved < PATIENCE_S:
            self._thread.join(timeout=0.1)
        if self._thread.is_alive():
            name = self.tracker.name
            self.say(f"tracker {name} has not moved for {PATIENCE_S:.0f} s and is left; the next run logs the rest")

    def _work(self) -> None:
        try:
            for step in self.plan.steps:
                if self._is_tracked(step) and not self._is_logged(step) and self.store.own_state(step) is State.DONE:
                    self._log_whole(step)
            while (event := self._next()) is not None:
                what, step = event
                if what == "look":
                    self._look()
                elif self._is_tracked(step):
                    self._hear(what, step)
            for name in list(self._open):  # of a run that is killed, so that what there is can be seen
                self._end(name)
        except (Exception, SystemExit) as error:  # noqa: BLE001  (whatever it is, the run is not to blame)
            self._failed(error)
        finally:
            for _, _, held in self._open.values():
                held.close()

    def _failed(self, error: BaseException) -> None:
        said = " ".join(f"{type(error).__name__}: {error}".split())
        self.say(f"tracker {self.tracker.name} failed, and the run goes on without it: {said}")

    def _next(self) -> tuple[str, Any] | None:
        self._moved = time.monotonic()
        try:
            return self._events.get(timeout=LOOK_S)
        except queue.Empty:
            return ("look", None)

    def _is_tracked(self, step: Step) -> bool:
        return isinstance(step, Grades | Trained)

    def _folder(self, step: Step) -> Path:
        return self.tracker.root / step.kind / step.folder_name

    def _is_logged(self, step: Step) -> bool:
        return (self._folder(step) / MARKER).exists()

    def _hear(self, what: str, step: Step) -> None:
        if what == "started" and isinstance(step, Trained):
            self._begin(step, anew=True)
        elif step.fingerprint in self._open:
            self._end(step.fingerprint, step if what == "done" else None)
        elif what == "done":
            self._log_whole(step)

    def _log_whole(self, step: Step) -> None:
        """Log a finished step, unless it is or somebody else does."""
        if self._begin(step):
            self._end(step.fingerprint, step)

    def _begin(self, step: Step, *, anew: bool = False) -> bool:
        """Begin a run in an empty folder of its own; return False if it is logged or in other hands."""
        folder, held = self._folder(step), ExitStack()
        if not anew and self._is_logged(step):
            return False
        self.store.mark()  # before anything else is in it
        folder.mkdir(parents=True, exist_ok=True)
        if not held.enter_context(lease(folder / LEASE)) or (not anew and self._is_logged(step)):
            held.close()
            return False
        for path in folder.iterdir():
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            elif not path.name.startswith(LEASE):
                path.unlink()
        run = TrackedRun(step.name, step.kind, self.plan.study.name, step.fingerprint, step.canonical_form, folder)
        self._open[step.fingerprint] = (run, Curve(self.store.folder(step) / "history.jsonl"), held)
        self.tracker.begin(run)
        return True

    def _end(self, name: str, finished: Step | None = None) -> None:
        """End the run of a step by its fingerprint, whole if the step is finished."""
        run, curve, held = self._open[name]
        self._log_rows(run, curve)
        if isinstance(finished, Grades):
            self.tracker.log(run, result_of(self.store.summary(finished)), 0)
        self.tracker.end(run)
        if finished is not None:
            write_json(run.folder / MARKER, {"fingerprint": run.fingerprint})
        del self._open[name]
        held.close()

    def _look(self) -> None:
        for run, curve, _ in self._open.values():
            self._log_rows(run, curve)

    def _log_rows(self, run: TrackedRun, curve: Curve) -> None:
        for row in curve.rows():
            self._moved = time.monotonic()
            self.tracker.log(run, numbers(row, but="update"), row["update"])


def numbers(row: Mapping[str, Any], but: str = "") -> dict[str, float]:
    """Return what of a row is a number."""
    return {name: value for name, value in row.items() if name != but and type(value) in (int, float)}


def result_of(summary: Mapping[str, Any]) -> dict[str, float]:
    """Return the numbers of a finished cell: its counts, and the accuracy of the answers that no error took."""
    found = numbers(summary)
    if rated := summary.get("n", 0) - summary.get("n_errors", 0):
        found["accuracy"] = summary.get("n_correct", 0) / rated
    return found


@contextmanager
def with_tracker(
    name: str | None, plan: Plan, store: Store, say: Callable[[str], None], watcher: Watcher
) -> Iterator[Watcher]:
    """Give a watcher that tells ``watcher`` and the tracker of this name; without a name ``watcher`` alone.

    Raises:
        UserError: there is no such tracker, or what it needs is not installed.
    """
    if name is None:
        yield watcher
        return
    from offdiag.engine import Together

    tracker = TRACKERS.get(name)(store.root / FOLDER / name)
    with Tracking(tracker, plan, store, say) as tracked:
        yield Together([watcher, tracked])
    if tracker.shown_by:
        say(f"To see what was tracked: {tracker.shown_by.format(root=tracker.root)}")
