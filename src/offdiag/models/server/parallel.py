"""Many questions at once to a server, and what comes back as it comes."""

from collections.abc import Callable, Iterable, Iterator
from queue import Empty, SimpleQueue
from threading import Event, Thread
from typing import TypeVar

A = TypeVar("A")
B = TypeVar("B")


def as_they_come(ask: Callable[[A, Event], B], items: Iterable[A], at_once: int) -> Iterator[B]:
    """Ask about each item in a thread, so many at once, and yield the answers in the order in which they come.

    After a failure nothing new is asked, and what is under way is still yielded before the failure is raised: it may
    have been paid for. Threads are daemons, so that an interrupted program ends at once and waits for no server.

    Args:
        ask: from an item and an event to its answer. The event is set when no more answers are wanted: a pause ends.
        items: what to ask about. at_once: number of threads.
    """
    todo: SimpleQueue[A] = SimpleQueue()
    came: SimpleQueue[tuple[B] | Exception | None] = SimpleQueue()
    stopped = Event()
    for item in items:
        todo.put(item)

    def work() -> None:
        try:
            while not stopped.is_set():
                came.put((ask(todo.get_nowait(), stopped),))
        except Empty:
            pass
        except Exception as error:  # noqa: BLE001  (it is raised where the answers are awaited)
            stopped.set()
            came.put(error)
        finally:
            came.put(None)

    working = min(at_once, todo.qsize())
    for _ in range(working):
        Thread(target=work, daemon=True).start()
    failure: Exception | None = None
    try:
        while working:
            match came.get():
                case None:
                    working -= 1
                case Exception() as error:
                    failure = failure or error
                case (answer,):
                    yield answer
    finally:
        stopped.set()
    if failure is not None:
        raise failure
