"""The measurement: how unlikely a model finds each word."""

from collections.abc import Iterator, Mapping
from typing import ClassVar

from offdiag.steps import CostLine, CostProbe, Examples, Measurement, Weights, Work, load_examples
from offdiag.tasks import Scalar


class WordSurprise(Measurement):
    """One row per word: its negative log-probability, in nats."""

    tag: ClassVar[str] = "letters-word-surprise"
    table: ClassVar[str] = "word_surprise"
    weights: Weights
    examples: Examples

    @property
    def name(self) -> str:
        return f"word-surprise.{self.weights.label}--{self.examples.domain.short}.n{self.examples.n}"

    @property
    def group(self) -> str:
        return self.weights.group  # steps that ask the same model follow each other

    def factors(self) -> Mapping[str, Scalar]:
        return {"model": self.weights.label, **self.examples.domain.factors()}

    def cost(self, probe: CostProbe) -> CostLine:
        words = [example.problem for example in probe.sample(self.examples)]
        return probe.read(self, self.weights, self.examples.n * probe.tokens(words))

    def measure(self, work: Work) -> Iterator[Mapping[str, Scalar]]:
        examples = load_examples(work.output(self.examples))
        scores = work.model(self.weights).score_texts([example.problem for example in examples])
        for example, score in zip(examples, scores, strict=True):
            yield {"word": example.problem, "nats": -score.logprob}
