"""What a package of somebody else adds: a measurement and a method that trains, which offdiag does not know."""

import time
from collections.abc import Iterator, Mapping
from typing import ClassVar

from offdiag.identity import Json
from offdiag.methods import Method, Predictor, Recipe
from offdiag.steps import CostLine, CostProbe, Examples, Measurement, Trained, Weights, Work, load_examples
from offdiag.tasks import Domain, Example, Scalar, get_task


class Surprise(Measurement):
    """One row per problem: how unlikely a model finds it, in nats."""

    tag: ClassVar[str] = "test-surprise"
    table: ClassVar[str] = "surprise"
    weights: Weights
    examples: Examples

    @property
    def name(self) -> str:
        return f"surprise.{self.weights.label}--{self.examples.domain.short}.n{self.examples.n}"

    @property
    def group(self) -> str:
        return self.weights.group

    def factors(self) -> Mapping[str, Scalar]:
        return {"model": self.weights.label}

    def cost(self, probe: CostProbe) -> CostLine:
        texts = [example.problem for example in probe.sample(self.examples)]
        return probe.read(self, self.weights, self.examples.n * probe.tokens(texts))

    def measure(self, work: Work) -> Iterator[Mapping[str, Scalar]]:
        examples = load_examples(work.output(self.examples))
        scores = work.model(self.weights).score_texts([example.problem for example in examples])
        for example, score in zip(examples, scores, strict=True):
            yield {"example": example.id, "nats": -score.logprob}


class UncountedSurprise(Surprise):
    """The same of an author who does not say what it costs."""

    tag: ClassVar[str] = "test-uncounted-surprise"

    def cost(self, probe: CostProbe) -> None:
        return None


class EchoTuned(Trained):
    """An adapter that has learnt to repeat the questions."""

    tag: ClassVar[str] = "test-echo-tuned"
    start: Weights
    examples: Examples
    recipe: Recipe
    seed: int

    @property
    def name(self) -> str:
        return f"{self.start.label}.echo.{self.examples.domain.short}.n{self.examples.n}.s{self.seed}"

    @property
    def group(self) -> str:
        return f"train on {self.start.base_key}"

    @property
    def base(self) -> Weights:
        return self.start

    @property
    def adapter_recipe(self) -> Recipe:
        return self.recipe

    def conversations(self, examples: list[Example]) -> list[tuple[str, str]]:
        task = get_task(self.examples.domain.task)
        return [(task.prompt(self.examples.domain, e, "direct"), e.problem) for e in examples]

    def cost(self, probe: CostProbe) -> CostLine:
        items = probe.sample(self.examples)
        prompts, responses = zip(*self.conversations(items), strict=True)
        return probe.fine_tune(
            self, self.start, self.recipe, prompts, responses, items=items, n=self.examples.n
        )  # fmt: skip

    def run(self, work: Work) -> dict[str, Json]:
        from offdiag.training.supervised import fine_tune

        started = time.monotonic()
        summary = fine_tune(
            self.start.spec,
            self.start.location(work),
            self.conversations(load_examples(work.output(self.examples))),
            self.recipe,
            seed=self.seed,
            folder=work.folder,
            runtime=work.runtime,
            on_progress=work.progress,
        )
        return {**summary, "seconds": round(time.monotonic() - started, 3)}


class EchoTuning(Method):
    """Teaches a model to repeat ``n`` questions."""

    tag: ClassVar[str] = "test-echo-tuning"
    method: ClassVar[str] = "echo-tuning"
    n: int
    recipe: Recipe

    def predictor(self, model: Weights, train: Domain | None, seed: int) -> Predictor:
        assert train is not None
        examples = Examples(domain=train, split="train", n=self.n)
        trained = EchoTuned(start=model, examples=examples, recipe=self.recipe, seed=seed)
        return Predictor(model.model_copy(update={"trained": trained}))
