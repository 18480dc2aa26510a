"""What a plan costs: one line a kind of step and model, and the memory of each phase."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from offdiag.cost.memory import Memory
from offdiag.cost.units import count, duration, flops, memory_size
from offdiag.identity import Json


@dataclass(frozen=True, kw_only=True)
class Line:
    """The cost of some steps; tokens are estimates, see :mod:`offdiag.cost.tokens`.

    Attributes:
        kind: of the steps, as in the store. steps: how many.
        prompt_tokens: of all prompts and choices. prefill_tokens: those computed when what prompts share is computed
            once. read_tokens: of these, those of steps that write nothing.
        generated_expected: new tokens if every answer is as long as the ideal one.
        generated_most: new tokens if no answer ends before ``max_new_tokens``.
        trained_tokens: tokens, each time that they are seen, of all updates.
        flops_expected, flops_most: floating-point operations with as many new tokens; None where the size of a model
            is not known.
    """

    kind: str
    steps: int = 0
    prompt_tokens: int = 0
    prefill_tokens: int = 0
    read_tokens: int = 0
    generated_expected: int = 0
    generated_most: int = 0
    trained_tokens: int = 0
    flops_expected: float | None = 0.0
    flops_most: float | None = 0.0

    def __add__(self, other: "Line") -> "Line":
        def both(mine: float | None, theirs: float | None) -> float | None:
            return None if mine is None or theirs is None else mine + theirs

        return Line(
            kind=self.kind,
            steps=self.steps + other.steps,
            prompt_tokens=self.prompt_tokens + other.prompt_tokens,
            prefill_tokens=self.prefill_tokens + other.prefill_tokens,
            read_tokens=self.read_tokens + other.read_tokens,
            generated_expected=self.generated_expected + other.generated_expected,
            generated_most=self.generated_most + other.generated_most,
            trained_tokens=self.trained_tokens + other.trained_tokens,
            flops_expected=both(self.flops_expected, other.flops_expected),
            flops_most=both(self.flops_most, other.flops_most),
        )

    def row(self) -> dict[str, str]:
        """The line for people, by column."""
        return {
            "steps": f"{self.steps} {self.kind}",
            "prompt tokens": count(self.prompt_tokens),
            "computed": count(self.prefill_tokens),
            "new tokens": _between(count(self.generated_expected), count(self.generated_most)),
            "trained tokens": count(self.trained_tokens),
            "operations": _between(flops(self.flops_expected), flops(self.flops_most)),
        }


def _between(low: str, high: str) -> str:
    return low if low == high else f"{low} … {high}"


@dataclass(frozen=True, kw_only=True)
class Cost:
    """What the steps of a plan cost.

    Attributes:
        lines: one a kind of step, in the order of the plan. memory: one a phase and model.
        seconds_expected, seconds_most: of one worker, where a throughput was given; else None.
        notes: what a reader of the numbers must know, such as a model of unknown size.
    """

    lines: Sequence[Line]
    memory: Sequence[Memory]
    seconds_expected: float | None = None
    seconds_most: float | None = None
    notes: Sequence[str] = ()

    @property
    def total(self) -> Line:
        """All lines together."""
        return sum(self.lines, Line(kind="in all"))

    @property
    def peak_memory(self) -> float | None:
        """Bytes of the largest phase; None where one is not known, 0 where no step needs a model."""
        totals = [phase.total for phase in self.memory]
        known = [total for total in totals if total is not None]
        return max(known, default=0.0) if len(known) == len(totals) else None

    def rows(self) -> list[dict[str, str]]:
        """The table of steps, with the total as its last row; all rows have the same columns."""
        return [line.row() for line in (*self.lines, self.total)]

    def memory_rows(self) -> list[dict[str, str]]:
        """The table of memory, one row a phase."""
        parts = ("weights", "adapter", "cache", "optimizer", "activations")
        return [
            {"phase": phase.phase, "model": phase.model}
            | {part: memory_size(getattr(phase, part)) if getattr(phase, part) != 0 else "" for part in parts}
            | {"total": memory_size(phase.total)}
            for phase in self.memory
        ]

    def summary(self) -> str:
        """One line: tokens, operations, the memory of models that are loaded, and the time where it is known."""
        total = self.total
        time = "" if self.seconds_expected is None else f"; about {duration(self.seconds_expected)}"
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
            "seconds_expected": self.seconds_expected,
            "seconds_most": self.seconds_most,
            "notes": list(self.notes),
        }
