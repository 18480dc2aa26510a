"""The step that lets a model choose the most likely of the declared answers."""

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal, TypeAlias

import numpy as np

from offdiag.errors import UserError
from offdiag.identity import Json
from offdiag.models.finite import NOT_FINITE
from offdiag.steps.cost import CostLine, CostProbe
from offdiag.steps.examples import load_examples
from offdiag.steps.jsonl import in_chunks, write_jsonl
from offdiag.steps.model_outputs import ModelOutputs
from offdiag.steps.step import Work
from offdiag.tasks import Example

if TYPE_CHECKING:
    from offdiag.models.lm import Score

Normalisation: TypeAlias = Literal["none", "tokens", "characters"]


class LoglikelihoodChoices(ModelOutputs):
    """The most likely choice of each example, by the summed log-probability of its tokens after the prompt.

    Attributes:
        per: what the sum is divided by before the choices are compared: nothing, their tokens or their characters.
    """

    kind: ClassVar[str] = "answers"
    tag: ClassVar[str] = "choices"
    per: Normalisation = "none"

    @property
    def name(self) -> str:
        return f"{super().name}.choice" + ("" if self.per == "none" else f"-per-{self.per}")

    def cost(self, probe: CostProbe) -> CostLine:
        items, prompts = probe.sample(self.examples), self.sampled_prompts(probe)
        return probe.score(self, self.weights, prompts, [e.choices for e in items], items=items, n=self.examples.n)

    def run(self, work: Work) -> dict[str, Json]:
        """Score the choices chunk by chunk; a killed run goes on after the last whole chunk."""
        started = time.monotonic()
        examples = load_examples(work.output(self.examples))
        _check(self, examples)
        partial = work.folder / "answers.partial.jsonl"
        prompts = self.prompts(work, examples)

        def choose(chunk: range) -> list[dict[str, Any]]:
            asked, options = [prompts[i] for i in chunk], [examples[i].choices for i in chunk]
            scored = work.model(self.weights).score(asked, options, self.response_prefix)
            return [self._record(i, examples[i], prompts[i], scores) for i, scores in zip(chunk, scored, strict=True)]

        records = in_chunks(partial, len(examples), choose, work.progress)
        write_jsonl(work.folder / "answers.jsonl", records)
        partial.unlink(missing_ok=True)
        return {"n": len(records), "seconds": round(time.monotonic() - started, 3)}

    def _record(self, index: int, example: Example, prompt: str, scores: "Sequence[Score]") -> dict[str, Any]:
        lengths = {
            "none": np.ones(len(scores)),
            "tokens": np.array([score.n_tokens for score in scores]),
            "characters": np.array([len(choice) for choice in example.choices]),
        }[self.per]
        compared = np.array([score.logprob for score in scores]) / lengths
        best = int(compared.argmax()) if np.isfinite(compared).all() else None  # of a NaN nothing is the largest
        return {
            "index": index,
            "example": example.id,
            "prompt": prompt,
            "completion": "" if best is None else example.choices[best],
            "n_tokens": 0 if best is None else scores[best].n_tokens,
            "finish": NOT_FINITE if best is None else "choice",
            "scores": [round(float(value), 6) for value in compared],
        }


def _check(step: LoglikelihoodChoices, examples: list[Example]) -> None:
    """Check that every example has at least two choices, each once."""
    for example in examples:
        if len(set(example.choices)) != len(example.choices) or len(example.choices) < 2:
            raise UserError(
                f"{step.examples.name}: example {example.id} has the choices {list(example.choices)}; expected at "
                "least two, each once; let the model write its answer instead (answering='generation')"
            )
