"""A method that trains: it teaches to copy the word, a control for what the format of the answers alone does."""

import time
from collections.abc import Sequence
from typing import ClassVar

from pydantic import Field

from offdiag.errors import UserError
from offdiag.identity import Json
from offdiag.methods import Method, Predictor, Recipe
from offdiag.steps import CostLine, CostProbe, Examples, Trained, Weights, Work, load_examples
from offdiag.tasks import Domain, Example, Scalar, get_task


class CopyTuned(Trained):
    """The step: an adapter that has learnt to answer with the word as it was asked."""

    tag: ClassVar[str] = "letters-copy-tuned"
    start: Weights
    examples: Examples
    recipe: Recipe
    seed: int

    @property
    def name(self) -> str:
        return f"{self.start.label}.copy.{self.examples.domain.short}.n{self.examples.n}.s{self.seed}"

    @property
    def group(self) -> str:
        return f"train on {self.start.base_key}"  # steps of one group follow each other

    @property
    def base(self) -> Weights:
        return self.start  # what the adapter is put on; without this the folder would be taken for a whole model

    @property
    def adapter_recipe(self) -> Recipe:
        return self.recipe

    def canonical(self) -> dict[str, Json]:
        # Other words of the question make another training, although no field says so.
        return {**super().canonical(), **self.examples.worded("direct")}

    def cost(self, probe: CostProbe) -> CostLine:
        items = probe.sample(self.examples)
        prompts, responses = zip(*self._taught(items), strict=True)
        return probe.fine_tune(self, self.start, self.recipe, prompts, responses, items=items, n=self.examples.n)

    def run(self, work: Work) -> dict[str, Json]:
        from offdiag.training.supervised import fine_tune  # loads torch, so only when the step runs

        started = time.monotonic()
        summary = fine_tune(
            self.start.spec,
            self.start.location(work),
            self._taught(load_examples(work.output(self.examples))),
            self.recipe,
            seed=self.seed,
            folder=work.folder,
            runtime=work.runtime,
            response_prefix=get_task(self.examples.domain.task).response_prefix,
            on_progress=work.progress,
        )
        return {**summary, "seconds": round(time.monotonic() - started, 3)}

    def _taught(self, examples: Sequence[Example]) -> list[tuple[str, str]]:
        domain = self.examples.domain
        return [(get_task(domain.task).prompt(domain, example, "direct"), example.problem) for example in examples]


class CopyTuning(Method):
    """Fine-tuning on ``n`` words of the training domain that are not to be turned round."""

    tag: ClassVar[str] = "letters-copy-tuning"
    method: ClassVar[str] = "copy-tuning"
    n: int = Field(ge=1)
    recipe: Recipe = Recipe()

    def predictor(self, model: Weights, train: Domain | None, seed: int) -> Predictor:
        if train is None:
            raise UserError("copy-tuning needs a training domain: set train=")
        words = Examples(domain=train, split="train", n=self.n)
        trained = CopyTuned(start=model, examples=words, recipe=self.recipe, seed=seed)
        return Predictor(model.model_copy(update={"trained": trained}))

    def factors(self) -> dict[str, Scalar]:
        return {"n_train": self.n}
