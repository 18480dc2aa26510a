"""The contract of a method: how a model meets the training domain."""

from abc import ABC, abstractmethod
from typing import Any, ClassVar, Literal, NamedTuple, TypeAlias

from offdiag.errors import UserError
from offdiag.identity import Identity
from offdiag.registry import Registry
from offdiag.steps import (
    Context,
    Examples,
    Generations,
    LoglikelihoodChoices,
    ModelOutputs,
    Probe,
    ProbeChoices,
    Weights,
)
from offdiag.tasks import Domain, PromptStyle, Scalar

Answering: TypeAlias = Literal["generation", "choice"]


class Predictor(NamedTuple):
    """What a method makes of a model: the weights that answer and what stands before each question.

    ``probe``, if there is one, chooses the answers by the hidden states of the weights.
    """

    weights: Weights
    context: Context | None = None
    probe: Probe | None = None

    def outputs(
        self, examples: Examples, style: PromptStyle, answering: Answering, max_new_tokens: int
    ) -> ModelOutputs:
        """The step in which it answers.

        Raises:
            UserError: a probe is asked to write.
        """
        shared: dict[str, Any] = {
            "weights": self.weights, "examples": examples, "context": self.context, "style": style
        }  # fmt: skip
        if self.probe is not None:
            if answering != "choice":
                raise UserError(
                    f"a probe cannot write an answer to {examples.domain}: evaluate with answering='choice'"
                )
            return ProbeChoices(**shared, probe=self.probe)
        if answering == "choice":
            return LoglikelihoodChoices(**shared)
        return Generations(**shared, max_new_tokens=max_new_tokens)


class Method(Identity, ABC):
    """How a model meets the training domain. Its fields are identity; one file a method.

    Attributes:
        method: the name in tables.
    """

    method: ClassVar[str]

    @abstractmethod
    def predictor(self, model: Weights, train: Domain | None, seed: int) -> Predictor:
        """The learner that this method makes of ``model``, from the training domain and a seed.

        Raises:
            UserError: the method needs a training domain and got none, or the other way round.
        """

    @property
    def taught_style(self) -> PromptStyle | None:
        """The wording of the questions that it teaches or shows; None where it teaches nothing."""
        return None

    def factors(self) -> dict[str, Scalar]:
        """The fields that become columns of the results table."""
        return {}


METHODS = Registry[type[Method]]("method", "offdiag.methods", Method, named_by="method")


def default_style(*, rationale: bool) -> PromptStyle:
    """The wording of a taught question that asks for what its response does."""
    return "step-by-step" if rationale else "direct"
