"""Measure the throughput (tokens per second) of the finished steps of a plan."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from offdiag.cost.probe import plan_probe
from offdiag.planning import Plan, with_its_data
from offdiag.runtime import Runtime
from offdiag.steps import Step
from offdiag.store import Store

# Keys of a step's summary beside ``seconds``: generated tokens, and tokens of a training.
GENERATED, TRAINED = "new_tokens", "total_tokens"


@dataclass(frozen=True)
class Throughput:
    """Tokens per second of one worker; None where it is not known.

    Attributes:
        generated: new tokens of the answers, the time for their prompts included.
        trained: tokens that pass through the model while it learns.
        read: computed tokens of prompts and choices after which nothing is written.
    """

    generated: float | None = None
    trained: float | None = None
    read: float | None = None

    def seconds(self, generated: float, trained: float, read: float = 0.0) -> float | None:
        """Return the seconds for so many tokens; None where a rate that is needed is not known."""
        parts = [(generated, self.generated), (trained, self.trained), (read, self.read)]
        if any(tokens and not rate for tokens, rate in parts):
            return None
        return sum(tokens / rate for tokens, rate in parts if rate)


@with_its_data
def measured(plan: Plan, store: Store) -> Throughput:
    """Return the throughput of the plan's finished steps, from their results in the store."""
    finished = store.finished(step for step in plan.steps if step.group is not None)
    summaries = {step: store.summary(step) for step in finished}
    timed = {step: summary for step, summary in summaries.items() if "seconds" in summary}
    return Throughput(
        generated=_rate(timed.values(), GENERATED), trained=_rate(timed.values(), TRAINED), read=_reading_rate(timed)
    )


def _rate(summaries: Collection[Mapping[str, Any]], tokens: str) -> float | None:
    known = [found for found in summaries if tokens in found]
    seconds = sum(found["seconds"] for found in known)
    return sum(found[tokens] for found in known) / seconds if seconds else None


def _reading_rate(timed: Mapping[Step, Mapping[str, Any]]) -> float | None:
    """Return tokens per second of steps that only read; no result has their tokens, so these are estimated."""
    tokens, seconds = 0, 0.0
    with plan_probe(Runtime()) as probe:
        for step, summary in timed.items():
            if GENERATED not in summary and TRAINED not in summary and (read := probe.line(step).read_tokens):
                tokens += read
                seconds += summary["seconds"]
    return tokens / seconds if seconds else None
