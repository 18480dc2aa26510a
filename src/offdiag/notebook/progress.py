"""Bars of a run in a notebook, drawn as plain HTML, so that no widgets have to be installed."""

import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

from offdiag.errors import some
from offdiag.markup import table, tag
from offdiag.steps import Step

EVERY_S = 0.3  # between two drawings; each is a message to the browser
SHOWN = 6  # running steps, and failures


def shell() -> Any:
    """Return the notebook that this process is the kernel of; None in a script or on a terminal."""
    if "IPython" not in sys.modules:
        return None
    from IPython.core.getipython import get_ipython

    found = get_ipython()
    return found if found is not None and hasattr(found, "kernel") else None


class NotebookBars:
    """A watcher that keeps one output of a notebook up to date.

    Attributes:
        total: steps that the run began with. done, failed: how many ended so far, blocked ones among the failed.
    """

    def __init__(self, total: int, show: Callable[[str], None]) -> None:
        self.total, self.done, self.failed = total, 0, 0
        self._show, self._running = show, dict[str, tuple[str, int, int]]()
        self._said, self._began, self._drawn = list[str](), time.monotonic(), 0.0
        self._draw(at_once=True)

    def started(self, step: Step) -> None:
        """Add the step."""
        self._running[step.fingerprint] = (f"{step.kind}/{step.name}", 0, 0)
        self._draw()

    def progressed(self, step: Step, done: int, total: int) -> None:
        """Move the bar of the step."""
        self._running[step.fingerprint] = (f"{step.kind}/{step.name}", done, total)
        self._draw()

    def ended(self, step: Step, state: str, message: str) -> None:
        """Count the step, and keep why it failed."""
        self._running.pop(step.fingerprint, None)
        self.done += state == "done"
        self.failed += state != "done"
        if state == "failed":
            self._said.append(f"failed: {step.kind}/{step.name}: {message}")
        self._draw(at_once=self.done + self.failed >= self.total)

    def waiting(self, busy: Sequence[tuple[Step, str]]) -> None:
        """Say for whom the run waits."""
        self._running = {step.fingerprint: (f"waiting for {step.kind}/{step.name} ({who})", 0, 0) for step, who in busy}
        self._draw()

    def _draw(self, *, at_once: bool = False) -> None:
        if not at_once and time.monotonic() - self._drawn < EVERY_S:
            return
        self._drawn = time.monotonic()
        seconds = f"{self._drawn - self._began:.0f} s"
        counts = f"{self.done} of {some(self.total, 'step')}" + (
            f", {self.failed} failed or blocked" if self.failed else ""
        )
        rows = [(tag("b", counts), _bar(self.done + self.failed, self.total), seconds)]
        rows += [(tag("span", name), _bar(done, total), f"{done} of {total}" if total else "")
                 for name, done, total in list(self._running.values())[:SHOWN]]  # fmt: skip
        said = [tag("div", line) for line in self._said[:SHOWN]]
        self._show(str(tag("div", table(["", "", ""], rows), *said)))


def _bar(done: int, total: int) -> object:
    share = min(1.0, done / total) if total else 0.0
    inner = tag("div", style=f"width:{100 * share:.0f}%;height:8px;background:#0072B2")
    return tag("div", inner, style="width:160px;background:rgba(128,128,128,.3)")


def notebook_bars(total: int) -> NotebookBars | None:
    """Return bars below the cell of the notebook that is running; None where there is no notebook, or nothing to do."""
    if not total or shell() is None:
        return None
    from IPython.display import HTML, display

    handle = display(HTML(""), display_id=True)  # type: ignore[no-untyped-call]
    return NotebookBars(total, lambda html: handle.update(HTML(html)))  # type: ignore[no-untyped-call]
