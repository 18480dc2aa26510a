"""Cost of a plan: one line per kind of step, and the memory of each phase."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import NamedTuple

from offdiag.cost.memory import Memory
from offdiag.cost.served import Price, ServedCost, price_of
from offdiag.cost.units import count, duration, flops, memory_size
from offdiag.identity import Json
from offdiag.steps import CostLine


def row(line: CostLine) -> dict[str, str]:
    """Return a line of costs as texts, by column."""
    return {
        "steps": f"{line.steps} {line.kind}",
        "prompt tokens": count(line.prompt_tokens),
        "computed": count(line.prefill_tokens),
        "new tokens": _between(count(line.generated_expected), count(line.generated_most)),
        "trained tokens": count(line.trained_tokens),
        "operations": _between(flops(line.flops_expected), flops(line.flops_most)),
    }


def _between(low: str, high: str) -> str:
    """``12.9 … 20.4 TFLOP``; a unit that both share is written once."""
    if low == high:
        return low
    number, _, unit = low.partition(" ")
    return f"{number if high.endswith(f' {unit}') else low} … {high}"


class Time(NamedTuple):
    """Seconds that one worker takes for what models do.

    Attributes:
        expected: if every answer is as long as the ideal one. most: if none ends before its limit.
        basis: what says so, in words. within: the factor by which both may be off.
    """

    expected: float
    most: float
    basis: str
    within: float

    def __str__(self) -> str:
        """``2 h 5 min, or 3 h 1 min if no answer ends early, within a factor of 2, by …``."""
        longer = f", {duration(self.most)} if no answer ends early" if self.most > 1.05 * self.expected else ""
        off = f", within a factor of {self.within:g}" if self.within > 1 else ""
        return f"{duration(self.expected)} of one worker{longer}{off}; by {self.basis}"


@dataclass(frozen=True, kw_only=True)
class Cost:
    """Cost of the steps of a plan.

    Attributes:
        lines: one per kind of step, in the order of the plan. memory: one per phase and model.
        time: of one worker, where something says how fast it is; else None.
        served: what models behind servers are asked, which is in no line.
        held: answers and states that finished steps have and that are taken, which are in no line. new: those
            that are asked for.
        notes: what a reader of the numbers must know, such as a model of unknown size.
    """

    lines: Sequence[CostLine]
    memory: Sequence[Memory]
    time: Time | None = None
    served: Sequence[ServedCost] = ()
    held: int = 0
    new: int = 0
    notes: Sequence[str] = ()

    @property
    def total(self) -> CostLine:
        """The sum of all lines."""
        return sum(self.lines, CostLine(kind="in all", steps=0))

    @property
    def peak_memory(self) -> float | None:
        """Bytes of the largest phase; None where one is not known, 0 where no step needs a model."""
        totals = [phase.total for phase in self.memory]
        known = [total for total in totals if total is not None]
        return max(known, default=0.0) if len(known) == len(totals) else None

    def rows(self) -> list[dict[str, str]]:
        """The table of steps, with the total as its last row; all rows have the same columns."""
        return [row(line) for line in (*self.lines, self.total)]

    def memory_rows(self) -> list[dict[str, str]]:
        """The table of memory, one row per phase."""
        parts = ["weights", "adapter", "cache", "optimizer", "activations"]
        parts += ["loading"] if any(phase.loading for phase in self.memory) else []
        return [
            {"phase": phase.phase, "model": phase.model}
            | {part: memory_size(getattr(phase, part)) if getattr(phase, part) != 0 else "" for part in parts}
            | {"total": memory_size(phase.total)}
            for phase in self.memory
        ]

    def served_rows(self, prices: Mapping[str, Price]) -> list[dict[str, str]]:
        """The table of servers, one row per model, with a price where the user gives one."""
        rows = []
        for asked in self.served:
            row = {
                "model": asked.model,
                "requests": count(asked.requests),
                "prompt tokens": count(asked.prompt_tokens),
                "new tokens": _between(count(asked.new_expected), count(asked.new_most)),
            }
            if prices:
                price = price_of(asked.model, prices)
                row["price"] = "?" if price is None else _between(*(f"{cost:.4g}" for cost in asked.price(*price)))
            rows.append(row)
        return rows

    def summary(self) -> str:
        """One line: tokens, operations, the memory of models that are loaded, and the time where it is known."""
        total = self.total
        time = "" if self.time is None else f"; about {duration(self.time.expected)}"
        memory = f"; {memory_size(self.peak_memory)} memory" if self.memory else ""
        tokens = f"{count(total.prefill_tokens)} prompt + {count(total.generated_expected)} new tokens"
        trained = f", {count(total.trained_tokens)} trained" if total.trained_tokens else ""
        operations = _between(flops(total.flops_expected), flops(total.flops_most))
        return f"{tokens}{trained}; {operations}{memory}{time}"

    def to_json(self) -> dict[str, Json]:
        """All numbers, plain: tokens, operations, bytes, seconds."""
        return {
            "lines": [asdict(line) for line in self.lines],
            "total": asdict(self.total),
            "memory": [{**phase.to_json()} for phase in self.memory],
            "served": [asdict(asked) for asked in self.served],
            "seconds_expected": None if self.time is None else self.time.expected,
            "seconds_most": None if self.time is None else self.time.most,
            "seconds_within": None if self.time is None else self.time.within,
            "seconds_by": None if self.time is None else self.time.basis,
            "held": self.held,
            "new": self.new,
            "notes": list(self.notes),
        }
