"""Add up counts and losses of one update over its micro-batches, for its row of the history."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Self, TypeAlias

from offdiag.training.batches import IGNORED

MicroBatch: TypeAlias = dict[str, Any]  # a micro-batch of one group


@dataclass
class Tally:
    """Counts and losses of one update, added up over its micro-batches.

    Attributes:
        tokens: read. supervised: response tokens of the two groups. text_targets: tokens that have a predecessor.
        items: whose choices are compared, if any are.
        losses: summed cross-entropy of the response tokens of the two groups, or of the items' right choices.
        divergence: summed, where it is taken.
        text_loss: summed over all targets, None where it is not taken.
    """

    tokens: int = 0
    supervised: Counter[str] = field(default_factory=Counter)
    text_targets: int = 0
    items: int = 0
    losses: dict[str, float] = field(default_factory=lambda: {"task": 0.0, "proxy": 0.0})
    divergence: float | None = None
    text_loss: float | None = None
    seconds: float = 0.0

    @classmethod
    def of(cls, parts: Sequence[MicroBatch], *, with_text: bool) -> Self:
        """Return the counts of an update, with no losses added up yet."""
        supervised: Counter[str] = Counter()
        for part in parts:
            supervised[part["group"]] += int(part["supervised"].sum())
        return cls(
            tokens=sum(int(part["attention_mask"].sum()) for part in parts),
            supervised=supervised,
            text_targets=sum(int((part["targets"] != IGNORED).sum()) for part in parts),
            items=sum(len(part.get("sizes", ())) for part in parts),
            text_loss=0.0 if with_text else None,
        )

    def row(self, logs: dict[str, float], *, two_groups: bool) -> dict[str, Any]:
        """Return the update's row of the history; ``logs`` is what the Trainer knows of it."""
        supervised = self.supervised.total()
        return {
            "response_loss": sum(self.losses.values()) / (self.items or supervised),
            "text_loss": None if self.text_loss is None else self.text_loss / self.text_targets,
            **(self._by_group() if two_groups else {}),
            "learning_rate": logs["learning_rate"],
            "gradient_norm": logs["grad_norm"],
            "supervised_tokens": supervised,
            "tokens": self.tokens,
            "seconds": self.seconds,
        }

    def _by_group(self) -> dict[str, Any]:
        means = {
            f"{g}_loss": loss / self.supervised[g] if self.supervised[g] else None for g, loss in self.losses.items()
        }
        return means if self.divergence is None else {**means, "proxy_kl": self.divergence / self.supervised["proxy"]}
