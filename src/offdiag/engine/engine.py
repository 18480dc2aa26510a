"""Contracts of an engine, which runs the steps that a plan still lacks, and of a watcher of a run."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar, Protocol

from offdiag.engine.scheduler import Scheduler
from offdiag.identity import Json
from offdiag.registry import Registry
from offdiag.runtime import Runtime
from offdiag.steps import Step
from offdiag.store import Store


class Watcher(Protocol):
    """Listener to a run; all methods are called in the process that called ``run``."""

    def started(self, step: Step) -> None:
        """Note that a step began."""

    def progressed(self, step: Step, done: int, total: int) -> None:
        """Note that a step did ``done`` of ``total`` units."""

    def ended(self, step: Step, state: str, message: str) -> None:
        """Note that a step ended as ``done``, ``failed``, ``busy`` or ``blocked``, with the line that says why.

        A step that another runner has ended was not ``started`` here.
        """

    def waiting(self, busy: Sequence[tuple[Step, str]]) -> None:
        """Note that nothing can be done here but wait for steps of other runners: each step, and who has it."""


class Silent:
    """A watcher that says nothing."""

    def started(self, step: Step) -> None:
        """Do nothing."""

    def progressed(self, step: Step, done: int, total: int) -> None:
        """Do nothing."""

    def ended(self, step: Step, state: str, message: str) -> None:
        """Do nothing."""

    def waiting(self, busy: Sequence[tuple[Step, str]]) -> None:
        """Do nothing."""


class Engine(ABC):
    """Base class of engines: an engine runs the steps that a scheduler hands out.

    Attributes:
        local: whether its workers share the cores of this machine. options: further arguments by name, which
            ``offdiag run`` takes from options of that name.
        runtime: how the steps are carried out. workers: how many may run at once; None leaves it to the engine.
    """

    local: ClassVar[bool] = True
    options: ClassVar[frozenset[str]] = frozenset()

    def __init__(self, runtime: Runtime, workers: int | None = None) -> None:
        self.runtime, self.workers = runtime, workers

    @abstractmethod
    def run(
        self, scheduler: Scheduler, store: Store, origin: dict[str, Json], watcher: Watcher, *, fail_fast: bool
    ) -> None:
        """Run until the scheduler has nothing left, or until the first failure if ``fail_fast``.

        A process that it starts must first load the files in ``runtime.study_files``: they define what steps need.
        """


ENGINES = Registry[type[Engine]]("engine", "offdiag.engines", Engine)


class MakesEngine(Protocol):
    """A class of engines, or one with some of its options set."""

    def __call__(self, runtime: Runtime, workers: int | None) -> Engine:
        """Return the engine."""


def engine_type(name: str | None, workers: int | None = None) -> type[Engine]:
    """Return the engine of this name; without a name ``inline`` for one worker, ``pool`` for more.

    Raises:
        UserError: there is no such engine.
    """
    return ENGINES.get(name or ("pool" if workers is not None and workers > 1 else "inline"))
