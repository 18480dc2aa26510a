"""The contract of a tracker, which takes numbers of a run to a program that shows them, such as TensorBoard."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

from offdiag.errors import UserError
from offdiag.identity import Json
from offdiag.registry import Registry


class TrackedRun(NamedTuple):
    """What a tracker calls a run: a training with its curve, or a cell with its result.

    Attributes:
        name: of the step. kind: ``training`` or ``cells``. study: its name. fingerprint: of the step.
        identity: all that the result depends on. folder: of the run, empty at first; the tracker's files go there.
    """

    name: str
    kind: str
    study: str
    fingerprint: str
    identity: Mapping[str, Json]
    folder: Path

    def settings(self) -> dict[str, str | int | float | bool]:
        """Return the identity as flat settings, by dotted names; what is not set is left out."""
        return dict(_leaves(self.identity, ""))


class Tracker(ABC):
    """Base class of trackers; a package adds its own by an entry point in ``offdiag.trackers``.

    All methods but ``load`` are called from one thread that is not the run's. What they raise fails no run: the tracker
    is told to have failed, and is asked no more. Nothing may go over a network unless the person has asked for that.

    Args:
        root: the folder of all its runs, for the command that shows them.

    Attributes:
        name: what ``--track`` calls it. needs: the package that must be there. installed_by: what pip calls it, if not
            so. shown_by: the command that shows the runs, with ``{root}`` for their folder.

    Raises:
        UserError: the package is not installed.
    """

    name: ClassVar[str]
    needs: ClassVar[str]
    installed_by: ClassVar[str] = ""
    shown_by: ClassVar[str] = ""

    def __init__(self, root: Path) -> None:
        if find_spec(self.needs) is None:
            wanted = self.installed_by or self.needs
            raise UserError(f"--track {self.name} needs the package {self.needs}: type pip install {wanted}")
        self.root = root

    def load(self) -> None:
        """Import all that the tracker needs, in the run's thread, before anything else of the run.

        Of two threads that import packages of many modules at once, each may find modules that the other has begun.
        """
        import_module(self.needs)

    @abstractmethod
    def begin(self, run: TrackedRun) -> None:
        """Begin a run; of one that was begun before and not ended, all is logged again."""

    @abstractmethod
    def log(self, run: TrackedRun, values: Mapping[str, float], update: int) -> None:
        """Log numbers of an update, counted from 1; those of a cell have update 0."""

    @abstractmethod
    def end(self, run: TrackedRun) -> None:
        """End a run; what was logged is on the disk when this returns."""


TRACKERS = Registry[type[Tracker]]("tracker", "offdiag.trackers", Tracker, named_by="name")


def _leaves(value: Any, where: str) -> Iterator[tuple[str, str | int | float | bool]]:
    if isinstance(value, Mapping):
        for name, inner in value.items():
            yield from _leaves(inner, f"{where}.{name}" if where else str(name))
    elif isinstance(value, list):
        for place, inner in enumerate(value):
            yield from _leaves(inner, f"{where}[{place}]")
    elif value is not None:
        yield where, value
