"""Base of the steps that query a model: weights, context, examples, and the wording of the prompts."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

from offdiag.errors import StoreError
from offdiag.identity import Identity, Json
from offdiag.models import ModelSpec
from offdiag.models.answers import TrialQuestion
from offdiag.models.chat_settings import AS_THE_TEMPLATE, ChatSettings
from offdiag.models.rendering import Rendered
from offdiag.steps.cost import CostProbe
from offdiag.steps.examples import Examples
from offdiag.steps.jsonl import read_jsonl
from offdiag.steps.step import Step, Work
from offdiag.steps.weights import Weights
from offdiag.tasks import Domain, Example, PromptStyle, get_task
from offdiag.tasks.content import own_code


class Context(Identity, ABC):
    """The text before each question: it turns bare prompts into those that the model sees.

    The code of a context in a study file or a package of one's own is part of the identity.
    """

    @property
    @abstractmethod
    def label(self) -> str:
        """Short name for folders and tables."""

    @abstractmethod
    def prompts(self, work: Work, domain: Domain, queries: Sequence[Example], bare: Sequence[str]) -> list[str]:
        """Return one prompt per query, given the prompts without context."""

    def canonical(self) -> dict[str, Json]:
        return {**super().canonical(), **own_code(type(self), "context", "prompts")}


class ModelOutputs(Step):
    """The answers of one model, with or without a context, to all examples.

    Attributes:
        weights: of the model. examples: the questions. context: text before each question, if there is any.
        style: wording of the questions. chat: settings of the chat template; without any, those of the model.
        rendered: what is rendered of a reply, a property of the class.
    """

    rendered: ClassVar[Rendered] = "asked"
    added: ClassVar[frozenset[str]] = frozenset({"chat"})
    weights: Weights
    examples: Examples
    context: Context | None = None
    style: PromptStyle
    chat: ChatSettings = AS_THE_TEMPLATE

    @cached_property
    def name(self) -> str:
        examples = self.examples
        learner = self.weights.label if self.context is None else f"{self.weights.label}.{self.context.label}"
        chat = f".{self.chat.label}" if self.chat.label else ""
        return f"{learner}--{examples.domain.short}.{self.style}.n{examples.n}{chat}"

    @property
    def group(self) -> str | None:
        return None if self.weights.spec.origin.served else self.weights.group

    def canonical(self) -> dict[str, Json]:
        worded, rendering = self.examples.worded(self.style), self.weights.rendering(self.rendered)
        return {**super().canonical(), **worded, **rendering}

    def check(self) -> None:
        super().check()
        self.weights.check_template(self.chat)

    def trial(self) -> tuple[ModelSpec, TrialQuestion] | None:
        spec, asked = self.weights.spec, self.examples
        if not spec.origin.served:
            return None
        first = Examples(domain=asked.domain, split=asked.split, n=1, seed=asked.seed).sample()[0]
        prompt = get_task(asked.domain.task).prompt(asked.domain, first, self.style)
        choices = first.choices if self.compares else ()
        return spec, TrialQuestion(prompt, choices, self.response_prefix, self.settings)

    def prompts(self, work: Work, examples: list[Example]) -> list[str]:
        """Return the user turns, in the order of the examples."""
        domain: Domain = self.examples.domain
        task = get_task(domain.task)
        bare = [task.prompt(domain, example, self.style) for example in examples]
        return bare if self.context is None else self.context.prompts(work, domain, examples, bare)

    @property
    def settings(self) -> ChatSettings:
        """The settings of the chat template: those of the step, or else those of the model."""
        return self.chat.over(self.weights.spec.chat)

    def sampled_prompts(self, probe: CostProbe) -> list[str]:
        """Return the user turns of a sample of the examples, for an estimate of the cost."""
        asked = (ModelOutputs, self.examples, self.context, self.style)
        return probe.once(asked, lambda: self.prompts(probe.work, probe.sample(self.examples)))

    @property
    def compares(self) -> bool:
        """Whether the choices of the examples are compared; else an answer is written."""
        return self.rendered == "compared"

    @property
    def holds_alone(self) -> bool:
        """Whether an answer depends on the model and its prompt alone, whatever is asked beside it."""
        return self.weights.spec.dtype == "float32" and self.weights.spec.quantization == "none"

    @property
    def response_prefix(self) -> str:
        """Text between a question and the reply where the model has no chat template."""
        return get_task(self.examples.domain.task).reply_prefix(self.examples.domain)

    def taught(self) -> Iterator[Examples]:
        """Yield the examples that the model was trained on or has in its context."""
        for step in self.walk():
            if isinstance(step, Examples) and step.fingerprint != self.examples.fingerprint:
                yield step


def load_answers(folder: Path) -> list[dict[str, Any]]:
    """Read the records that a finished step wrote to its folder, in item order."""
    return read_jsonl(folder / "answers.jsonl")


def answers_to(examples: Sequence[Example], folder: Path) -> list[dict[str, Any]]:
    """Read the records of a finished step, one per example, in the order of the examples, joined by their ids.

    Raises:
        StoreError: an example has no answer or two, or there is one to another example.
    """
    records = load_answers(folder)
    by_id = {str(record.get("example")): record for record in records}
    if len(by_id) < len(records) or by_id.keys() != {example.id for example in examples}:
        raise StoreError(
            f"{folder} has {len(records)} answers to {len(by_id)} examples, expected one to each of {len(examples)}: "
            "delete it and run again"
        )
    return [by_id[example.id] for example in examples]


def ideal_responses(probe: CostProbe, examples: Examples, *, rationale: bool) -> list[str]:
    """Return the ideal responses to a sample of the examples, for an estimate of the cost."""

    def word() -> list[str]:
        task = get_task(examples.domain.task)
        return [task.response(examples.domain, e, rationale=rationale) for e in probe.sample(examples)]

    return probe.once((ideal_responses, examples, rationale), word)
