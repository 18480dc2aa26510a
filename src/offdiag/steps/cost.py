"""Costs of steps, and the questions by which a step estimates its own; neither torch nor a tokenizer loads."""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TypeAlias, TypeVar, Union

from offdiag.tasks import Example
from offdiag.training import Recipe

if TYPE_CHECKING:
    from offdiag.steps.examples import Examples
    from offdiag.steps.step import Step, Work
    from offdiag.steps.weights import Weights

T = TypeVar("T")

# A model: weights, or the number of parameters of one that the engine does not load.
Counted: TypeAlias = Union["Weights", int]


@dataclass(frozen=True, kw_only=True)
class CostLine:
    """The cost of one or more steps of a kind; tokens are estimates, see :mod:`offdiag.cost.tokens`.

    Attributes:
        kind: of the steps, as in the store. steps: their number.
        prompt_tokens: of all prompts and choices. prefill_tokens: those that are computed, since a shared prefix is
            computed once. read_tokens: those of prefill_tokens in steps that generate nothing.
        generated_expected: new tokens if every answer is as long as the ideal one.
        generated_most: new tokens if no answer ends before ``max_new_tokens``.
        passes_expected, passes_most: passes that make one token of each row of a batch, for as many new tokens.
        trained_tokens: tokens of all optimiser steps, counted each time they are seen.
        flops_expected, flops_most: floating-point operations for as many new tokens; None where the size of a model
            is not known.
    """

    kind: str
    steps: int = 1
    prompt_tokens: int = 0
    prefill_tokens: int = 0
    read_tokens: int = 0
    generated_expected: int = 0
    generated_most: int = 0
    passes_expected: int = 0
    passes_most: int = 0
    trained_tokens: int = 0
    flops_expected: float | None = 0.0
    flops_most: float | None = 0.0

    def __add__(self, other: "CostLine") -> "CostLine":
        def both(mine: float | None, theirs: float | None) -> float | None:
            return None if mine is None or theirs is None else mine + theirs

        return CostLine(
            kind=self.kind,
            steps=self.steps + other.steps,
            prompt_tokens=self.prompt_tokens + other.prompt_tokens,
            prefill_tokens=self.prefill_tokens + other.prefill_tokens,
            read_tokens=self.read_tokens + other.read_tokens,
            generated_expected=self.generated_expected + other.generated_expected,
            generated_most=self.generated_most + other.generated_most,
            passes_expected=self.passes_expected + other.passes_expected,
            passes_most=self.passes_most + other.passes_most,
            trained_tokens=self.trained_tokens + other.trained_tokens,
            flops_expected=both(self.flops_expected, other.flops_expected),
            flops_most=both(self.flops_most, other.flops_most),
        )


class CostProbe(Protocol):
    """Questions by which a step estimates its cost; :mod:`offdiag.cost` answers them.

    A step makes a small sample of its prompts and names the query that it sends to its model: ``generate``,
    ``score``, ``read`` or ``fine_tune``. Tokens, shared beginnings, operations and memory are counted for it. A step
    that does something else builds its own :class:`CostLine` from the verbs that follow these four.
    """

    @property
    def work(self) -> "Work":
        """A stand-in for the engine: it has examples, but no model and no result of another step."""

    def sample(self, examples: "Examples") -> list[Example]:
        """Return the first few of the examples; the others are assumed to be as long."""

    def once(self, key: Hashable, make: Callable[[], T]) -> T:
        """Return what ``make`` returns, computed once per key, however many steps ask for it."""

    def tokens(self, texts: Sequence[str]) -> float:
        """Return the mean number of tokens of one text or more, to within a few per cent."""

    def generate(
        self,
        step: "Step",
        weights: "Weights",
        prompts: Sequence[str],
        responses: Sequence[str],
        *,
        items: Sequence[Example],
        n: int,
        max_new_tokens: int,
        samples: int = 1,
    ) -> CostLine:
        """Count generated answers.

        Args:
            step: the step that asks. weights: of the model. prompts: a sample of the user turns. responses: ideal ones.
            items: examples of the prompts, for the message where one is too long. n: number of prompts in all.
            max_new_tokens: longest answer. samples: answers to each prompt, which is read once for all of them.

        Raises:
            UserError: a prompt with its answer is longer than the model's context.
        """

    def score(
        self,
        step: "Step",
        weights: "Weights",
        prompts: Sequence[str],
        choices: Sequence[Sequence[str]],
        *,
        items: Sequence[Example],
        n: int,
        every_token: bool = False,
        whole: bool = False,
    ) -> CostLine:
        """Count prompts that are read once, each followed by its choices.

        Args:
            step, weights, prompts, items, n: as for :meth:`generate`. choices: of each prompt.
            every_token: the last token of a choice is read, too, for its hidden state.
            whole: a server is sent each choice whole, and the prompt without any.

        Raises:
            UserError: a prompt with its choices is longer than the model's context.
        """

    def read(self, step: "Step", model: Counted, tokens: float) -> CostLine:
        """Count tokens of texts that a model reads as they are, without a chat template."""

    def fine_tune(
        self,
        step: "Step",
        start: "Weights",
        recipe: Recipe,
        prompts: Sequence[str],
        responses: Sequence[str],
        *,
        items: Sequence[Example],
        n: int,
        choices: Sequence[Sequence[str]] = (),
    ) -> CostLine:
        """Count a training on prompts and responses, each time they are seen.

        Args:
            step: the step that asks. start: the weights before. recipe: of the training.
            prompts, responses: a sample of the training data. items: their examples. n: examples of an epoch.
            choices: of each prompt, where the loss compares them instead of learning the response.

        Raises:
            UserError: a prompt with its response is longer than the model's context.
        """

    def prompt_tokens(self, weights: "Weights", prompts: Sequence[str]) -> list[int]:
        """Return the number of tokens of each user turn with the chat template of the model."""

    def layers(self, weights: "Weights") -> int | None:
        """Return the number of a model's layers (blocks); None where it is not known."""

    def note(self, text: str) -> None:
        """Add a line to what a reader of the estimate must know, once however many steps do."""

    def check_fits(
        self, step: "Step", weights: "Weights", items: Sequence[Example], tokens: Sequence[int], remedy: str
    ) -> None:
        """Check that the context of a model holds so many tokens for each item.

        Raises:
            UserError: it does not; the message names the item and ends in the remedy.
        """

    def operations(self, model: Counted, per_weight: int, tokens: float) -> float | None:
        """Return the operations for so many tokens (2 per weight to read one); None if the size is unknown."""

    def train_operations(self, start: "Weights", recipe: Recipe) -> int:
        """Return floating-point operations per weight and token that a training sees."""

    def hold_training(self, start: "Weights", recipe: Recipe, longest: int) -> None:
        """Count the memory of a training whose longest row has so many tokens."""
