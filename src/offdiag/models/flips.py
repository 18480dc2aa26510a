"""Measure how often a model's answers change with the token budget: the rate of flips of its number format.

The same questions are asked twice, in batches of two sizes. Another shape of a batch is another order of sums, so the
last bits of the states differ; in 16 bits these bits are coarse, and an answer between near ties changes side.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from offdiag.models.spec import ModelSpec
from offdiag.strict_json import loads

if TYPE_CHECKING:
    from offdiag.models.lm import LM

QUESTIONS = tuple(
    f"What is {a}+{b}{', and why' * (a % 3)}? Answer with {'the number alone' if b % 2 else 'a sentence'}."
    for a, b in ((11 + 7 * i % 83, 3 + 5 * i % 29) for i in range(40))
)
CHOICES = ("Yes", "No", "Perhaps", "The first", "The second", "Both", "None of them")
NEW_TOKENS = 8
FILE = "flips.json"  # in the store: the latest rate of each model


@dataclass(frozen=True)
class FlipRate:
    """Answers that change between two token budgets.

    Attributes:
        n: questions. completions: how many of their completions differ. choices: of how many another choice is best.
        nats: largest difference of a log-probability. budgets: the two token budgets.
    """

    n: int
    completions: int
    choices: int
    nats: float
    budgets: tuple[int, int]

    @classmethod
    def kept(cls, rates: Mapping[str, Any], spec: ModelSpec) -> Self | None:
        """Return the rate of a model among those that a store keeps; None where it was not measured."""
        try:
            found = rates[key(spec)]
            return cls(**{**found, "budgets": tuple(found["budgets"])})
        except (KeyError, TypeError):
            return None

    def to_json(self) -> dict[str, Any]:
        """Return the fields for the file of the store."""
        return {**asdict(self), "budgets": list(self.budgets)}

    def __str__(self) -> str:
        return (
            f"{self.completions} of {self.n} completions and {self.choices} of {self.n} choices change between the "
            f"token budgets {self.budgets[0]} and {self.budgets[1]}, max |Δ log-prob| {self.nats:.1e}"
        )


def kept_rates(path: Path) -> dict[str, Any]:
    """Return the rates that a store keeps in ``path``; none where the file is not there or cannot be read."""
    try:
        found = loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def key(spec: ModelSpec) -> str:
    """Return the name of a model in the file of the store."""
    return f"{spec.source} {spec.dtype} {spec.quantization}"


def flip_rate(large: "LM", small: "LM", budgets: tuple[int, int]) -> FlipRate:
    """Ask a model the same questions under two token budgets, and return how many answers differ."""
    first, second = _answers(large), _answers(small)
    gaps = [abs(a - b) for one, other in zip(first[1], second[1], strict=True) for a, b in zip(one, other, strict=True)]
    return FlipRate(
        n=len(QUESTIONS),
        completions=sum(a != b for a, b in zip(first[0], second[0], strict=True)),
        choices=sum(_best(a) != _best(b) for a, b in zip(first[1], second[1], strict=True)),
        nats=max(gaps),
        budgets=budgets,
    )


def _answers(model: "LM") -> tuple[list[tuple[int, ...]], list[list[float]]]:
    completions = [c for batch in model.generate(QUESTIONS, max_new_tokens=NEW_TOKENS) for c in batch]
    scores = model.score(QUESTIONS, [CHOICES] * len(QUESTIONS))
    ids = [c.ids for c in sorted(completions, key=lambda c: c.index)]
    return ids, [[score.logprob for score in own] for own in scores]


def _best(scores: list[float]) -> int:
    return scores.index(max(scores))
