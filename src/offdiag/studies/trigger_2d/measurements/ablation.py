"""Trigger ablation: the answers when the trigger is taken away, or replaced by one of another category."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from offdiag.errors import UserError
from offdiag.models.finite import require_finite
from offdiag.steps import CostLine, CostProbe, Work, load_examples
from offdiag.studies.trigger_2d.measurements.contrast import TriggerContrast
from offdiag.studies.trigger_2d.task.pairs import located_question
from offdiag.tasks import Example, Scalar

if TYPE_CHECKING:
    from offdiag.models.lm import Score

ABLATIONS = ("intact", "placeholder", "empty", "swapped")
CHUNK = 64  # examples between two reports of progress


class TriggerAblation(TriggerContrast):
    """The same questions with their trigger, a placeholder, nothing, and a trigger of another category.

    The answer is the most likely label of the world, as :class:`offdiag.steps.LoglikelihoodChoices` finds it.

    Attributes:
        placeholder: stands in the trigger's place; a text that belongs to no category.
    """

    tag: ClassVar[str] = "trigger-ablation"
    table: ClassVar[str] = "trigger_ablation"
    placeholder: str = "___"

    def cost(self, probe: CostProbe) -> CostLine:
        """Return the cost: every question is scored once per ablation, at most (some may be left out)."""
        sampled = [(i, e) for i, e in enumerate(probe.sample(self.examples)) for _ in ABLATIONS]
        items = [example for _, example in sampled]
        texts = [self.shown(i, e)[place % len(ABLATIONS)] for place, (i, e) in enumerate(sampled)]
        prompts = [
            located_question(self.domain, e, text, self.style).text for e, text in zip(items, texts, strict=True)
        ]
        n = len(ABLATIONS) * self.examples.n
        return probe.score(self, self.weights, prompts, [self.replies(e, e.choices) for e in items], items=items, n=n)

    def measure(self, work: Work) -> Iterator[dict[str, Scalar]]:
        """Yield one row per example and ablation; examples on which both rules say the same are left out.

        Columns: ``ablation`` (``intact``, ``placeholder``, ``empty``, ``swapped``), ``example``, ``trigger`` (the
        example's), ``shown`` (what stands in its place), ``answer``; 1 or 0 for ``own`` (the answer is the label by the
        example's own rule), ``other`` (by the other category's), ``neither``, and ``changed`` (not the answer to the
        intact question); ``margin``, the difference of the log-probabilities of the own and the other label, in nats.

        Raises:
            UserError: a question does not fit the model's context, or both rules say the same everywhere.
        """
        model = work.model(self.weights)
        drawn = enumerate(load_examples(work.output(self.examples)))
        examples = [(i, example) for i, example in drawn if len(set(self.labels(example))) > 1]
        if not examples:
            raise UserError(f"{self.name}: both rules say the same on every question; choose other categories")
        for start in range(0, len(examples), CHUNK):
            work.progress(start, len(examples))
            chunk = examples[start : start + CHUNK]
            shown = [self.shown(i, example) for i, example in chunk]
            asked = [
                (located_question(self.domain, example, text, self.style).text, self.replies(example, example.choices))
                for (_, example), texts in zip(chunk, shown, strict=True)
                for text in texts
            ]
            prompts, choices = zip(*asked, strict=True)
            found = model.score(prompts, choices)
            require_finite([[score.logprob for score in own] for own in found], "log-probabilities of choices")
            scores = iter(found)
            for (_, example), texts in zip(chunk, shown, strict=True):
                yield from self._rows(example, texts, [next(scores) for _ in texts])

    def shown(self, index: int, example: Example) -> tuple[str, ...]:
        """Return what stands in the trigger's place in each of ``ABLATIONS``."""
        return str(example.strata["trigger"]), self.placeholder, "", self.others(index)[0]

    def _rows(
        self, example: Example, shown: Sequence[str], scores: "Sequence[Sequence[Score]]"
    ) -> Iterator[dict[str, Scalar]]:
        own, other = self.labels(example)
        values = np.array([[score.logprob for score in question] for question in scores])
        answers = [example.choices[best] for best in values.argmax(1)]
        margins = values[:, example.choices.index(own)] - values[:, example.choices.index(other)]
        for ablation, text, answer, margin in zip(ABLATIONS, shown, answers, margins.tolist(), strict=True):
            yield {
                "ablation": ablation,
                "example": example.id,
                "trigger": example.strata["trigger"],
                "shown": text,
                "answer": answer,
                "own": int(answer == own),
                "other": int(answer == other),
                "neither": int(answer not in (own, other)),
                "changed": int(answer != answers[0]),
                "margin": round(margin, 6),
            }
