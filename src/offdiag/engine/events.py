"""What an engine tells whoever watches."""

from typing import Protocol

from offdiag.steps import Step


class Watcher(Protocol):
    """Listens to a run; all methods are called in the process that called ``run``."""

    def started(self, step: Step) -> None:
        """A step began."""

    def progressed(self, step: Step, done: int, total: int) -> None:
        """A step did ``done`` of ``total`` units."""

    def ended(self, step: Step, state: str, message: str) -> None:
        """A step ended as ``done``, ``failed``, ``busy`` or ``blocked``, with the line that says why."""


class Silent:
    """A watcher that says nothing."""

    def started(self, step: Step) -> None:
        """Nothing."""

    def progressed(self, step: Step, done: int, total: int) -> None:
        """Nothing."""

    def ended(self, step: Step, state: str, message: str) -> None:
        """Nothing."""
