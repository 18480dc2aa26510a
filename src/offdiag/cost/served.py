"""What a plan asks of models behind servers, and its price where the user says what tokens cost."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple

from offdiag.errors import UserError


class Price(NamedTuple):
    """The price of a model in any currency: of a million tokens of prompts, and of a million new ones."""

    prompt: float
    new: float


@dataclass(frozen=True)
class ServedCost:
    """Questions to one model behind a server; tokens are estimates, see :mod:`offdiag.cost.tokens`.

    Attributes:
        model: its full name. requests: as many as are sent, but for those that try it out before a run and those that
            are repeated after a failure. prompt_tokens: of all of them.
        new_expected, new_most: tokens of the answers if they are as long as the ideal ones, and if none ends before
            ``max_new_tokens``.
    """

    model: str
    requests: int = 0
    prompt_tokens: int = 0
    new_expected: int = 0
    new_most: int = 0

    def plus(self, requests: int, prompt_tokens: int, new_expected: int, new_most: int) -> "ServedCost":
        """Return the sum of this and further questions."""
        return replace(
            self,
            requests=self.requests + requests,
            prompt_tokens=self.prompt_tokens + prompt_tokens,
            new_expected=self.new_expected + new_expected,
            new_most=self.new_most + new_most,
        )

    def price(self, prompt: float, new: float) -> tuple[float, float]:
        """Return the expected and the highest price, given those of a million tokens of prompts and of answers."""
        read = self.prompt_tokens * prompt
        return (read + self.new_expected * new) / 1e6, (read + self.new_most * new) / 1e6


def parse_prices(texts: Iterable[str]) -> dict[str, Price]:
    """Read prices such as ``0.15,0.60``, for all models, or ``gpt-4o-mini=0.15,0.60``, for those with this in the name.

    Returns:
        The prices by a part of the name; the empty part is in every name.

    Raises:
        UserError: a text is no price.
    """
    prices = {}
    for text in texts:
        name, _, numbers = text.rpartition("=")
        try:
            prompt, new = (float(number) for number in numbers.split(","))
        except ValueError:
            prompt = new = -1.0
        if not (0 <= prompt < float("inf") and 0 <= new < float("inf")):
            raise UserError(
                f"--price {text!r}: expected the prices of a million tokens of prompts and of answers, such as "
                "0.15,0.60 or gpt-4o-mini=0.15,0.60"
            )
        prices[name] = Price(prompt, new)
    return prices


def price_of(model: str, prices: Mapping[str, Price]) -> Price | None:
    """Return the price whose name is the longest one that is a part of a model's; None where there is none."""
    fitting = [name for name in prices if name in model]
    return prices[max(fitting, key=len)] if fitting else None
