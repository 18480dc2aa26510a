"""Make the prompts of a few examples per step as a run would, without its models."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import TYPE_CHECKING

from offdiag.cost.tokens import Tokens, split
from offdiag.errors import UserError
from offdiag.runtime import Runtime
from offdiag.steps import Examples, Step, Weights
from offdiag.steps.jsonl import write_jsonl
from offdiag.steps.step import FinishedStep
from offdiag.tasks import Example

if TYPE_CHECKING:
    from offdiag.models.answers import AnsweringModel
    from offdiag.models.lm import LM

# Examples of each set whose prompts are made; the rest are assumed to be as long.
SAMPLES = 4


class NotYetKnownError(UserError):
    """A prompt depends on the result of a step that has not run."""


class PromptSample:
    """Stands in for the engine (see :class:`offdiag.steps.Work`) with a temporary folder and no model; use ``with``."""

    def __init__(self, runtime: Runtime) -> None:
        self.runtime = runtime
        self._temporary = TemporaryDirectory(prefix="offdiag-")
        self.folder = Path(self._temporary.name)
        self._samples: dict[str, list[Example]] = {}
        self._split: dict[str, Tokens] = {}

    def __enter__(self) -> "PromptSample":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._temporary.cleanup()

    def output(self, step: Step) -> Path:
        """Return a folder with all examples of a step, drawn now.

        Raises:
            NotYetKnownError: the step is not :class:`offdiag.steps.Examples`.
        """
        if not isinstance(step, Examples):
            raise NotYetKnownError(f"prompts that need {step.kind}/{step.name} are not known before it has run")
        folder = self.folder / step.fingerprint
        if not folder.exists():
            folder.mkdir()
            # written by name rather than by asdict, which copies deeply and takes longer than all the rest
            records = [{name: getattr(e, name) for name in Example.__slots__} for e in step.sample()]
            write_jsonl(folder / "examples.jsonl", records)
        return folder

    def model(self, weights: Weights) -> "LM":
        """Refuse: no model is loaded for an estimate.

        Raises:
            NotYetKnownError: always.
        """
        raise NotYetKnownError(f"prompts that need the model {weights.label} are not known before it has run")

    def answering(self, weights: Weights) -> "AnsweringModel":
        """Refuse as :meth:`model` does."""
        return self.model(weights)

    def progress(self, done: int, total: int) -> None:
        """Do nothing."""

    def finished(self, kind: str, fits: Callable[[str], bool]) -> Iterator[FinishedStep]:
        """Yield nothing: an estimate knows no store."""
        return iter(())

    def sample(self, step: Examples) -> list[Example]:
        """Return the first few of the examples."""
        if step.fingerprint not in self._samples:
            few = Examples(domain=step.domain, split=step.split, n=min(step.n, SAMPLES), seed=step.seed)
            self._samples[step.fingerprint] = few.sample()
        return self._samples[step.fingerprint]

    def split(self, texts: Sequence[str]) -> list[Tokens]:
        """Return the tokens of each text; a text that many steps share is split once."""
        for text in texts:
            if text not in self._split:
                self._split[text] = split(text)
        return [self._split[text] for text in texts]
