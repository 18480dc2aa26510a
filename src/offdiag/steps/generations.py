"""The step that lets a model write one completion per example; nothing is graded yet."""

import time
from collections import Counter
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import Field

from offdiag.identity import Json
from offdiag.steps.cost import CostLine, CostProbe
from offdiag.steps.earlier_answers import forget, take_answers
from offdiag.steps.examples import load_examples
from offdiag.steps.jsonl import append_jsonl, recover_jsonl, write_jsonl
from offdiag.steps.model_outputs import ModelOutputs, ideal_responses
from offdiag.steps.step import Work
from offdiag.tasks import Example

if TYPE_CHECKING:
    from offdiag.models.answers import Completion


class Generations(ModelOutputs):
    """Greedy completions of all examples by one model.

    Attributes:
        max_new_tokens: longest completion, in tokens.
    """

    kind: ClassVar[str] = "answers"
    needs_weights: ClassVar[bool] = False
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
        """Write completions batch by batch; a killed run goes on with the batches that are not complete.

        What a finished step was answered to the same prompt is taken, see :mod:`offdiag.steps.earlier_answers`.
        """
        started = time.monotonic()
        examples = load_examples(work.output(self.examples))
        partial = work.folder / "answers.partial.jsonl"
        prompts = self.prompts(work, examples)
        taken = take_answers(self, work, examples, prompts, partial)
        left = {record.get("index"): record for record in recover_jsonl(partial)}
        records = {i: left[i] for i, example in enumerate(examples) if left.get(i, {}).get("example") == example.id}
        records |= taken.records
        work.progress(len(records), len(examples))
        if len(records) < len(examples):
            model = work.answering(self.weights)
            asked = [i for i in range(len(examples)) if i not in taken.records]
            done = frozenset(place for place, i in enumerate(asked) if i in records)
            batches = model.generate(
                [prompts[i] for i in asked],
                max_new_tokens=self.max_new_tokens,
                skip=done,
                response_prefix=self.response_prefix,
                settings=self.settings,
            )
            for batch in batches:
                new = [_record(i, examples[i], prompts[i], c) for c in batch for i in [asked[c.index]]]
                append_jsonl(partial, new)
                records.update({record["index"]: record for record in new})
                work.progress(len(records), len(examples))
        ordered = [records[i] for i in range(len(examples))]
        write_jsonl(work.folder / "answers.jsonl", ordered)
        forget(work.folder, partial)
        return {
            "n": len(ordered),
            "prompt_tokens": _sum(ordered, "n_prompt"),
            "new_tokens": _sum(ordered, "n_tokens"),
            **_systems(ordered),
            "seconds": round(time.monotonic() - started + taken.seconds, 3),
        }


def _record(index: int, example: Example, prompt: str, completion: "Completion") -> dict[str, Any]:
    return {
        "index": index,
        "example": example.id,
        "prompt": prompt,
        "completion": completion.text,
        "n_prompt": completion.n_prompt,
        "n_tokens": completion.n_tokens,
        "finish": completion.finish,
        **({"fingerprint": completion.fingerprint} if completion.fingerprint else {}),
    }


def _sum(records: list[dict[str, Any]], name: str) -> int | None:
    """Return the sum of a number of tokens; None where a server has not counted them."""
    counts = [record[name] for record in records]
    return None if None in counts else sum(counts)


def _systems(records: list[dict[str, Any]]) -> dict[str, Json]:
    """Return what servers said of the systems that answered, where they did, with the number of answers of each."""
    counts = Counter(record["fingerprint"] for record in records if "fingerprint" in record)
    return {"fingerprints": {**counts}} if counts else {}
