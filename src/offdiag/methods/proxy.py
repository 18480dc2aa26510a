"""Proxy data: examples of another domain that take part in a fine-tuning, and the strategy for them."""

from typing import ClassVar

from pydantic import Field

from offdiag.identity import Identity, Json
from offdiag.steps import Examples
from offdiag.tasks import Domain, Scalar
from offdiag.training.strategies import Mixing, Strategy


class ProxyExamples(Identity):
    """Drawn proxy data and their strategy, as a field of the training step."""

    tag: ClassVar[str] = "proxy-examples"
    examples: Examples
    strategy: Strategy

    def canonical(self) -> dict[str, Json]:
        """Return the identity with what it says of the task's prompts."""
        return {**super().canonical(), **self.examples.worded()}

    @property
    def label(self) -> str:
        """Name for folders: ``base=9,digits=2.n20.kl-penalty-0.1``."""
        return f"{self.examples.domain.short}.n{self.examples.n}.{self.strategy.label}"


class Proxy(Identity):
    """``n`` examples of another domain, of any task, that take part in a fine-tuning.

    The responses are those of that domain; wording and rationale are those of the fine-tuning.

    Attributes:
        domain: source of the examples (split ``train``, data seed of the fine-tuning).
        n: number of examples. strategy: how they take part; by default they are mixed in.
    """

    tag: ClassVar[str] = "proxy"
    domain: Domain
    n: int = Field(ge=1)
    strategy: Strategy = Mixing()

    def drawn(self, seed: int) -> ProxyExamples:
        """Return the examples under a data seed."""
        return ProxyExamples(
            examples=Examples(domain=self.domain, split="train", n=self.n, seed=seed), strategy=self.strategy
        )

    def factors(self) -> dict[str, Scalar]:
        """Return columns ``proxy, n_proxy, strategy, strength``, and ``proxy_NAME`` per parameter of the domain."""
        return {
            "proxy": str(self.domain),
            "n_proxy": self.n,
            "strategy": self.strategy.name,
            "strength": self.strategy.strength,
            **{f"proxy_{name}": value for name, value in self.domain.factors().items()},
        }
