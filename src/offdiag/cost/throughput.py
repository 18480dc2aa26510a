"""How fast this machine has been at the finished steps of a plan."""

from dataclasses import dataclass

from offdiag.planning import Plan
from offdiag.steps import Answers, Trained
from offdiag.store import Store


@dataclass(frozen=True)
class Throughput:
    """Tokens a second of one worker; None where it is not known.

    Attributes:
        generated: new tokens of the answers, the time for their prompts included.
        trained: tokens that pass through the model while it learns.
    """

    generated: float | None = None
    trained: float | None = None

    def seconds(self, generated: float, trained: float) -> float | None:
        """Time for so many tokens; None where a rate that is needed is not known."""
        parts = [(generated, self.generated), (trained, self.trained)]
        if any(tokens and not rate for tokens, rate in parts):
            return None
        return sum(tokens / rate for tokens, rate in parts if rate)


def measured(plan: Plan, store: Store) -> Throughput:
    """The rates at which the plan's finished steps went, from their results in the store."""
    tokens = {"new_tokens": 0.0, "total_tokens": 0.0}
    seconds = dict.fromkeys(tokens, 0.0)
    for step in plan.steps:
        if not isinstance(step, Answers | Trained):
            continue
        summary = (store.result(step) or {}).get("summary", {})
        for name in tokens:
            if name in summary:
                tokens[name] += summary[name]
                seconds[name] += summary["seconds"]
    rates = {name: tokens[name] / seconds[name] if seconds[name] else None for name in tokens}
    return Throughput(generated=rates["new_tokens"], trained=rates["total_tokens"])
