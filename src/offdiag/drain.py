"""Drain: on a signal this process leaves its step at the next good moment, keeps what is made, and ends.

A batch system says so before it takes the machine away. A good moment is a step's next word of its progress; a training
first writes a checkpoint, see :func:`draining`.
"""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

# What batch systems send before they kill; USR1 and USR2 are what they can be told to send earlier.
SIGNALS = (signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2)
EXIT_CODE = 75  # "try again later" (sysexits.h): not done, nothing failed

_ASKED = threading.Event()


class Drained(BaseException):
    """The step was left because this process is to end; it is no failure of the step, so no step catches it."""


def draining() -> bool:
    """Return whether this process is to end; a training then writes a checkpoint and tells its progress."""
    return _ASKED.is_set()


def ask_to_drain() -> None:
    """Let this process leave its step at the next good moment, as a signal does."""
    _ASKED.set()


def leave_if_asked() -> None:
    """Leave the step that is at work here if the process is to end.

    Raises:
        Drained: it is.
    """
    if _ASKED.is_set():
        raise Drained


def sleep(seconds: float) -> None:
    """Sleep, but not into the end of this process.

    Raises:
        Drained: it is to end.
    """
    _ASKED.wait(seconds)
    leave_if_asked()


@contextmanager
def drain_on_signals() -> Iterator[None]:
    """Take the signals as a wish to drain for the time of the block.

    Whoever had a handler for the signal that came hears it afterwards: submitit, which then queues its job again.
    """
    came: list[int] = []

    def ask(number: int, frame: FrameType | None) -> None:
        came.append(number)
        ask_to_drain()

    before = {number: signal.signal(number, ask) for number in SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        _ASKED.clear()
        for last in came[-1:]:
            if callable(before[signal.Signals(last)]):
                signal.raise_signal(last)
