"""Fine-tuning: LoRA, full, or QLoRA on the training domain's ideal responses, loss on the response only."""

import time
from pathlib import Path
from typing import ClassVar

from pydantic import Field

from offdiag.errors import UserError
from offdiag.identity import Json
from offdiag.methods.method import Learner, Method, default_style
from offdiag.steps import Examples, Trained, Weights, Work, load_examples
from offdiag.tasks import Domain, PromptStyle, Scalar, get_task
from offdiag.training import Recipe


class FineTuned(Trained):
    """The weights that a recipe makes of a model and a set of examples.

    Attributes:
        start: the pretrained model. examples: what is taught. rationale: whether the taught response works it out.
        style: wording of the questions. recipe: hyper-parameters. seed: of the order and the adapter's start.
    """

    start: Weights
    examples: Examples
    rationale: bool
    style: PromptStyle
    recipe: Recipe
    seed: int

    @property
    def name(self) -> str:
        taught = self.examples
        response = "rationale" if self.rationale else "answer-only"
        asked = "" if self.style == default_style(rationale=self.rationale) else f".{self.style}"
        return f"{self.start.label}.{self.recipe.adapter}.{response}{asked}.{taught.domain}.n{taught.n}.s{self.seed}"

    @property
    def group(self) -> str:
        return f"train on {self.start.base_key}"

    @property
    def base(self) -> Weights | None:
        return None if self.recipe.adapter == "full" else self.start

    def canonical(self) -> dict[str, Json]:
        return {**super().canonical(), "prompt_version": get_task(self.examples.domain.task).prompt_version}

    def run(self, work: Work) -> dict[str, Json]:
        from offdiag.training.supervised import fine_tune

        started = time.monotonic()
        summary = fine_tune(
            self.start.spec,
            self.start.location(work),
            self.conversations(work.output(self.examples)),
            self.recipe,
            seed=self.seed,
            folder=work.folder,
            runtime=work.runtime,
            on_progress=work.progress,
        )
        return {**summary, "seconds": round(time.monotonic() - started, 3)}

    def conversations(self, examples: Path) -> list[tuple[str, str]]:
        """What is taught, (user's turn, response) each, from the folder of the drawn examples."""
        domain = self.examples.domain
        task = get_task(domain.task)
        return [
            (task.prompt(domain, example, self.style), task.response(domain, example, rationale=self.rationale))
            for example in load_examples(examples)
        ]


class FineTuning(Method):
    """Supervised fine-tuning on ``n`` examples of the training domain.

    Attributes:
        n: training examples. rationale: teach worked solutions instead of bare answers.
        recipe: adapter (``lora``, ``full``, ``qlora``) and hyper-parameters.
        style: wording of the questions; by default step-by-step with a rationale and direct without.
        data_seed: of the drawn examples, apart from the arm's seed, which is that of the training.
    """

    tag: ClassVar[str] = "fine-tuning"
    method: ClassVar[str] = "fine-tuning"
    n: int = Field(ge=1)
    rationale: bool = False
    recipe: Recipe = Recipe()
    style: PromptStyle | None = None
    data_seed: int = 0

    def learner(self, model: Weights, train: Domain | None, seed: int) -> Learner:
        if train is None:
            raise UserError("fine-tuning needs a training domain: set train=")
        if self.recipe.adapter == "qlora" and model.spec.quantization == "none":
            model = model.model_copy(update={"spec": model.spec.model_copy(update={"quantization": "nf4"})})
        self.recipe.updates(self.n)
        trained = FineTuned(
            start=model,
            examples=Examples(domain=train, split="train", n=self.n, seed=self.data_seed),
            rationale=self.rationale,
            style=self.taught_style,
            recipe=self.recipe,
            seed=seed,
        )
        return Learner(model.model_copy(update={"trained": trained}))

    @property
    def taught_style(self) -> PromptStyle:
        return self.style or default_style(rationale=self.rationale)

    def factors(self) -> dict[str, Scalar]:
        return {"adapter": self.recipe.adapter, "rationale": self.rationale, "n_train": self.n}
