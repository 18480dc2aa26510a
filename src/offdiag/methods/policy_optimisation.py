"""Group-relative policy optimisation (GRPO): an adapter is trained by the grades of its own sampled answers."""

import time
from collections.abc import Sequence
from typing import ClassVar

from pydantic import Field

from offdiag.errors import UserError
from offdiag.identity import Json
from offdiag.methods.method import Method, Predictor, data_seed_of
from offdiag.steps import CostLine, CostProbe, Examples, Trained, Weights, Work, load_examples
from offdiag.steps.examples import check_rows
from offdiag.steps.model_outputs import ideal_responses
from offdiag.tasks import Domain, Example, PromptStyle, Scalar, get_task, graded
from offdiag.tasks.content import graded_identity
from offdiag.training import Recipe, Reinforcement
from offdiag.training.recipe import check_numbers, check_optimizer
from offdiag.training.reinforcement import POLICY_RECIPE, Judge, RLTask, Verdict, check_recipe, check_trl

FEWER_TOKENS = "use a smaller max_new_tokens or a model with a longer context"


class PolicyOptimised(Trained):
    """The adapter after GRPO on the questions of a set of examples, with the task's grader as the reward.

    The grader is part of the identity, since another one gives other rewards.

    Attributes:
        start: the model. examples: the questions. style: wording of the questions.
        recipe: adapter, optimiser, schedule; its batch size is the number of questions per round.
        reinforcement: the objective and the sampling.
        seed: of the order, the adapter's start and the sampled answers.
    """

    tag: ClassVar[str] = "policy-optimised"
    start: Weights
    examples: Examples
    style: PromptStyle
    recipe: Recipe
    reinforcement: Reinforcement
    seed: int

    @property
    def name(self) -> str:
        asked = self.examples
        return f"{self.start.label}.{self.recipe.adapter}.grpo.{self.style}.{asked.domain}.n{asked.n}.s{self.seed}"

    @property
    def group(self) -> str:
        return f"train on {self.start.base_key}"

    @property
    def base(self) -> Weights:
        return self.start

    @property
    def adapter_recipe(self) -> Recipe:
        return self.recipe

    @property
    def rationale(self) -> bool:
        """Whether the question asks for a worked solution."""
        return self.style == "step-by-step"

    def canonical(self) -> dict[str, Json]:
        asked = self.examples
        return {
            **super().canonical(),
            **asked.worded(self.style),
            **graded_identity(asked.domain),
            **self.start.rendering("asked"),
        }

    def check(self) -> None:
        super().check()
        check_numbers(self.start.spec, self.recipe)
        self.start.check_template()
        if metric := get_task(self.examples.domain.task).metric(self.examples.domain):
            raise UserError(
                f"{self.name} rewards right answers, and {metric} is not right or wrong: give another grader"
            )
        check_rows(self.start, self.examples, self.style)

    def require(self) -> None:
        super().require()
        check_trl()
        check_optimizer(self.recipe)

    def cost(self, probe: CostProbe) -> CostLine:
        """Count the sampling of completions, their reading by reference and old policy, and the training on them."""
        items, recipe, how = probe.sample(self.examples), self.recipe, self.reinforcement
        asked = probe.prompt_tokens(self.start, self.rl_task(items).prompts)
        most, prompt = how.max_new_tokens, sum(asked) / len(asked)
        probe.check_fits(self, self.start, items, [tokens + most for tokens in asked], FEWER_TOKENS)
        probe.hold_training(self.start, recipe, round(prompt) + most)
        responses = ideal_responses(probe, self.examples, rationale=self.rationale)
        expected = min(most, probe.tokens(responses) + 1)  # with the end token
        completions = recipe.updates(self.examples.n) * recipe.batch_size * how.group_size
        # Sampling reads each token once; so do the reference (if kl > 0) and, with a second pass, the old policy.
        readings = 2 * (1 + (how.kl > 0) + (how.passes > 1))
        per_weight = readings + how.passes * probe.train_operations(self.start, recipe)
        return CostLine(
            kind=self.kind,
            prompt_tokens=round(completions * prompt),
            prefill_tokens=round(completions * prompt),
            generated_expected=round(completions * expected),
            generated_most=completions * most,
            trained_tokens=round(how.passes * completions * (prompt + expected)),
            flops_expected=probe.operations(self.start, per_weight, completions * (prompt + expected)),
            flops_most=probe.operations(self.start, per_weight, completions * (prompt + most)),
        )

    def run(self, work: Work) -> dict[str, Json]:
        from offdiag.training.policy import optimise_policy

        started = time.monotonic()
        examples = load_examples(work.output(self.examples))
        summary = optimise_policy(
            self.start.spec,
            self.start.location(work),
            self.rl_task(examples),
            folder=work.folder,
            runtime=work.runtime,
            on_progress=work.progress,
        )
        return {**summary, "seconds": round(time.monotonic() - started, 3)}

    def rl_task(self, examples: Sequence[Example]) -> RLTask:
        """Return the questions of ``examples`` with the grader of their task, for the optimisation."""
        domain = self.examples.domain
        task = get_task(domain.task)
        return RLTask(
            prompts=[task.prompt(domain, example, self.style) for example in examples],
            judge=judge_of(domain, examples),
            recipe=self.recipe,
            how=self.reinforcement,
            seed=self.seed,
        )


def judge_of(domain: Domain, examples: Sequence[Example]) -> Judge:
    """Return the task's grader as a function of an example's index and a completion."""
    task = get_task(domain.task)

    def judge(index: int, completion: str) -> Verdict:
        grade = graded(task, domain, examples[index], completion)
        if grade.status == "ungraded":
            raise UserError(
                f"{domain}: the grader failed on an answer to {task.place(domain, 'train', examples[index])} "
                f"({'; '.join(grade.flags)}): a reward cannot be made of that; mend the grader"
            )
        return Verdict(parsed=grade.status == "parsed", correct=grade.correct)

    return judge


class PolicyOptimisation(Method):
    """Reinforcement learning on the questions of ``n`` examples of the training domain (GRPO; needs the extra ``rl``).

    The reward of a sampled answer is 1 if the task's grader finds it right, and ``format_reward`` if an answer can at
    least be parsed. The model does not see the examples' own answers.

    Attributes:
        n: training examples, the first ``n`` that fine-tuning would get.
        style: wording of the questions.
        recipe: adapter (``lora``, ``qlora``; without dropout), optimiser and schedule; ``batch_size`` is the
            number of questions per round, and ``epochs`` or ``max_updates`` set the number of rounds.
        reinforcement: group size, sampling, clipping, reference, see :class:`offdiag.training.Reinforcement`.
        data_seed: of the drawn examples. None is the arm's seed, so that arms of several seeds differ in their data;
            with a number all of them learn from the same examples, and their seeds are those of the training alone.
    """

    tag: ClassVar[str] = "policy-optimisation"
    method: ClassVar[str] = "policy-optimisation"
    n: int = Field(ge=1)
    style: PromptStyle = "step-by-step"
    recipe: Recipe = POLICY_RECIPE
    reinforcement: Reinforcement = Reinforcement()
    data_seed: int | None = 0

    def predictor(self, model: Weights, train: Domain | None, seed: int) -> Predictor:
        if train is None:
            raise UserError("policy optimisation needs a training domain: set train=")
        check_recipe(self.recipe)
        if self.recipe.adapter == "qlora" and model.spec.quantization == "none":
            model = model.model_copy(update={"spec": model.spec.model_copy(update={"quantization": "nf4"})})
        self.recipe.updates(self.n)
        trained = PolicyOptimised(
            start=model,
            examples=Examples(domain=train, split="train", n=self.n, seed=data_seed_of(self.data_seed, seed)),
            style=self.style,
            recipe=self.recipe,
            reinforcement=self.reinforcement,
            seed=seed,
        )
        return Predictor(model.model_copy(update={"trained": trained}))

    @property
    def taught_style(self) -> PromptStyle:
        return self.style

    def factors(self) -> dict[str, Scalar]:
        group = self.reinforcement.group_size
        data = {} if self.data_seed == 0 else {"data_seed": self.data_seed}
        return {"adapter": self.recipe.adapter, "n_train": self.n, **data, "group_size": group}
