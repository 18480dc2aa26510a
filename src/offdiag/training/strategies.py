"""Strategies for proxy data in a training, which limit how far narrow training generalises.

T are the rows of the task, A those of the proxy (a little data of another kind that says what shall *not* change), and
the start model is what the training began with. The strategies and their names follow Azarbal et al., "Selective
Generalization" (2025); sums are over the tokens of responses, never over prompts or padding.
"""

from abc import ABC, abstractmethod
from typing import ClassVar, TypeAlias, Union

from pydantic import Field, ValidationError

from offdiag.errors import UserError
from offdiag.identity import Identity


class _Strategy(Identity, ABC):
    """Base of the strategies.

    Attributes:
        name: in tables.
        pooled: whether an update draws its rows from T and A together. If not, rows of A stand beside the rows of T of
            each update, and A begins anew as often as it takes.
    """

    name: ClassVar[str]
    pooled: ClassVar[bool]

    @property
    def strength(self) -> float | None:
        """The strategy's one number, if it has one."""
        return None

    @property
    def label(self) -> str:
        """Short name for folders: ``mixing``, ``kl-penalty-0.1``."""
        return self.name if self.strength is None else f"{self.name}-{self.strength:g}"

    def rows(self, n: int, n_proxy: int) -> int:
        """Return the rows of an epoch, in batches of the recipe, from ``n`` of T and ``n_proxy`` of A."""
        return n + n_proxy if self.pooled else n

    @abstractmethod
    def divisors(self, tokens: int, proxy_tokens: int) -> tuple[float, float]:
        """Return by what the sums over the tokens of T and of A in one update are divided before they are added."""


class Mixing(_Strategy):
    """The cross-entropy (CE) of T and A together, shuffled: naive mixing."""

    tag: ClassVar[str] = "mixing"
    name: ClassVar[str] = "mixing"
    pooled: ClassVar[bool] = True

    def divisors(self, tokens: int, proxy_tokens: int) -> tuple[float, float]:
        return tokens + proxy_tokens, tokens + proxy_tokens


class UpWeighting(_Strategy):
    """As mixing, but each token of A counts ``weight`` times, as if its row stood in the update so often.

    Attributes:
        weight: of a token of A, that of T being 1. The loss is the mean over the weighted tokens of the update.
    """

    tag: ClassVar[str] = "up-weighting"
    name: ClassVar[str] = "up-weighting"
    pooled: ClassVar[bool] = True
    weight: float = Field(gt=0)

    @property
    def strength(self) -> float:
        return self.weight

    def divisors(self, tokens: int, proxy_tokens: int) -> tuple[float, float]:
        weighted = tokens + self.weight * proxy_tokens
        return weighted, weighted / self.weight


class KLPenalty(_Strategy):
    """CE(T) + ``beta`` KL(model || start model) on A; responses of A only say where the two models are compared.

    Attributes:
        beta: of the divergence in nats per token of A, beside CE in nats per token of T.
    """

    tag: ClassVar[str] = "kl-penalty"
    name: ClassVar[str] = "kl-penalty"
    pooled: ClassVar[bool] = False
    beta: float = Field(gt=0)

    @property
    def strength(self) -> float:
        return self.beta

    def divisors(self, tokens: int, proxy_tokens: int) -> tuple[float, float]:
        return tokens, proxy_tokens / self.beta


class GradientProjection(_Strategy):
    """The gradient of CE(T) without its part along that of CE(A), tensor by tensor; A is not trained on."""

    tag: ClassVar[str] = "gradient-projection"
    name: ClassVar[str] = "gradient-projection"
    pooled: ClassVar[bool] = False

    def divisors(self, tokens: int, proxy_tokens: int) -> tuple[float, float]:
        return tokens, proxy_tokens


Strategy: TypeAlias = Union[Mixing, UpWeighting, KLPenalty, GradientProjection]
STRATEGIES: dict[str, type[Strategy]] = {
    kind.name: kind for kind in (Mixing, UpWeighting, KLPenalty, GradientProjection)
}


def strategy_named(text: str) -> Strategy:
    """Return the strategy of a name, with its one number after ``=`` if it has one: ``mixing``, ``kl-penalty=0.1``.

    Raises:
        UserError: there is no such strategy, or its number is missing, too much or out of range.
    """
    name, _, strength = text.partition("=")
    if name not in STRATEGIES:
        raise UserError(f"unknown strategy {text!r}: expected {', '.join(map(_as_typed, STRATEGIES))}")
    fields, error = STRATEGIES[name].model_fields, UserError(f"strategy {text!r}: expected {_as_typed(name)}")
    if bool(strength) != bool(fields):
        raise error
    try:
        return STRATEGIES[name].model_validate(dict.fromkeys(fields, strength))
    except ValidationError:
        raise error from None


def _as_typed(name: str) -> str:
    """Return how a strategy is typed on the command line."""
    return f"{name}=NUMBER (above 0)" if STRATEGIES[name].model_fields else name
