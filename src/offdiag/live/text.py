"""A run at one moment in words: one line for a log, some lines for a terminal."""

import time
from collections.abc import Callable, Sequence

from offdiag.errors import printable, some
from offdiag.live.lines import SILENT_S
from offdiag.live.store import Failure, Runner, RunState
from offdiag.live.time_left import duration

BUSY_S = 10.0  # shortest time between two lines of a log, where much happens
SHOWN = 2  # runners that a line names
ROWS = 12  # runners, and failures, that a terminal shows


def in_a_line(look: RunState, *more: str) -> str:
    """Return ``[12/40] at work: …; 1 failed; 12 min left [9 to 16 min]``, with ``more`` in between."""
    at_work = "; ".join(f"{r.step} ({r.who}{_far(r)})" for r in look.runners[:SHOWN])
    at_work += f"; and {len(look.runners) - SHOWN} more" if len(look.runners) > SHOWN else ""
    parts = [f"at work: {at_work}" if at_work else "nothing is at work" if look.to_go else ""]
    parts += ["all done" if look.done == look.planned else ""]
    parts += [f"{len(look.failures)} failed" if look.failures else ""]
    parts += [f"{look.blocked} wait for what failed" if look.blocked else ""]
    parts += [_rate(look), str(look.left) if look.left and look.to_go else ""]
    return f"[{look.done}/{look.planned}] " + "; ".join(filter(None, [*more, *parts]))


class Log:
    """Says what a look shows: failures at once, the rest when it changed, and at least every half minute.

    Args:
        say: prints a line. every: longest silence, in seconds.
    """

    def __init__(self, say: Callable[[str], None], every: float | None = None) -> None:
        self.say, self.every = say, SILENT_S if every is None else every
        self._failures: set[Failure] = set()
        self._key: object = None
        self._last = float("-inf")

    def tell(self, look: RunState, *more: str) -> None:
        """Say what is new; ``more`` are parts of the line, such as how many workers there are."""
        for failure in look.failures:
            if failure not in self._failures:
                self.say(f"failed {failure.step}: {failure.why}")
        self._failures = set(look.failures)
        now, key = time.monotonic(), (look.done, len(look.failures), look.to_go > 0, more)
        quiet = now - self._last
        if quiet >= self.every or (key != self._key and (quiet >= min(BUSY_S, self.every) or look.ended)):
            self._key, self._last = key, now
            self.say(in_a_line(look, *more))


def on_a_terminal(title: str, look: RunState, width: int, height: int = 40) -> list[str]:
    """Return the lines of a terminal of this width, control characters escaped: counts by kind, runners, failures."""
    rows = [("kind", "done", "at work", "failed", "each")]
    for kind in look.kinds:
        each = "" if kind.seconds is None else duration(kind.seconds)
        rows.append((kind.kind, f"{kind.done} of {kind.planned}", str(kind.busy or ""), str(kind.failed or ""), each))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    table = ["  ".join([row[0].ljust(widths[0]), *(f.rjust(w) for f, w in zip(row[1:], widths[1:], strict=True))])
             for row in rows]  # fmt: skip
    most = max((height - len(table) - 10) // 3, 2)
    lines = [title, state_of(look), "", *table]
    if look.runners:
        lines += ["", "At work", *(line for r in look.runners[:most] for line in _runner(r, width))]
        lines += [f"  and {len(look.runners) - most} more"] if len(look.runners) > most else []
    if look.failures:
        lines += ["", "Failed", *(f"  {f.step}: {f.why}" for f in look.failures[-most:])]
        lines += [f"  and {len(look.failures) - most} more"] if len(look.failures) > most else []
    return [_cut(printable(line), width) for line in lines]


def state_of(look: RunState) -> str:
    """Return in words how far a run is, how fast it goes, and how long it takes."""
    if look.done == look.planned:
        return f"all done: {some(look.planned, 'step')}"
    said = [f"{look.done} of {some(look.planned, 'step')} done", _rate(look)]
    if not look.to_go:
        said.append("what is left failed, or waits for what failed")
    elif not look.runners:
        said.append("nobody is at work")
    else:
        said.append(str(look.left) if look.left else "time left is not known yet")
    return "; ".join(filter(None, said))


def _runner(runner: Runner, width: int) -> Sequence[str]:
    since = "" if runner.seconds is None else duration(runner.seconds)
    far = "" if runner.done is None else f"{runner.done} of {runner.total}"
    return [f"  {', '.join(filter(None, [runner.who, since, far]))}", f"    {runner.step}"]


def _far(runner: Runner) -> str:
    since = "" if runner.seconds is None else f", {duration(runner.seconds)}"
    return since + ("" if runner.done is None else f", {runner.done} of {runner.total}")


def _rate(look: RunState) -> str:
    return "" if not look.rate else f"{look.rate:.0f} a minute" if look.rate >= 10 else f"{look.rate:.2g} a minute"


def _cut(line: str, width: int) -> str:
    return line if len(line) <= width else f"{line[: width - 1]}…"
