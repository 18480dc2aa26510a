"""The contract of a method: how a model meets the training domain."""

from abc import ABC, abstractmethod
from typing import ClassVar, NamedTuple

from offdiag.identity import Identity
from offdiag.steps import Context, Weights
from offdiag.tasks import Domain, PromptStyle, Scalar


class Learner(NamedTuple):
    """What a method makes of a model: the weights that answer and what stands before each question."""

    weights: Weights
    context: Context | None = None


class Method(Identity, ABC):
    """How a model meets the training domain. Its fields are identity; one file a method.

    Attributes:
        method: the name in tables.
    """

    method: ClassVar[str]

    @abstractmethod
    def learner(self, model: Weights, train: Domain | None, seed: int) -> Learner:
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


def default_style(*, rationale: bool) -> PromptStyle:
    """The wording of a taught question that asks for what its response does."""
    return "step-by-step" if rationale else "direct"
