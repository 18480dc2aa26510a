"""How fast this machine has been at the finished steps of a plan."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from offdiag.cost.asking import Asking
from offdiag.cost.known_sizes import Sizes
from offdiag.cost.rehearsal import Rehearsal
from offdiag.planning import Plan, with_its_data
from offdiag.runtime import Runtime
from offdiag.steps import Answers, Choices, HiddenStates, Trained
from offdiag.store import Store


@dataclass(frozen=True)
class Throughput:
    """Tokens a second of one worker; None where it is not known.

    Attributes:
        generated: new tokens of the answers, the time for their prompts included.
        trained: tokens that pass through the model while it learns.
        read: computed tokens of prompts and choices after which nothing is written.
    """

    generated: float | None = None
    trained: float | None = None
    read: float | None = None

    def seconds(self, generated: float, trained: float, read: float = 0.0) -> float | None:
        """Time for so many tokens; None where a rate that is needed is not known."""
        parts = [(generated, self.generated), (trained, self.trained), (read, self.read)]
        if any(tokens and not rate for tokens, rate in parts):
            return None
        return sum(tokens / rate for tokens, rate in parts if rate)


@with_its_data
def measured(plan: Plan, store: Store) -> Throughput:
    """The rates at which the plan's finished steps went, from their results in the store."""
    done = {step: (store.result(step) or {}).get("summary", {}) for step in plan.steps if isinstance(step, _TIMED)}
    written = [found for step, found in done.items() if isinstance(step, Answers)]
    taught = [found for step, found in done.items() if isinstance(step, Trained)]
    return Throughput(generated=_rate(written, "new_tokens"), trained=_rate(taught, "total_tokens"), read=_read(done))


_TIMED = (Answers, Choices, HiddenStates, Trained)


def _rate(summaries: Collection[dict[str, Any]], tokens: str) -> float | None:
    known = [found for found in summaries if tokens in found]
    seconds = sum(found["seconds"] for found in known)
    return sum(found[tokens] for found in known) / seconds if seconds else None


def _read(done: Mapping[Any, dict[str, Any]]) -> float | None:
    """The tokens of what was only read stand in no result: they are counted as for an estimate."""
    tokens, seconds = 0, 0.0
    with Rehearsal(runtime := Runtime()) as rehearsal:
        asking = Asking(rehearsal, Sizes(), runtime.token_budget)
        for step, found in done.items():
            if isinstance(step, Choices | HiddenStates) and found:
                tokens += asking.choices(step).read_tokens
                seconds += found["seconds"]
    return tokens / seconds if seconds else None
