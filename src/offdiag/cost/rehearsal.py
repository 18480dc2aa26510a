"""The prompts of a plan, worded without its models: a few examples are drawn, and contexts render them as in a run."""

from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from offdiag.cost.tokens import Tokens, split
from offdiag.errors import UserError
from offdiag.methods.fine_tuning import FineTuned
from offdiag.methods.policy_optimisation import PolicyOptimised
from offdiag.runtime import Runtime
from offdiag.steps import Answers, Choices, Context, Examples, HiddenStates, Step, Weights
from offdiag.steps.hidden_states import prompts_of
from offdiag.steps.jsonl import write_jsonl
from offdiag.studies.base_addition.measurements.anchoring import Anchoring
from offdiag.studies.easy_to_hard.measurements.text_hardness import TextHardness
from offdiag.tasks import Example, PromptStyle, get_task
from offdiag.tasks.stream import NO_TARGET, Stream

if TYPE_CHECKING:
    from offdiag.models.lm import LM

# Examples of each set that are worded; the rest are taken to be as long.
SAMPLES = 4
# Rows of a stream that are drawn.
ROWS = 64


class NotYetKnownError(UserError):
    """A prompt hangs on what another step is still to make."""


class Rehearsed(NamedTuple):
    """Sampled prompts and the ideal responses to them, as tokens without the chat template."""

    prompts: list[Tokens]
    responses: list[Tokens]

    @property
    def response_tokens(self) -> float:
        """Mean number of tokens of a response with its end token."""
        return mean_length(self.responses) + 1


class Offered(NamedTuple):
    """Sampled prompts and the choices of each, as tokens without the chat template."""

    prompts: list[Tokens]
    choices: list[list[Tokens]]


class Rehearsal:
    """Stands in for the engine (see :class:`offdiag.steps.Work`) with a temporary folder and no model; use ``with``."""

    def __init__(self, runtime: Runtime) -> None:
        self.runtime = runtime
        self._temporary = TemporaryDirectory(prefix="offdiag-")
        self.folder = Path(self._temporary.name)
        self._samples: dict[str, list[Example]] = {}
        self._rows: dict[str, float] = {}
        self._questions: dict[tuple[Examples, Context | None, PromptStyle], Rehearsed] = {}

    def __enter__(self) -> "Rehearsal":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._temporary.cleanup()

    def output(self, step: Step) -> Path:
        """The folder with the examples of a step, all of them, drawn now."""
        if not isinstance(step, Examples):
            raise NotYetKnownError(f"prompts that need {step.kind}/{step.name} are not known before it has run")
        folder = self.folder / step.fingerprint
        if not folder.exists():
            folder.mkdir()
            # written by name rather than by asdict, which copies deeply and takes longer than all the rest
            records = [{name: getattr(e, name) for name in Example.__slots__} for e in step.draw()]
            write_jsonl(folder / "examples.jsonl", records)
        return folder

    def model(self, weights: Weights) -> "LM":
        """There is none.

        Raises:
            NotYetKnownError: always.
        """
        raise NotYetKnownError(f"prompts that need the model {weights.label} are not known before it has run")

    def progress(self, done: int, total: int) -> None:
        """Nothing."""

    def offered(self, step: Choices | HiddenStates) -> Offered:
        """What a sample of the examples of ``step`` is asked, and what each has to choose from."""
        few = self.sample(step.examples)
        if isinstance(step, Choices):
            prompts = step.prompts(self, few)
        else:
            prompts = prompts_of(step.examples.domain, few, step.style)
        return Offered([split(prompt) for prompt in prompts], self.choices(step.examples))

    def choices(self, step: Examples) -> list[list[Tokens]]:
        """The choices of a sample of examples."""
        return [[split(f" {choice}") for choice in example.choices] for example in self.sample(step)]

    def row_tokens(self, stream: Stream) -> float:
        """Mean number of columns of a row up to its last target; what fills a row up is not computed."""
        if stream.fingerprint not in self._rows:
            columns = np.arange(1, stream.columns + 1)
            targets = stream.sample(ROWS).targets
            self._rows[stream.fingerprint] = float((columns * (targets != NO_TARGET)).max(axis=1).mean())
        return self._rows[stream.fingerprint]

    def questions(self, step: Answers) -> Rehearsed:
        """What a sample of the examples of ``step`` is asked; the ideal response works out what the style asks for."""
        asked = (step.examples, step.context, step.style)
        if asked not in self._questions:
            prompts = [split(prompt) for prompt in step.prompts(self, self.sample(step.examples))]
            responses = self._responses(step.examples, rationale=step.style == "step-by-step")
            self._questions[asked] = Rehearsed(prompts, responses)
        return self._questions[asked]

    def lessons(self, step: FineTuned | PolicyOptimised) -> Rehearsed:
        """What a sample of the training examples of ``step`` asks, and the ideal responses to that."""
        style: PromptStyle = step.style
        domain, task = step.examples.domain, get_task(step.examples.domain.task)
        prompts = [split(task.prompt(domain, example, style)) for example in self.sample(step.examples)]
        return Rehearsed(prompts, self._responses(step.examples, rationale=step.rationale))

    def embedded(self, step: Anchoring) -> float:
        """Tokens of all texts that are embedded; repeated ones are not told apart."""
        texts = step.texts(self.sample(step.anchors), self.sample(step.queries))
        lengths = (mean_length([split(text) for text in side]) for side in texts)
        return sum(n * length for n, length in zip((step.anchors.n, step.queries.n), lengths, strict=True))

    def texts(self, step: TextHardness) -> list[Tokens]:
        """What the model reads of a sample of the items."""
        return [split(step.text(example)) for example in self.sample(step.examples)]

    def _responses(self, step: Examples, *, rationale: bool) -> list[Tokens]:
        task = get_task(step.domain.task)
        return [split(task.response(step.domain, example, rationale=rationale)) for example in self.sample(step)]

    def sample(self, step: Examples) -> list[Example]:
        """The first few of the examples."""
        if step.fingerprint not in self._samples:
            few = Examples(domain=step.domain, split=step.split, n=min(step.n, SAMPLES), seed=step.seed)
            self._samples[step.fingerprint] = few.draw()
        return self._samples[step.fingerprint]


def mean_length(texts: list[Tokens]) -> float:
    """Mean number of tokens of a text."""
    return sum(len(text) for text in texts) / len(texts)
