"""Scheduler: decides which step runs next; pure bookkeeping, shared by all engines."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from offdiag.steps import Step, Trained


@dataclass
class Scheduler:
    """Hands out the pending steps: inputs first, and steps that share a loaded model one after the other.

    Attributes:
        pending: the steps still to do, in plan order.
        done, failed, busy, blocked: fingerprints of the others, as they come in; ``blocked`` maps to the name of the
            step that stands in the way.
    """

    pending: list[Step]
    done: set[str] = field(default_factory=set)
    failed: set[str] = field(default_factory=set)
    busy: set[str] = field(default_factory=set)
    blocked: dict[str, str] = field(default_factory=dict)
    running: set[str] = field(default_factory=set)

    @classmethod
    def of(cls, needed: Sequence[Step]) -> "Scheduler":
        """Return a scheduler of the needed steps; whatever else they depend on is finished."""
        return cls(pending=list(needed))

    def next(self, loaded: str | None) -> Step | None:
        """Return a step that can start now: light steps first, then those of the model that is ``loaded``.

        Of the others those that make weights come first: what they make is then there while its base is loaded.
        """
        ready = self._ready()
        if not ready:
            return None
        # 0: needs no model, 1: uses the loaded model, 2: makes weights, 3: anything else
        step = min(
            ready, key=lambda s: 0 if s.group is None else 1 if s.group == loaded else 3 - isinstance(s, Trained)
        )
        self.pending = [other for other in self.pending if other is not step]
        self.running.add(step.fingerprint)
        return step

    def suits(self, loaded: str | None) -> bool:
        """Return whether a step can start now that needs no other model than the one that is ``loaded``."""
        return any(step.group in (None, loaded) for step in self._ready())

    def _ready(self) -> list[Step]:
        open_steps = {step.fingerprint for step in self.pending} | self.running
        return [s for s in self.pending if not any(i.fingerprint in open_steps for i in s.inputs)]

    def finish(self, step: Step) -> None:
        """Note that the step is done."""
        self.running.discard(step.fingerprint)
        self.done.add(step.fingerprint)

    def lose(self, step: Step, *, busy: bool = False) -> list[Step]:
        """Note that the step failed, or is busy elsewhere, and return the steps that can therefore not run."""
        self.running.discard(step.fingerprint)
        (self.busy if busy else self.failed).add(step.fingerprint)
        lost = {step.fingerprint}
        dropped = []
        for other in self.pending:
            if any(i.fingerprint in lost for i in other.inputs):
                lost.add(other.fingerprint)
                self.blocked[other.fingerprint] = step.name
                dropped.append(other)
        self.pending = [other for other in self.pending if other.fingerprint not in self.blocked]
        return dropped

    @property
    def finished(self) -> bool:
        """Whether nothing is left to start or to wait for."""
        return not self.pending and not self.running
