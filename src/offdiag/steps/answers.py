"""The step that asks a model: one completion an example, nothing judged yet."""

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import Field

from offdiag.identity import Json
from offdiag.steps.context import Context
from offdiag.steps.examples import Examples, load_examples
from offdiag.steps.jsonl import append_jsonl, read_jsonl, recover_jsonl, write_jsonl
from offdiag.steps.step import Step, Work
from offdiag.steps.weights import Weights
from offdiag.tasks import Domain, Example, PromptStyle, get_task

if TYPE_CHECKING:
    from offdiag.models.lm import Completion


class Answers(Step):
    """Greedy completions of all examples by one learner.

    Attributes:
        weights: who answers. context: what stands before each question, if anything does.
        style: wording of the question. max_new_tokens: longest completion, in tokens.
    """

    kind: ClassVar[str] = "answers"
    weights: Weights
    examples: Examples
    context: Context | None = None
    style: PromptStyle
    max_new_tokens: int = Field(ge=1)

    @property
    def name(self) -> str:
        examples = self.examples
        learner = self.weights.label if self.context is None else f"{self.weights.label}.{self.context.label}"
        return f"{learner}--{examples.domain}.{self.style}.n{examples.n}"

    @property
    def group(self) -> str:
        return self.weights.base_key

    def canonical(self) -> dict[str, Json]:
        return {**super().canonical(), "prompt_version": get_task(self.examples.domain.task).prompt_version}

    def run(self, work: Work) -> dict[str, Json]:
        """Completions are appended batch by batch; a killed run goes on with the batches that are not complete."""
        started = time.monotonic()
        examples = load_examples(work.output(self.examples))
        partial = work.folder / "answers.partial.jsonl"
        records = {record["index"]: record for record in recover_jsonl(partial)}
        work.progress(len(records), len(examples))
        if len(records) < len(examples):
            prompts = self.prompts(work, examples)
            model = work.model(self.weights)
            batches = model.generate(prompts, max_new_tokens=self.max_new_tokens, skip=frozenset(records))
            for batch in batches:
                new = [_record(examples[c.index], prompts[c.index], c) for c in batch]
                append_jsonl(partial, new)
                records.update({record["index"]: record for record in new})
                work.progress(len(records), len(examples))
        ordered = [records[i] for i in range(len(examples))]
        write_jsonl(work.folder / "answers.jsonl", ordered)
        partial.unlink(missing_ok=True)
        return {
            "n": len(ordered),
            "prompt_tokens": sum(record["n_prompt"] for record in ordered),
            "new_tokens": sum(record["n_tokens"] for record in ordered),
            "seconds": round(time.monotonic() - started, 3),
        }

    def prompts(self, work: Work, examples: list[Example]) -> list[str]:
        """The user turns, in the order of the examples."""
        domain: Domain = self.examples.domain
        task = get_task(domain.task)
        bare = [task.prompt(domain, example, self.style) for example in examples]
        return bare if self.context is None else self.context.prompts(work, domain, examples, bare)


def load_answers(folder: Path) -> list[dict[str, Any]]:
    """The records that a finished step wrote to its folder, in item order."""
    return read_jsonl(folder / "answers.jsonl")


def _record(example: Example, prompt: str, completion: "Completion") -> dict[str, Any]:
    return {
        "index": completion.index,
        "example": example.id,
        "prompt": prompt,
        "completion": completion.text,
        "n_prompt": completion.n_prompt,
        "n_tokens": len(completion.ids),
        "finish": completion.finish,
    }
