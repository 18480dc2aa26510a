"""The step that lets a model write one completion per example; nothing is graded yet."""

import time
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import Field

from offdiag.identity import Json
from offdiag.steps.cost import CostLine, CostProbe
from offdiag.steps.examples import load_examples
from offdiag.steps.jsonl import append_jsonl, recover_jsonl, write_jsonl
from offdiag.steps.model_outputs import ModelOutputs, ideal_responses
from offdiag.steps.step import Work
from offdiag.tasks import Example

if TYPE_CHECKING:
    from offdiag.models.lm import Completion


class Generations(ModelOutputs):
    """Greedy completions of all examples by one model.

    Attributes:
        max_new_tokens: longest completion, in tokens.
    """

    kind: ClassVar[str] = "answers"
    max_new_tokens: int = Field(ge=1)

    def cost(self, probe: CostProbe) -> CostLine:
        return probe.generate(
            self,
            self.weights,
            self.sampled_prompts(probe),
            ideal_responses(probe, self.examples, rationale=self.style == "step-by-step"),
            items=probe.sample(self.examples),
            n=self.examples.n,
            max_new_tokens=self.max_new_tokens,
        )

    def run(self, work: Work) -> dict[str, Json]:
        """Write completions batch by batch; a killed run goes on with the batches that are not complete."""
        started = time.monotonic()
        examples = load_examples(work.output(self.examples))
        partial = work.folder / "answers.partial.jsonl"
        left = {record.get("index"): record for record in recover_jsonl(partial)}
        records = {i: left[i] for i, example in enumerate(examples) if left.get(i, {}).get("example") == example.id}
        work.progress(len(records), len(examples))
        if len(records) < len(examples):
            prompts = self.prompts(work, examples)
            model = work.model(self.weights)
            done = frozenset(records)
            batches = model.generate(
                prompts,
                max_new_tokens=self.max_new_tokens,
                skip=done,
                response_prefix=self.response_prefix,
                settings=self.chat,
            )
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
