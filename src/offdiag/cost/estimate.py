"""The cost of a plan, counted from its steps and their prompts; no model, tokenizer or torch is loaded.

Operations are ``2 P`` a token that is read or written, where P is the number of weights: one multiplication and one
addition a weight (Kaplan et al. 2020, section 2.1). What attention adds with the length of the context is left out
(below 10 % under 5000 tokens on a 15B model). A backward pass costs twice the forward one, so full training takes
``6 P`` a token; an adapter needs the gradients of the activations but not those of the frozen weights, ``4 P``; where
activations are recomputed (4-bit weights) there is one more forward pass, ``2 P``.
"""

from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass

from offdiag.cost.asking import Asking
from offdiag.cost.cost import Cost, Line
from offdiag.cost.known_sizes import Sizes
from offdiag.cost.memory import Memory
from offdiag.cost.rehearsal import NotYetKnownError, Rehearsal
from offdiag.cost.teaching import Teaching
from offdiag.cost.throughput import Throughput
from offdiag.methods.fine_tuning import FineTuned
from offdiag.methods.policy_optimisation import PolicyOptimised
from offdiag.planning import Plan, with_its_data
from offdiag.runtime import Runtime
from offdiag.steps import Answers, Choices, HiddenStates, Measurement, Merged, Pretrained, Snapshot, Step, Trained
from offdiag.studies.base_addition.measurements.anchoring import Anchoring
from offdiag.studies.easy_to_hard.measurements.text_hardness import TextHardness


@with_its_data
def estimate(
    plan: Plan,
    needed: Collection[str] | None = None,
    *,
    runtime: Runtime | None = None,
    throughput: Throughput | None = None,
) -> Cost:
    """What the steps of a plan cost.

    Args:
        plan: the steps.
        needed: fingerprints of the steps that count; all if not given.
        runtime: whose token budget fills the batches.
        throughput: tokens a second, for an estimate of the time; without it none is made.

    Raises:
        UserError: a pool has fewer examples than a prompt shows, or a prompt is longer than the model's context.
    """
    runtime = runtime or Runtime()
    with Rehearsal(runtime) as rehearsal:
        sizes = Sizes()
        counter = _Counter(
            Asking(rehearsal, sizes, runtime.token_budget), Teaching(rehearsal, sizes, runtime.token_budget), sizes
        )
        lines: dict[str, Line] = {}
        for step in plan.steps:
            if needed is None or step.fingerprint in needed:
                lines[step.kind] = lines.get(step.kind, Line(kind=step.kind)) + counter.line(step)
        cost = Cost(lines=tuple(lines.values()), memory=counter.memory(), notes=tuple(sizes.notes))
    if throughput is None:
        return cost
    total = cost.total
    return Cost(
        lines=cost.lines,
        memory=cost.memory,
        seconds_expected=throughput.seconds(total.generated_expected, total.trained_tokens, total.read_tokens),
        seconds_most=throughput.seconds(total.generated_most, total.trained_tokens, total.read_tokens),
        notes=cost.notes,
    )


def check_contexts(plan: Plan, needed: Collection[str], runtime: Runtime) -> None:
    """See that what the needed steps ask and teach fits into the models' contexts, as far as it is known before a run.

    Raises:
        UserError: something does not.
    """
    with suppress(NotYetKnownError):
        estimate(plan, needed, runtime=runtime)


@dataclass
class _Counter:
    """Counts one step after the other."""

    asking: Asking
    teaching: Teaching
    sizes: Sizes

    def line(self, step: Step) -> Line:
        """The cost of one step; steps that run no model cost nothing worth counting."""
        match step:
            case Answers():
                return self.asking.answers(step)
            case Choices() | HiddenStates():
                return self.asking.choices(step)
            case Anchoring():
                return self.asking.anchoring(step)
            case TextHardness():
                return self.asking.texts(step)
            case FineTuned():
                return self.teaching.fine_tuned(step)
            case PolicyOptimised():
                return self.teaching.policy_optimised(step)
            case Pretrained():
                return self.teaching.pretrained(step)
            case Merged() | Snapshot():
                pass
            case Trained() | Measurement() if step.group is not None:
                self.sizes.notes[f"{step.kind} of type {type(step).__name__} are not counted"] = None
        return Line(kind=step.kind, steps=1)

    def memory(self) -> tuple[Memory, ...]:
        """Of each model while it answers and of each recipe while it learns."""
        return (*self.asking.memory(), *self.teaching.memory())
