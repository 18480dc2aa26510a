"""What the steps that ask a model have in common: who is asked what, and in which words."""

from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

from offdiag.identity import Json
from offdiag.steps.context import Context
from offdiag.steps.cost import CostProbe
from offdiag.steps.examples import Examples
from offdiag.steps.jsonl import read_jsonl
from offdiag.steps.step import Step, Work
from offdiag.steps.weights import Weights
from offdiag.tasks import Domain, Example, PromptStyle, get_task


class ModelOutputs(Step):
    """All examples, put to one learner.

    Attributes:
        weights: who answers. context: what stands before each question, if anything does.
        style: wording of the question.
    """

    weights: Weights
    examples: Examples
    context: Context | None = None
    style: PromptStyle

    @cached_property
    def name(self) -> str:
        examples = self.examples
        learner = self.weights.label if self.context is None else f"{self.weights.label}.{self.context.label}"
        return f"{learner}--{examples.domain.short}.{self.style}.n{examples.n}"

    @property
    def group(self) -> str | None:
        return self.weights.group

    def canonical(self) -> dict[str, Json]:
        return {**super().canonical(), "prompt_version": get_task(self.examples.domain.task).prompt_version}

    def prompts(self, work: Work, examples: list[Example]) -> list[str]:
        """The user turns, in the order of the examples."""
        domain: Domain = self.examples.domain
        task = get_task(domain.task)
        bare = [task.prompt(domain, example, self.style) for example in examples]
        return bare if self.context is None else self.context.prompts(work, domain, examples, bare)

    def sampled_prompts(self, probe: CostProbe) -> list[str]:
        """The user turns of a sample of the examples, for an estimate of the cost."""
        asked = (ModelOutputs, self.examples, self.context, self.style)
        return probe.once(asked, lambda: self.prompts(probe.work, probe.sample(self.examples)))

    @property
    def response_prefix(self) -> str:
        """What stands before the reply of a model without a chat template."""
        return get_task(self.examples.domain.task).response_prefix

    def taught(self) -> Iterator[Examples]:
        """The examples that the learner was taught, by training or in its context."""
        for step in self.walk():
            if isinstance(step, Examples) and step.fingerprint != self.examples.fingerprint:
                yield step


def load_answers(folder: Path) -> list[dict[str, Any]]:
    """The records that a finished step wrote to its folder, in item order."""
    return read_jsonl(folder / "answers.jsonl")


def ideal_responses(probe: CostProbe, examples: Examples, *, rationale: bool) -> list[str]:
    """The ideal responses to a sample of the examples, for an estimate of the cost."""

    def word() -> list[str]:
        task = get_task(examples.domain.task)
        return [task.response(examples.domain, e, rationale=rationale) for e in probe.sample(examples)]

    return probe.once((ideal_responses, examples, rationale), word)
