"""Fine-tuning: LoRA, full, or QLoRA on the training domain's ideal responses, loss on the response only."""

import time
from pathlib import Path
from typing import ClassVar

from pydantic import Field

from offdiag.errors import UserError
from offdiag.identity import Json
from offdiag.methods.method import Learner, Method, default_style
from offdiag.methods.proxy import Proxy, ProxyExamples
from offdiag.steps import Examples, Trained, Weights, Work, load_examples
from offdiag.tasks import Domain, PromptStyle, Scalar, get_task
from offdiag.training import Recipe


class FineTuned(Trained):
    """The weights that a recipe makes of a model and a set of examples.

    Attributes:
        start: the pretrained model. examples: what is taught. rationale: whether the taught response works it out.
        style: wording of the questions. recipe: hyper-parameters. seed: of the order and the adapter's start.
        proxy: what takes part beside the examples, and how.
    """

    added: ClassVar[frozenset[str]] = frozenset({"proxy"})
    start: Weights
    examples: Examples
    rationale: bool
    style: PromptStyle
    recipe: Recipe
    seed: int
    proxy: ProxyExamples | None = None

    @property
    def name(self) -> str:
        response = "rationale" if self.rationale else "answer-only"
        asked = "" if self.style == default_style(rationale=self.rationale) else f".{self.style}"
        return f"{self.start.label}.{self.recipe.adapter}.{response}{asked}.{self.lesson}"

    @property
    def lesson(self) -> str:
        taught = self.examples
        beside = "" if self.proxy is None else f".beside.{self.proxy.label}"
        drawn = f".d{taught.seed}" if taught.seed else ""
        return f"{taught.domain.short}.n{taught.n}{beside}{drawn}.s{self.seed}"

    @property
    def group(self) -> str:
        return f"train on {self.start.base_key}"

    @property
    def base(self) -> Weights | None:
        return None if self.recipe.adapter == "full" else self.start

    @property
    def snapshots(self) -> tuple[int, ...]:
        return self.recipe.snapshots

    @property
    def updates(self) -> int:
        """Updates of the whole training."""
        return self.recipe.updates(self.rows)

    @property
    def rows(self) -> int:
        """Rows of an epoch."""
        n, proxy = self.examples.n, self.proxy
        return n if proxy is None else proxy.strategy.rows(n, proxy.examples.n)

    def canonical(self) -> dict[str, Json]:
        return {**super().canonical(), "prompt_version": get_task(self.examples.domain.task).prompt_version}

    def run(self, work: Work) -> dict[str, Json]:
        from offdiag.training.supervised import Beside, fine_tune

        started = time.monotonic()
        proxy = None
        if self.proxy is not None:
            taught = self.proxy.examples
            proxy = Beside(self._worded(taught.domain, work.output(taught)), self.proxy.strategy)
        summary = fine_tune(
            self.start.spec,
            self.start.location(work),
            self.conversations(work.output(self.examples)),
            self.recipe,
            seed=self.seed,
            folder=work.folder,
            runtime=work.runtime,
            proxy=proxy,
            on_progress=work.progress,
        )
        return {**summary, "seconds": round(time.monotonic() - started, 3)}

    def conversations(self, examples: Path) -> list[tuple[str, str]]:
        """What is taught, (user's turn, response) each, from the folder of the drawn examples."""
        return self._worded(self.examples.domain, examples)

    def _worded(self, domain: Domain, examples: Path) -> list[tuple[str, str]]:
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
        proxy: examples of another domain that take part, and by which strategy; the arm's ``train`` stays the task's.
    """

    tag: ClassVar[str] = "fine-tuning"
    method: ClassVar[str] = "fine-tuning"
    n: int = Field(ge=1)
    rationale: bool = False
    recipe: Recipe = Recipe()
    style: PromptStyle | None = None
    data_seed: int = 0
    proxy: Proxy | None = None

    def learner(self, model: Weights, train: Domain | None, seed: int) -> Learner:
        if train is None:
            raise UserError("fine-tuning needs a training domain: set train=")
        if self.proxy is not None and self.proxy.domain == train:
            raise UserError(f"fine-tuning on {train} with a proxy of the same domain: give the proxy another one")
        if self.recipe.adapter == "qlora" and model.spec.quantization == "none":
            model = model.model_copy(update={"spec": model.spec.model_copy(update={"quantization": "nf4"})})
        trained = FineTuned(
            start=model,
            examples=Examples(domain=train, split="train", n=self.n, seed=self.data_seed),
            rationale=self.rationale,
            style=self.taught_style,
            recipe=self.recipe,
            seed=seed,
            proxy=self.proxy and self.proxy.drawn(self.data_seed),
        )
        trained.recipe.updates(trained.rows)
        return Learner(model.model_copy(update={"trained": trained}))

    @property
    def taught_style(self) -> PromptStyle:
        return self.style or default_style(rationale=self.rationale)

    def factors(self) -> dict[str, Scalar]:
        proxy = {} if self.proxy is None else self.proxy.factors()
        data = {"n_train": self.n, "data_seed": self.data_seed}
        return {"adapter": self.recipe.adapter, "rationale": self.rationale, **data, **proxy}
