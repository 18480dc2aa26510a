"""Hardness of items for a model that only reads: the negative log-likelihood of a text of each item."""

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, Literal, TypeAlias

from pydantic import field_validator

from offdiag.errors import UserError
from offdiag.steps import CostLine, CostProbe, Examples, Measurement, Weights, Work, load_examples
from offdiag.steps.jsonl import in_chunks
from offdiag.steps.measurement import PARTIAL
from offdiag.studies.easy_to_hard.measurements.item_hardness import TABLE, hardness_rows
from offdiag.studies.easy_to_hard.task import HardnessDomain
from offdiag.tasks import Example, Scalar

TextMeasure: TypeAlias = Literal["question_nll", "answer_nll", "reasoning_nll"]


class TextHardness(Measurement):
    """The negative log-likelihood of one text per item after the begin token, without any prompt.

    In nats, summed over the tokens, so that a longer text has more (Hase et al. 2024, arXiv 2401.06751, section 3). The
    rows have the columns of :class:`offdiag.studies.easy_to_hard.measurements.item_hardness.ItemHardness`.

    Attributes:
        of: the text: the question without its choices, the right answer, or the reasoning that leads to it.
        weights: of the model. examples: all items of a pool.
    """

    tag: ClassVar[str] = "text-hardness"
    table: ClassVar[str] = TABLE
    of: TextMeasure
    weights: Weights
    examples: Examples

    @field_validator("examples")
    @classmethod
    def _with_hardness(cls, examples: Examples) -> Examples:
        if not isinstance(examples.domain, HardnessDomain):
            raise UserError(f"hardness of {examples.name}: expected examples of the task easy_to_hard")
        return examples

    @property
    def domain(self) -> HardnessDomain:
        """The domain whose items are measured."""
        assert isinstance(self.examples.domain, HardnessDomain)
        return self.examples.domain

    @property
    def model(self) -> str:
        """Short name of the model."""
        return self.weights.spec.short_name

    @property
    def name(self) -> str:
        return f"hardness.{self.of}@{self.model}--{self.domain.short}"

    @property
    def group(self) -> str:
        return self.weights.group

    def factors(self) -> Mapping[str, Scalar]:
        return {"dataset": self.domain.dataset, "measure": f"{self.of}@{self.model}"}

    def cost(self, probe: CostProbe) -> CostLine:
        texts = [self.text(example) for example in probe.sample(self.examples)]
        return probe.read(self, self.weights, self.examples.n * probe.tokens(texts))

    def measure(self, work: Work) -> Iterator[Mapping[str, Scalar]]:
        """Yield one row per item; likelihoods are kept in chunks, and a killed run goes on after the last whole one.

        Raises:
            UserError: an item has no such text, or one that is longer than the model's context.
        """
        examples = load_examples(work.output(self.examples))
        texts = [self.text(example) for example in examples]

        def read(chunk: range) -> list[dict[str, Any]]:
            scores = work.model(self.weights).score_texts([texts[i] for i in chunk])
            return [{"item": examples[i].id, "nll": -s.logprob} for i, s in zip(chunk, scores, strict=True)]

        scored = in_chunks(work.folder / PARTIAL, len(texts), read, work.progress)
        values = {row["item"]: row["nll"] for row in scored}
        yield from hardness_rows(self.domain, f"{self.of}@{self.model}", values)

    def text(self, example: Example) -> str:
        """Return the text of an item that the model reads.

        Raises:
            UserError: the item has no such text.
        """
        texts = {"question_nll": example.problem, "answer_nll": example.target, "reasoning_nll": example.rationale}
        if not (text := texts[self.of]):
            raise UserError(f"{self.examples.name}: item {example.id} has no text for {self.of}; leave the measure out")
        return text
