"""The contract of a method: how a model learns from the training domain."""

from abc import ABC, abstractmethod
from typing import Any, ClassVar, Literal, NamedTuple, TypeAlias

from offdiag.errors import UserError
from offdiag.identity import Identity
from offdiag.models.chat_settings import AS_THE_TEMPLATE, ChatSettings
from offdiag.models.sampling import Sampling
from offdiag.registry import Registry
from offdiag.steps import (
    Context,
    Examples,
    Generations,
    LoglikelihoodChoices,
    ModelOutputs,
    Normalisation,
    Probe,
    ProbeChoices,
    Weights,
)
from offdiag.tasks import Domain, PromptStyle, Scalar

Answering: TypeAlias = Literal["generation", "choice"]


class Predictor(NamedTuple):
    """The result of a method: the weights that answer, and the context before each question.

    ``probe``, if there is one, chooses the answers by the hidden states of the weights.
    """

    weights: Weights
    context: Context | None = None
    probe: Probe | None = None

    def outputs(
        self,
        examples: Examples,
        style: PromptStyle,
        answering: Answering,
        max_new_tokens: int,
        *,
        per: Normalisation = "none",
        chat: ChatSettings = AS_THE_TEMPLATE,
        system: str = "",
        sampling: Sampling | None = None,
    ) -> ModelOutputs:
        """Return the step that has it answer the examples.

        Raises:
            UserError: a probe is to write answers, or to choose otherwise than by its score on the usual turn.
        """
        shared: dict[str, Any] = {
            "weights": self.weights, "examples": examples, "context": self.context, "style": style, "chat": chat,
            "system": system,
        }  # fmt: skip
        if self.probe is not None:
            if answering != "choice":
                raise UserError(
                    f"a probe cannot write an answer to {examples.domain}: evaluate with answering='choice'"
                )
            if per != "none" or chat != AS_THE_TEMPLATE or system:
                raise UserError(
                    f"a probe chooses by its own score of hidden states: leave per, chat and system out of "
                    f"{examples.domain}, and give the chat to its model"
                )
            return ProbeChoices(**shared, probe=self.probe)
        if answering == "choice":
            return LoglikelihoodChoices(**shared, per=per)
        return Generations(**shared, max_new_tokens=max_new_tokens, sampling=sampling)


class Method(Identity, ABC):
    """Base of all methods. The fields of a method are part of identities.

    Attributes:
        method: the name in tables.
    """

    method: ClassVar[str]

    @abstractmethod
    def predictor(self, model: Weights, train: Domain | None, seed: int) -> Predictor:
        """Return what the method makes of ``model`` with a training domain and a seed.

        Raises:
            UserError: the method needs a training domain and got none, or got one that it cannot use.
        """

    @property
    def taught_style(self) -> PromptStyle | None:
        """The wording of training questions and demonstrations; None where there are none."""
        return None

    def factors(self) -> dict[str, Scalar]:
        """Return the columns of the results table that describe the method."""
        return {}


def data_seed_of(data_seed: int | None, seed: int) -> int:
    """Return the seed of the training data: ``data_seed``, or where it is None the arm's own seed."""
    return seed if data_seed is None else data_seed


METHODS = Registry[type[Method]]("method", "offdiag.methods", Method, named_by="method")


def default_style(*, rationale: bool) -> PromptStyle:
    """Return the wording of a training question that fits its response: step-by-step with a rationale."""
    return "step-by-step" if rationale else "direct"
