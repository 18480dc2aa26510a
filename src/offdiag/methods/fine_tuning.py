"""Fine-tuning: LoRA, full or QLoRA, on the ideal responses of the training domain; loss on the response only."""

import time
from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import ClassVar

from pydantic import Field

from offdiag.errors import UserError
from offdiag.identity import Json
from offdiag.methods.method import Method, Predictor, data_seed_of, default_style
from offdiag.methods.proxy import Proxy, ProxyExamples
from offdiag.models.chat_settings import AS_THE_TEMPLATE, ChatSettings
from offdiag.models.rendering import Rendered
from offdiag.steps import CostLine, CostProbe, Examples, Trained, Weights, Work, load_examples
from offdiag.steps.examples import check_choices, check_rows
from offdiag.steps.label_noise import noise_stream, with_label_noise
from offdiag.steps.model_outputs import ideal_responses
from offdiag.tasks import Domain, Example, PromptStyle, Scalar, get_task
from offdiag.training import Recipe
from offdiag.training.recipe import check_numbers, check_optimizer


class FineTuned(Trained):
    """The weights after fine-tuning a model on a set of examples.

    Attributes:
        start: the pretrained model. examples: training data. rationale: whether responses give worked solutions.
        style: wording of the questions. recipe: hyper-parameters. seed: of the order and the adapter's first weights.
        proxy: examples of another domain that take part, and how.
        noise: share of the examples that get a random answer, see :mod:`offdiag.steps.label_noise`.
        chat: settings of the model's chat template.
    """

    added: ClassVar[frozenset[str]] = frozenset({"proxy", "noise", "chat"})
    start: Weights
    examples: Examples
    rationale: bool
    style: PromptStyle
    recipe: Recipe
    seed: int
    proxy: ProxyExamples | None = None
    noise: float = 0.0
    chat: ChatSettings = AS_THE_TEMPLATE

    @cached_property
    def name(self) -> str:
        response = "rationale" if self.rationale else "answer-only"
        asked = "" if self.style == default_style(rationale=self.rationale) else f".{self.style}"
        return f"{self.start.label}.{self.recipe.adapter}.{response}{asked}.{self.training_label}"

    @cached_property
    def training_label(self) -> str:
        taught = self.examples
        beside = "" if self.proxy is None else f".beside.{self.proxy.label}"
        drawn = f".d{taught.seed}" if taught.seed else ""
        noise = f".noise{self.noise:g}" if self.noise else ""
        chat = f".{self.chat.label}" if self.chat.label else ""
        return f"{taught.domain.short}.n{taught.n}{noise}{beside}{drawn}{chat}.s{self.seed}"

    @property
    def group(self) -> str:
        return f"train on {self.start.base_key}"

    @property
    def base(self) -> Weights | None:
        return None if self.recipe.adapter == "full" else self.start

    @property
    def adapter_recipe(self) -> Recipe:
        return self.recipe

    @property
    def snapshots(self) -> tuple[int, ...]:
        return self.recipe.snapshots

    @property
    def updates(self) -> int:
        """Optimiser steps of the whole training."""
        return self.recipe.updates(self.rows)

    @property
    def rows(self) -> int:
        """Rows of an epoch."""
        n, proxy = self.examples.n, self.proxy
        return n if proxy is None else proxy.strategy.rows(n, proxy.examples.n)

    @property
    def response_prefix(self) -> str:
        """Text between a question and the response where the model has no chat template."""
        return get_task(self.examples.domain.task).reply_prefix(self.examples.domain)

    def canonical(self) -> dict[str, Json]:
        beside = {} if self.proxy is None else self.proxy.examples.worded(self.style, self.rationale)
        rendered = {"proxy_rendered": beside["rendered"]} if "rendered" in beside else {}
        replied: Rendered = "compared" if self.recipe.objective == "choices" else "taught"
        worded = {**self.examples.worded(self.style, self.rationale), **rendered}
        return {**super().canonical(), **worded, **self.start.rendering(replied)}

    def check(self) -> None:
        super().check()
        check_numbers(self.start.spec, self.recipe)
        self.start.check_template(self.chat)
        check_rows(self.start, self.examples, self.style, self.chat, rationale=self.rationale)
        if self.recipe.objective == "choices":
            check_choices(self.examples)

    def require(self) -> None:
        super().require()
        check_optimizer(self.recipe)

    def cost(self, probe: CostProbe) -> CostLine:
        items, domain = probe.sample(self.examples), self.examples.domain
        task = get_task(domain.task)
        return probe.fine_tune(
            self,
            self.start,
            self.recipe,
            [task.prompt(domain, item, self.style) for item in items],
            ideal_responses(probe, self.examples, rationale=self.rationale),
            items=items,
            n=self.rows,
            choices=[item.choices for item in items] if self.recipe.objective == "choices" else (),
        )

    def run(self, work: Work) -> dict[str, Json]:
        from offdiag.training.supervised import AuxiliaryData, fine_tune

        started = time.monotonic()
        proxy = None
        if self.proxy is not None:
            taught = self.proxy.examples
            worded = self._worded(taught.domain, load_examples(work.output(taught)))
            proxy = AuxiliaryData(worded, self.proxy.strategy, get_task(taught.domain.task).reply_prefix(taught.domain))
        examples = self.noised(work.output(self.examples))
        summary = fine_tune(
            self.start.spec,
            self.start.location(work),
            self._worded(self.examples.domain, examples),
            self.recipe,
            seed=self.seed,
            folder=work.folder,
            runtime=work.runtime,
            proxy=proxy,
            others=self.others(examples) if self.recipe.objective == "choices" else (),
            response_prefix=self.response_prefix,
            chat=self.chat,
            on_progress=work.progress,
        )
        return {**summary, "seconds": round(time.monotonic() - started, 3)}

    def conversations(self, examples: Path) -> list[tuple[str, str]]:
        """Return the training data as (user turn, response), from the folder of the drawn examples."""
        return self._worded(self.examples.domain, self.noised(examples))

    def noised(self, examples: Path) -> list[Example]:
        """Return the training examples with their label noise, from the folder of the drawn examples."""
        draws = noise_stream(self.examples.seed, self.examples.domain)
        return with_label_noise(load_examples(examples), self.noise, draws)

    def others(self, examples: Sequence[Example]) -> list[list[str]]:
        """Return, per example, the responses with each of its other choices."""
        domain, task = self.examples.domain, get_task(self.examples.domain.task)
        wrong = [[replace(e, target=choice) for choice in e.choices if choice != e.target] for e in examples]
        return [[task.response(domain, one, rationale=False) for one in own] for own in wrong]

    def _worded(self, domain: Domain, examples: Sequence[Example]) -> list[tuple[str, str]]:
        task = get_task(domain.task)
        return [
            (task.prompt(domain, example, self.style), task.response(domain, example, rationale=self.rationale))
            for example in examples
        ]


class FineTuning(Method):
    """Supervised fine-tuning on ``n`` examples of the training domain.

    Attributes:
        n: training examples. rationale: train on worked solutions instead of bare answers.
        recipe: adapter (``lora``, ``full``, ``qlora``) and hyper-parameters.
        style: wording of the questions; by default step-by-step with a rationale and direct without.
        data_seed: of the drawn examples. None is the arm's seed, so that arms of several seeds differ in their data;
            with a number all of them learn from the same examples, and their seeds are those of the training alone.
        proxy: examples of another domain that take part, and by which strategy; ``train`` of the arm stays the same.
        noise: probability that an example gets a random label, or the answer and rationale of another one.
        chat: settings of the model's chat template; evaluations have their own.
    """

    tag: ClassVar[str] = "fine-tuning"
    added: ClassVar[frozenset[str]] = frozenset({"noise", "chat"})
    method: ClassVar[str] = "fine-tuning"
    n: int = Field(ge=1)
    rationale: bool = False
    recipe: Recipe = Recipe()
    style: PromptStyle | None = None
    data_seed: int | None = 0
    proxy: Proxy | None = None
    noise: float = Field(default=0.0, ge=0, le=1)
    chat: ChatSettings = AS_THE_TEMPLATE

    def predictor(self, model: Weights, train: Domain | None, seed: int) -> Predictor:
        if train is None:
            raise UserError("fine-tuning needs a training domain: set train=")
        if self.proxy is not None and self.proxy.domain == train:
            raise UserError(f"fine-tuning on {train} with a proxy of the same domain: give the proxy another one")
        if self.recipe.objective == "choices" and (self.rationale or self.proxy is not None):
            raise UserError("fine-tuning with objective='choices' compares bare answers: leave out rationale and proxy")
        if self.recipe.adapter == "qlora" and model.spec.quantization == "none":
            model = model.model_copy(update={"spec": model.spec.model_copy(update={"quantization": "nf4"})})
        data_seed = data_seed_of(self.data_seed, seed)
        trained = FineTuned(
            start=model,
            examples=Examples(domain=train, split="train", n=self.n, seed=data_seed),
            rationale=self.rationale,
            style=self.taught_style,
            recipe=self.recipe,
            seed=seed,
            proxy=self.proxy and self.proxy.drawn(data_seed),
            noise=self.noise,
            chat=self.chat,
        )
        trained.recipe.updates(trained.rows)
        return Predictor(model.model_copy(update={"trained": trained}))

    @property
    def taught_style(self) -> PromptStyle:
        return self.style or default_style(rationale=self.rationale)

    def factors(self) -> dict[str, Scalar]:
        proxy = {} if self.proxy is None else self.proxy.factors()
        data = {"n_train": self.n, "data_seed": self.data_seed}
        taught = {"adapter": self.recipe.adapter, "rationale": self.rationale, **data, "noise": self.noise}
        return {**taught, **proxy, **self.chat.factors("taught_")}
