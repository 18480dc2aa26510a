"""Cost of training: tokens and operations of each step, and the memory of each recipe."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from offdiag.cost.counter import Counter
from offdiag.cost.memory import Memory, training
from offdiag.cost.sizes import from_scratch, size_of
from offdiag.models import ModelSpec
from offdiag.models.limits import TRAINING_SHARE
from offdiag.runtime import runs_on_cpu
from offdiag.steps import Step, Weights
from offdiag.steps.cost import CostLine
from offdiag.tasks import Example
from offdiag.training import Recipe
from offdiag.training.recipe import on_quantised

SHORTER = "choose shorter examples or a model with a longer context"


@dataclass
class TrainingCost(Counter):
    """Counter of the cost of training, one step after the other; its methods are those of ``CostProbe``."""

    _batches: dict[tuple[ModelSpec, Recipe], int] = field(default_factory=dict)

    def training_memory(self) -> list[Memory]:
        """Return the memory of each recipe during training; recipes with equal needs are listed once."""
        on_cpu = runs_on_cpu(self.runtime)
        found = (
            training(spec, size_of(spec), recipe, batch_tokens=n, on_cpu=on_cpu)
            for (spec, recipe), n in self._batches.items()
        )
        return list(dict.fromkeys(found))

    def fine_tune(
        self,
        step: Step,
        start: Weights,
        recipe: Recipe,
        prompts: Sequence[str],
        responses: Sequence[str],
        *,
        items: Sequence[Example],
        n: int,
        choices: Sequence[Sequence[str]] = (),
    ) -> CostLine:
        """Count prompts with responses and end token, or with each of their choices, each time they are seen."""
        asked, answered = self.prompt_tokens(start, prompts), self.work.split(responses)
        lengths = [prompt + len(response) for prompt, response in zip(asked, answered, strict=True)]
        self.check_fits(step, start, items, lengths, SHORTER)
        prompt = sum(asked) / len(asked)
        if choices:
            compared = [[len(choice) for choice in self.work.split([f" {one}" for one in own])] for own in choices]
            length = sum(prompt * len(own) + sum(own) for own in compared) / len(compared)
        else:
            length = prompt + self.tokens(responses) + 1
        tokens = round(recipe.examples_seen(n) * length)
        self.hold_training(start, recipe, round(length))
        flops = self.operations(start, self.train_operations(start, recipe), tokens)
        return CostLine(kind=step.kind, trained_tokens=tokens, flops_expected=flops, flops_most=flops)

    def train_operations(self, start: Weights, recipe: Recipe) -> int:
        """Return the operations per weight and token of a forward and a backward pass (see ``cost.estimate``)."""
        return 6 if recipe.adapter == "full" or on_quantised(start.spec, recipe) else 4

    def hold_training(self, start: Weights, recipe: Recipe, longest: int) -> None:
        """Count the memory of a training whose longest row has so many tokens."""
        if from_scratch(start) is not None:
            return
        batch = max(start.spec.batch_budget(self.runtime) // TRAINING_SHARE, longest)
        self._batches[start.spec, recipe] = max(batch, self._batches.get((start.spec, recipe), 0))
