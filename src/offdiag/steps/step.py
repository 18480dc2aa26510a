"""A step: a unit of work with an identity, whose finished result lives in one folder of the store."""

import re
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Protocol

from offdiag.identity import Identity, Json
from offdiag.models.spec import ModelSpec
from offdiag.runtime import Runtime

if TYPE_CHECKING:
    from offdiag.models.lm import LM
    from offdiag.steps.cost import CostLine, CostProbe
    from offdiag.steps.weights import Weights


class Work(Protocol):
    """What a running step may use; the engine provides it."""

    @property
    def folder(self) -> Path:
        """The step's own folder, where it writes its artifacts; what an earlier, killed try left is still there."""

    @property
    def runtime(self) -> Runtime:
        """Device, batch budget, threads."""

    def output(self, step: "Step") -> Path:
        """The folder of a finished input."""

    def model(self, weights: "Weights") -> "LM":
        """The loaded model; loaded once for all consecutive steps that share its base."""

    def progress(self, done: int, total: int) -> None:
        """Tell whoever watches."""


class Step(Identity, ABC):
    """Fields are identity; ``version`` is raised when the code of ``run`` changes what it produces.

    Attributes:
        kind: folder of the store, and a word for people. A step of a kind that has several also has a ``tag``.
        version: version of the code's meaning, part of the identity.
    """

    kind: ClassVar[str]
    version: ClassVar[int] = 1

    @property
    @abstractmethod
    def name(self) -> str:
        """The step's coordinates for people.

        They stay the same while a hyper-parameter changes, so that the old result is recognised as stale.
        """

    @abstractmethod
    def run(self, work: Work) -> dict[str, Json]:
        """Do the work and return the summary that becomes ``result.json``.

        Must be safe to repeat in the same folder after being killed at any point. ``seconds`` in the summary, with
        ``new_tokens`` of what was written or ``total_tokens`` of a training, tell later plans how fast it went.
        """

    @property
    def group(self) -> str | None:
        """Key of the model that the step needs in memory; None for light steps."""
        return None

    def models(self) -> tuple[ModelSpec, ...]:
        """The models that must be there before the step can run: those in its fields, each once.

        Its inputs are other steps, which answer for themselves.
        """
        return tuple(dict.fromkeys(spec for value in self.field_values for spec in _models_in(value)))

    def cost(self, probe: "CostProbe") -> "CostLine | None":
        """What the step costs; None for one that runs no model, or cannot say it.

        Plans note each kind of step that needs a model (see :attr:`group`) and does not say what it costs.
        """
        return None

    def canonical(self) -> dict[str, Json]:
        """The identity with everything it depends on, inputs included."""
        return {**super().canonical(), "@": f"{self.kind}/{self.tag}".rstrip("/"), "version": self.version}

    @cached_property
    def inputs(self) -> tuple["Step", ...]:
        """The steps that must be finished first, in the order of the fields."""
        return tuple(_steps_in(self))

    def walk(self) -> list["Step"]:
        """The steps that this one needs, directly or through others, each once, inputs first; this one comes last."""
        return in_order([self])

    @cached_property
    def folder_name(self) -> str:
        """``<human-name>-<hash8>``, safe on every file system."""
        safe = re.sub(r"[^A-Za-z0-9._=,+-]+", "-", self.name).strip(".-")[:140]
        return f"{safe}-{self.fingerprint[:8]}"


def in_order(targets: Iterable[Step]) -> list[Step]:
    """All steps that the targets need and the targets, each once, inputs first.

    A step is entered once however many others share it: the paths to it may be exponentially many.
    """
    found: dict[str, Step] = {}

    def visit(step: Step) -> None:
        if step.fingerprint not in found:
            for needed in step.inputs:
                visit(needed)
            found[step.fingerprint] = step

    for target in targets:
        visit(target)
    return list(found.values())


def _steps_in(identity: Identity) -> Iterator[Step]:
    for value in identity.field_values:
        for item in value if isinstance(value, tuple) else (value,):
            if isinstance(item, Step):
                yield item
            elif isinstance(item, Identity):
                yield from _steps_in(item)


def _models_in(value: object) -> Iterator[ModelSpec]:
    """The models in a field: a model itself, or those inside of a part of the identity or a container."""
    match value:
        case Step():
            return
        case ModelSpec():
            yield value
        case Identity():
            for part in value.field_values:
                yield from _models_in(part)
        case Mapping():
            for part in value.values():
                yield from _models_in(part)
        case tuple() | list() | frozenset() | set():
            for part in value:
                yield from _models_in(part)
