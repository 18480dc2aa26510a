"""Base of the counters of inference and training costs: sampled prompts, token counts and model sizes."""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from offdiag.cost import tokens as counting
from offdiag.cost.prompt_sample import PromptSample
from offdiag.cost.sizes import Size, Sizes
from offdiag.runtime import Runtime
from offdiag.steps import Examples, Step, Weights
from offdiag.steps.cost import Counted
from offdiag.tasks import Example

T = TypeVar("T")


@dataclass
class Counter:
    """Base of cost counters: the methods of :class:`offdiag.steps.CostProbe` that inference and training share.

    Attributes:
        work: stands in for the engine and makes the prompts. runtime: its token budget fills the batches.
        sizes: of the models, with a note for each that is not known.
    """

    work: PromptSample
    runtime: Runtime
    sizes: Sizes = field(default_factory=Sizes)
    _made: dict[Hashable, Any] = field(default_factory=dict)

    def sample(self, examples: Examples) -> list[Example]:
        """Return the first few of the examples."""
        return self.work.sample(examples)

    def once(self, key: Hashable, make: Callable[[], T]) -> T:
        """Return the result of ``make``, computed once per key."""
        if key not in self._made:
            self._made[key] = make()
        found: T = self._made[key]
        return found

    def tokens(self, texts: Sequence[str]) -> float:
        """Return the mean number of tokens of at least one text."""
        return counting.mean_length(self.work.split(texts))

    def prompt_tokens(self, weights: Weights, prompts: Sequence[str]) -> list[int]:
        """Return the number of tokens of each user turn with the chat template of the model."""
        template = sum(self.sizes.counted(weights).chat)
        return [template + len(prompt) for prompt in self.work.split(prompts)]

    def layers(self, weights: Weights) -> int | None:
        """Return the number of a model's layers; None where its shape is not known."""
        shape = self.sizes.counted(weights).shape
        return None if shape is None else shape.layers

    def note(self, text: str) -> None:
        """Add a line to the notes of the estimate, once."""
        self.sizes.notes[text] = None

    def check_fits(
        self, step: Step, weights: Weights, items: Sequence[Example], tokens: Sequence[int], remedy: str
    ) -> None:
        """Check that the context of a model holds so many tokens for each item.

        Raises:
            UserError: it cannot.
        """
        counting.check_fits(step, items, tokens, self.sizes.counted(weights), remedy)

    def operations(self, model: Counted, per_weight: int, tokens: float) -> float | None:
        """Return the floating-point operations for so many tokens; None where the size is not known."""
        return operations(self.sizes.counted(model), per_weight, tokens)


def operations(size: Size, per_weight: int, tokens: float) -> float | None:
    """Return the floating-point operations for so many tokens; None where the size is not known."""
    return None if size.active is None else per_weight * size.active * tokens
