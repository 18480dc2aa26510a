"""The step that lets a model write completions of examples; nothing is graded yet."""

import time
from collections import Counter
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

from pydantic import Field

from offdiag.identity import Json
from offdiag.models.sampling import Draws, Sampling
from offdiag.steps.cost import CostLine, CostProbe
from offdiag.steps.earlier_answers import NOTHING_TAKEN, PARTIAL, Taken, forget, take_answers, unanswered
from offdiag.steps.examples import load_examples
from offdiag.steps.jsonl import append_jsonl, recover_jsonl, write_jsonl
from offdiag.steps.model_outputs import ModelOutputs, ideal_responses, shortened_prompts
from offdiag.steps.step import Finished, Unanswered, Work
from offdiag.tasks import get_task

if TYPE_CHECKING:
    from offdiag.models.answers import Completion


class Generations(ModelOutputs):
    """Completions of all examples by one model: greedy, or sampled several times each.

    Attributes:
        max_new_tokens: longest completion, in tokens.
        sampling: how answers are drawn; None for the likeliest tokens.
    """

    kind: ClassVar[str] = "answers"
    added: ClassVar[frozenset[str]] = ModelOutputs.added | {"sampling"}
    needs_weights: ClassVar[bool] = False
    max_new_tokens: int = Field(ge=1)
    sampling: Sampling | None = None

    @property
    def variant(self) -> str:
        return "" if self.sampling is None else self.sampling.label

    @property
    def samples(self) -> int:
        return 1 if self.sampling is None else self.sampling.samples

    @property
    def draws(self) -> bool:
        return self.sampling is not None

    def asking(self, n: int, samples: int) -> Self:
        sampling = None if self.sampling is None else self.sampling.model_copy(update={"samples": samples})
        return super().asking(n, samples).model_copy(update={"sampling": sampling})

    def cost(self, probe: CostProbe) -> CostLine:
        return probe.generate(
            self,
            self.weights,
            self.sampled_prompts(probe),
            ideal_responses(probe, self.examples, rationale=self.style == "step-by-step"),
            items=probe.sample(self.examples),
            n=self.examples.n,
            max_new_tokens=self.max_new_tokens,
            samples=self.samples,
        )

    def unanswered(self, finished: Finished, folder: Path) -> Unanswered:
        return unanswered(self, finished, folder)

    def run(self, work: Work) -> dict[str, Json]:
        """Write completions batch by batch; a killed run goes on with the batches that are not complete.

        What a finished step was answered to the same prompt is taken, see :mod:`offdiag.steps.earlier_answers`.
        """
        examples, domain = load_examples(work.output(self.examples)), self.examples.domain
        prompts = self.prompts(work, examples)
        fitting = self.fitting(work, examples, prompts)
        sampled = [{}] if self.sampling is None else [{"sample": sample} for sample in range(self.samples)]

        def ask(asked: Sequence[int], skip: Container[int]) -> "Iterator[list[Completion]]":
            draws = {} if self.sampling is None else {"draws": Draws(self.sampling, [examples[i].id for i in asked])}
            model, stop = work.answering(self.weights), get_task(domain.task).stops(domain, self.style)
            how: dict[str, Any] = {"response_prefix": self.response_prefix, "settings": self.settings, **draws}
            return fitting.asked(
                asked,
                lambda texts: model.generate(texts, max_new_tokens=self.max_new_tokens, stop=stop, skip=skip, **how),
            )

        return write_answers(
            work,
            [{"example": example.id, **sample} for example in examples for sample in sampled],
            prompts,
            ask,
            take_answers(self, work, examples, prompts, work.folder / PARTIAL),
            fitting.noted,
        )


def write_answers(
    work: Work,
    named: Sequence[Mapping[str, Any]],
    prompts: Sequence[str],
    ask: "Callable[[Sequence[int], Container[int]], Iterator[list[Completion]]]",
    taken: Taken = NOTHING_TAKEN,
    noted: Callable[[int], Mapping[str, Json]] = lambda place: {},
) -> dict[str, Json]:
    """Let a model answer prompts, write ``answers.jsonl``, and return the summary of the step.

    Batches that a killed run left are kept, and what was taken of other steps is not asked.

    Args:
        work: of the step. named: fields that name each answer, as many for each prompt, in the order of the prompts.
        prompts: the user turns. ask: from the indices of prompts, and the answers to these that are not needed, to
            their completions by batch. taken: answers that are known, by their index.
        noted: what a record says besides, from the place of its prompt.
    """
    started = time.monotonic()
    each = len(named) // max(1, len(prompts))
    partial = work.folder / PARTIAL
    left = {record.get("index"): record for record in recover_jsonl(partial)}
    records = {i: left[i] for i, names in enumerate(named) if names.items() <= left.get(i, {}).items()}
    records |= taken.records
    work.progress(len(records), len(named))
    if len(records) < len(named):
        asked = [i for i in range(len(prompts)) if any(i * each + k not in taken.records for k in range(each))]
        places = [i * each + k for i in asked for k in range(each)]  # of the answers that are asked for
        for batch in ask(asked, frozenset(at for at, place in enumerate(places) if place in records)):
            new = [
                {**_record(place, named[place], prompts[place // each], c), **noted(place // each)}
                for c in batch
                for place in [places[c.index]]
            ]
            append_jsonl(partial, new)
            records.update({record["index"]: record for record in new})
            work.progress(len(records), len(named))
    ordered = [records[i] for i in range(len(named))]
    write_jsonl(work.folder / "answers.jsonl", ordered)
    forget(work.folder, partial)
    return {
        "n": len(ordered),
        "prompt_tokens": _sum(ordered, "n_prompt"),
        "new_tokens": _sum(ordered, "n_tokens"),
        **_systems(ordered),
        **shortened_prompts(ordered),
        "seconds": round(time.monotonic() - started + taken.seconds, 3),
    }


def _record(index: int, names: Mapping[str, Any], prompt: str, completion: "Completion") -> dict[str, Any]:
    return {
        "index": index,
        **names,
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
