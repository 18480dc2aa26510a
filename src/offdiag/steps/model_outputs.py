"""Base of the steps that query a model: weights, context, examples, and the wording of the prompts."""

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Self, TypeVar

from offdiag.conversation import with_system
from offdiag.errors import StoreError, TooLongError, UserError
from offdiag.identity import Identity, Json
from offdiag.models import ModelSpec
from offdiag.models.answers import TrialQuestion
from offdiag.models.chat_settings import AS_THE_TEMPLATE, ChatSettings
from offdiag.models.rendering import Rendered
from offdiag.steps.cost import CostProbe
from offdiag.steps.examples import Examples, check_rows, chosen_replies
from offdiag.steps.jsonl import read_jsonl
from offdiag.steps.step import Step, Work
from offdiag.steps.weights import Weights
from offdiag.tasks import Domain, Example, PromptStyle, get_task
from offdiag.tasks.content import own_code

T = TypeVar("T")


class Context(Identity, ABC):
    """The text before each question: it turns bare prompts into those that the model sees.

    The code of a context in a study file or a package of one's own is part of the identity.
    """

    @property
    @abstractmethod
    def label(self) -> str:
        """Short name for folders and tables."""

    @property
    def replies(self) -> bool:
        """Whether prompts have replies of the assistant before the question, which only a chat template words."""
        return False

    @abstractmethod
    def prompts(self, work: Work, domain: Domain, queries: Sequence[Example], bare: Sequence[str]) -> list[str]:
        """Return one prompt per query, given the prompts without context."""

    def shortened(self, work: Work, domain: Domain, query: Example, bare: str, dropped: int) -> str | None:
        """Return the prompt of a query without so many of its demonstrations, the last ones; None if it has no more."""
        return None

    def canonical(self) -> dict[str, Json]:
        return {**super().canonical(), **own_code(type(self), "context", "prompts")}


class ModelOutputs(Step):
    """The answers of one model, with or without a context, to all examples.

    Attributes:
        weights: of the model. examples: the questions. context: text before each question, if there is any.
        style: wording of the questions. chat: settings of the chat template; without any, those of the model.
        system: a system turn before each prompt.
        rendered: what is rendered of a reply, a property of the class.
    """

    rendered: ClassVar[Rendered] = "asked"
    added: ClassVar[frozenset[str]] = frozenset({"chat", "system"})
    weights: Weights
    examples: Examples
    context: Context | None = None
    style: PromptStyle
    chat: ChatSettings = AS_THE_TEMPLATE
    system: str = ""

    @cached_property
    def name(self) -> str:
        examples = self.examples
        learner = self.weights.label if self.context is None else f"{self.weights.label}.{self.context.label}"
        how = [self.chat.label, "system" if self.system else "", self.variant]
        return ".".join([f"{learner}--{examples.domain.short}.{self.style}.n{examples.n}", *filter(None, how)])

    @property
    def variant(self) -> str:
        """Short name of how answers are made, for folders; empty for the usual way."""
        return ""

    @property
    def group(self) -> str | None:
        return None if self.weights.spec.origin.served else self.weights.group

    def canonical(self) -> dict[str, Json]:
        worded, rendering = self.examples.worded(self.style), self.weights.rendering(self.rendered)
        return {**super().canonical(), **worded, **rendering}

    def check(self) -> None:
        super().check()
        replies = self.context is not None and self.context.replies
        if replies and self.chat.format == "completion":
            raise UserError(f"{self.name}: demonstrations as turns need a chat template: leave format='completion' out")
        roles = [*(["system"] if self.system else []), *(["user", "assistant"] if replies else []), "user"]
        self.weights.check_template(self.chat, tuple(roles))
        check_rows(self.weights, self.examples, self.style, self.chat, choices=self.rendered == "compared")

    def trial(self) -> tuple[ModelSpec, TrialQuestion] | None:
        spec, asked = self.weights.spec, self.examples
        if not spec.origin.served:
            return None
        first = Examples(domain=asked.domain, split=asked.split, n=1, seed=asked.seed).sample()[0]
        prompt = with_system(get_task(asked.domain.task).prompt(asked.domain, first, self.style), self.system)
        choices = chosen_replies(asked.domain, first) if self.compares else ()
        return spec, TrialQuestion(prompt, choices, self.response_prefix, self.settings)

    def prompts(self, work: Work, examples: list[Example]) -> list[str]:
        """Return the user turns, in the order of the examples."""
        domain: Domain = self.examples.domain
        task = get_task(domain.task)
        bare = [task.prompt(domain, example, self.style) for example in examples]
        asked = bare if self.context is None else self.context.prompts(work, domain, examples, bare)
        return [with_system(prompt, self.system) for prompt in asked]

    def without(self, work: Work, example: Example, dropped: int) -> str | None:
        """Return the prompt of an example without so many of its demonstrations; None if it has no more."""
        if self.context is None:
            return None
        domain = self.examples.domain
        bare = get_task(domain.task).prompt(domain, example, self.style)
        shorter = self.context.shortened(work, domain, example, bare, dropped)
        return None if shorter is None else with_system(shorter, self.system)

    def fitting(self, work: Work, examples: Sequence[Example], prompts: list[str]) -> "Fitting":
        """Return what asks the prompts, in which those that are too long lose demonstrations."""
        return Fitting(self, work, examples, prompts)

    @property
    def settings(self) -> ChatSettings:
        """The settings of the chat template: those of the step, or else those of the model."""
        return self.chat.over(self.weights.spec.chat)

    def sampled_prompts(self, probe: CostProbe) -> list[str]:
        """Return the user turns of a sample of the examples, for an estimate of the cost."""
        asked = (ModelOutputs, self.examples, self.context, self.style, self.system)
        return probe.once(asked, lambda: self.prompts(probe.work, probe.sample(self.examples)))

    @property
    def compares(self) -> bool:
        """Whether the choices of the examples are compared; else an answer is written."""
        return self.rendered == "compared"

    @property
    def gives_losses(self) -> bool:
        """Whether the scores of an answer are whole log-probabilities of the choices, so that the target has a loss."""
        return False

    @property
    def samples(self) -> int:
        """Number of answers to each example."""
        return 1

    @property
    def draws(self) -> bool:
        """Whether answers are drawn, each by the stream of its example and sample."""
        return False

    @property
    def holds_alone(self) -> bool:
        """Whether an answer depends on the model and its prompt alone, whatever is asked beside it."""
        return self.weights.spec.holds_alone

    def asking(self, n: int, samples: int) -> Self:
        """Return the step with so many examples, and samples of each where answers are drawn; for its cost."""
        return self.model_copy(update={"examples": self.examples.model_copy(update={"n": n})})

    @property
    def response_prefix(self) -> str:
        """Text between a question and the reply where the model has no chat template."""
        return get_task(self.examples.domain.task).reply_prefix(self.examples.domain)

    def taught(self) -> Iterator[Examples]:
        """Yield the examples that the model was trained on or has in its context."""
        for step in self.walk():
            if isinstance(step, Examples) and step.fingerprint != self.examples.fingerprint:
                yield step


class Fitting:
    """Asks prompts of which those that are too long for the model lose demonstrations, the last ones, until they fit.

    Args:
        outputs: the step. examples: of the prompts. prompts: changed in place.

    Attributes:
        dropped: demonstrations that a prompt has lost, by its place.
    """

    def __init__(self, outputs: ModelOutputs, work: Work, examples: Sequence[Example], prompts: list[str]) -> None:
        self._outputs, self._work, self._examples, self._prompts = outputs, work, examples, prompts
        self.dropped: Counter[int] = Counter()

    def asked(self, places: Sequence[int], ask: Callable[[list[str]], T]) -> T:
        """Return what ``ask`` says to the prompts at these places.

        Raises:
            UserError: one does not fit without any demonstration either: nothing else is cut off.
        """
        while True:
            try:
                return ask([self._prompts[place] for place in places])
            except TooLongError as error:
                for place in [places[i] for i in error.places]:
                    self._shorten(place, error)

    def _shorten(self, place: int, error: TooLongError) -> None:
        self.dropped[place] += 1
        shorter = self._outputs.without(self._work, self._examples[place], self.dropped[place])
        if shorter is None:
            raise error
        self._prompts[place] = shorter

    def noted(self, place: int) -> dict[str, Json]:
        """Return what the record of an answer says of its prompt."""
        return {"dropped": self.dropped[place]} if place in self.dropped else {}


def shortened_prompts(records: Sequence[Mapping[str, Any]]) -> dict[str, Json]:
    """Return how many answers are to prompts that lost demonstrations; nothing where none did."""
    shorter = sum("dropped" in record for record in records)
    return {"n_shortened": shorter} if shorter else {}


def load_answers(folder: Path) -> list[dict[str, Any]]:
    """Read the records that a finished step wrote to its folder, in item order."""
    return read_jsonl(folder / "answers.jsonl")


def answers_to(examples: Sequence[Example], folder: Path) -> list[dict[str, Any]]:
    """Read the records of a finished step, one per example, in the order of the examples, joined by their ids.

    Raises:
        StoreError: an example has no answer or two, or there is one to another example.
    """
    return [own for (own,) in samples_of(examples, folder, 1)]


def samples_of(examples: Sequence[Example], folder: Path, samples: int) -> list[list[dict[str, Any]]]:
    """Read the records of a finished step, ``samples`` per example in the order of the examples, joined by their ids.

    Raises:
        StoreError: an example has another number of answers, or one twice, or there is one to another example.
    """
    records = load_answers(folder)
    by_id: dict[str, dict[int, dict[str, Any]]] = {example.id: {} for example in examples}
    for record in records:
        by_id.setdefault(str(record.get("example")), {})[int(record.get("sample", 0))] = record
    whole = len(records) == samples * len(examples) == samples * len(by_id)
    if not whole or any(own.keys() != set(range(samples)) for own in by_id.values()):
        each = "one" if samples == 1 else samples
        raise StoreError(
            f"{folder} has {len(records)} answers to {len({str(r.get('example')) for r in records})} examples, "
            f"expected {each} to each of {len(examples)}: delete it and run again"
        )
    return [[by_id[example.id][sample] for sample in range(samples)] for example in examples]


def ideal_responses(probe: CostProbe, examples: Examples, *, rationale: bool) -> list[str]:
    """Return the ideal responses to a sample of the examples, for an estimate of the cost."""

    def word() -> list[str]:
        task = get_task(examples.domain.task)
        return [task.response(examples.domain, e, rationale=rationale) for e in probe.sample(examples)]

    return probe.once((ideal_responses, examples, rationale), word)
