"""Steps: units of work with an identity, each with its finished result in one folder of the store."""

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, Protocol, TypeAlias, cast

from offdiag.identity import Identity, Json, kept
from offdiag.models.earlier_paths import asking_of
from offdiag.models.quantised import check_installed
from offdiag.models.spec import ModelSpec
from offdiag.runtime import Runtime
from offdiag.tasks import Example
from offdiag.tasks.content import own_code
from offdiag.tasks.data import once

if TYPE_CHECKING:
    from offdiag.models.answers import AnsweringModel, TrialQuestion
    from offdiag.models.lm import LM
    from offdiag.steps.cost import CostLine, CostProbe
    from offdiag.steps.weights import Weights


class Work(Protocol):
    """Interface of a running step to the engine: its folder, runtime, inputs and model."""

    @property
    def folder(self) -> Path:
        """The step's own folder for its files; it still has what an earlier, killed run left."""

    @property
    def runtime(self) -> Runtime:
        """Device, token budget, threads."""

    def output(self, step: "Step") -> Path:
        """Return the folder of a finished input."""

    def model(self, weights: "Weights") -> "LM":
        """Return the loaded model; consecutive steps that share its base load it once."""

    def answering(self, weights: "Weights") -> "AnsweringModel":
        """Return the model for steps that only ask it: loaded, or behind its server."""

    def progress(self, done: int, total: int) -> None:
        """Report how much of how much is done."""

    def finished(self, kind: str, fits: Callable[[str], bool]) -> "Iterator[FinishedStep]":
        """Yield the finished steps of a kind whose folders have names that fit, the newest first."""


Finished: TypeAlias = Callable[[str, Callable[[str], bool]], "Iterator[FinishedStep]"]  # as Work.finished


class Unanswered(NamedTuple):
    """What of a step is new.

    Attributes:
        step: one whose cost is that of the new part; None where nothing is new. held: answers that finished steps have.
        new: answers that they have not.
    """

    step: "Step | None"
    held: int = 0
    new: int = 0


class FinishedStep(NamedTuple):
    """A finished step as the store describes it.

    Attributes:
        folder: its place. identity, fingerprint: of the step. summary, provenance: of its result.
        whole: returns whether every file in the folder is what it was when the step was finished.
    """

    folder: Path
    identity: Mapping[str, Any]
    fingerprint: str
    summary: Mapping[str, Any]
    provenance: Mapping[str, Any]
    whole: Callable[[], bool]


class Step(Identity, ABC):
    """A unit of work. Its fields are identity; raise ``version`` when the code of ``run`` changes its results.

    The code of a step in a study file or a package of one's own is part of the identity by itself.

    Attributes:
        kind: its folder in the store, and its name in tables. Where a kind has several classes, each has a ``tag``.
        version: version of the code's meaning, part of the identity.
        needs_weights: whether its models must be loaded here; False where one behind a server will do.
        asks: whether it asks the models in its fields, by :class:`offdiag.models.lm.LM`; trainings do not.
    """

    kind: ClassVar[str]
    version: ClassVar[int] = 1
    needs_weights: ClassVar[bool] = True
    asks: ClassVar[bool] = True

    @property
    @abstractmethod
    def name(self) -> str:
        """A readable name: who, on what.

        It stays the same while a hyper-parameter changes, so that the old result is recognised as stale.
        """

    @abstractmethod
    def run(self, work: Work) -> dict[str, Json]:
        """Do the work and return the summary that becomes ``result.json``.

        Must be safe to repeat in the same folder after being killed at any point. ``seconds`` in the summary, with
        ``new_tokens`` of generations or ``total_tokens`` of a training, tells later plans how fast the machine is.
        """

    @property
    def group(self) -> str | None:
        """Key of the model that the step needs in memory; None for light steps."""
        return None

    def check(self) -> None:
        """Check what can be known before a run, such as examples without choices; plans call it.

        Raises:
            UserError: the step would fail, or its result would be wrong.
        """
        return

    def require(self) -> None:
        """Check that this machine has what the step needs beside its models, such as a library; runs call it first.

        Raises:
            UserError: something is missing.
        """
        for spec in self.models():
            check_installed(spec)

    def trial(self) -> "tuple[ModelSpec, TrialQuestion] | None":
        """Return a model behind a server, and a question such as the step will ask it; None without a server."""
        return None

    def without(self, work: Work, example: Example, dropped: int) -> str | None:
        """Return the prompt of an example without so many of its demonstrations; None if it has no more."""
        return None

    def models(self) -> tuple[ModelSpec, ...]:
        """Return the models that must be there before the step can run: those in its fields, each once.

        Its inputs are steps that name their own models.
        """
        return tuple(dict.fromkeys(_models_in(self)))

    def cost(self, probe: "CostProbe") -> "CostLine | None":
        """Return what the step costs; None for a step that runs no model, or whose cost is not known.

        Plans list each kind of step that needs a model (see :attr:`group`) and returns None.
        """
        return None

    def unanswered(self, finished: Finished, folder: Path) -> Unanswered:
        """Return what of the step is new: what finished steps or a killed run in its folder have is not asked again."""
        return Unanswered(self)

    def canonical(self) -> dict[str, Json]:
        """Return the identity with all that the step depends on, inputs included."""
        made = {**(self._asking() if self.asks else {}), **own_code(type(self), "step", "run")}
        return {**super().canonical(), "@": f"{self.kind}/{self.tag}".rstrip("/"), "version": self.version, **made}

    def _asking(self) -> dict[str, Json]:
        """Return what the identity says of the way in which models are asked: nothing but for types that it changed."""
        found: dict[str, Json] = {}
        for spec in self.models():
            found |= once(partial(asking_of, spec.origin), "asking", spec.source)
        return found

    @kept
    def inputs(self) -> tuple["Step", ...]:
        """The steps that must be finished first, in the order of the fields."""
        return tuple(_steps_in(self))

    def walk(self) -> list["Step"]:
        """Return all steps that this one needs, each once, inputs first; this one comes last."""
        return in_order([self])

    @kept
    def folder_name(self) -> str:
        """``<human-name>-<hash8>``, safe on every file system."""
        safe = re.sub(r"[^A-Za-z0-9._=,+-]+", "-", self.name).strip(".-")[:140]
        return f"{safe}-{self.fingerprint[:8]}"


def in_order(targets: Iterable[Step]) -> list[Step]:
    """Return the targets and all steps that they need, each once, inputs first.

    A step is visited once however many others share it, since the number of paths to it may be exponential.
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
    for part in identity.nested:
        if issubclass(type(part), Step):  # faster than pydantic's isinstance
            yield cast(Step, part)
        else:
            yield from _steps_in(part)


def _models_in(identity: Identity) -> Iterator[ModelSpec]:
    """Yield the models inside an identity, but not those of the steps in it."""
    for part in identity.nested:
        kind = type(part)
        if issubclass(kind, ModelSpec):
            yield cast(ModelSpec, part)
        elif not issubclass(kind, Step):
            yield from _models_in(part)
