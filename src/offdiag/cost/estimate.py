"""Estimate the cost of a plan from its steps and prompts; no model, tokenizer or torch is loaded.

Operations are ``2 P`` per token that is read or written, where P is the number of weights: one multiplication and one
addition per weight (Kaplan et al. 2020, section 2.1). What attention adds with the length of the context is left out
(below 10 % under 5000 tokens on a 15B model). A backward pass costs twice the forward one, so full training takes
``6 P`` per token; an adapter needs the gradients of the activations but not those of the frozen weights, ``4 P``; where
activations are recomputed (4-bit weights) there is one more forward pass, ``2 P``.
"""

from collections.abc import Collection, Sequence
from dataclasses import replace
from functools import partial

from offdiag.cost.cost import Cost, Time
from offdiag.cost.probe import plan_probe
from offdiag.cost.rates import Rates
from offdiag.cost.throughput import Throughput
from offdiag.planning import Plan, with_its_data
from offdiag.runtime import Runtime
from offdiag.steps import CostLine, Step
from offdiag.steps.step import Unanswered
from offdiag.store import Store
from offdiag.store.finished import finished_steps
from offdiag.tasks.data import unchanging


@with_its_data
@unchanging()
def estimate(
    plan: Plan,
    needed: Collection[str] | None = None,
    *,
    runtime: Runtime | None = None,
    throughput: Throughput | None = None,
    rates: Rates | None = None,
    store: Store | None = None,
) -> Cost:
    """Return the estimated cost of the steps of a plan.

    Args:
        plan: the steps.
        needed: fingerprints of the steps that count; all if not given.
        runtime: whose token budget fills the batches.
        throughput: tokens per second of steps that are finished, for an estimate of the time.
        rates: of a device, for one where the throughput does not say enough; without either there is none.
        store: whose answers cost nothing: those of finished steps, as where a set of questions grew, and
            those that a killed run left.

    Raises:
        UserError: a pool has fewer examples than a prompt shows, or a prompt is longer than the model's context.
    """
    lines: dict[str, CostLine] = {}
    times: list[tuple[float, float] | None] = []
    held = new = 0
    with plan_probe(runtime or Runtime()) as probe:
        for step in plan.steps:
            if needed is None or step.fingerprint in needed:
                left = Unanswered(step) if store is None else _left(step, store)
                line = CostLine(kind=step.kind) if left.step is None else probe.line(left.step)
                lines[step.kind] = lines.get(step.kind, CostLine(kind=step.kind, steps=0)) + line
                held, new = held + left.held, new + left.new
                if rates is not None:
                    times.append(rates.seconds(line, _dtype(step)))
        cost = Cost(
            lines=tuple(lines.values()), memory=probe.memory(), served=tuple(probe.served.values()), notes=probe.notes,
            held=held, new=new,
        )  # fmt: skip
    if cost.total.flops_most == 0:  # nothing that a model of this machine does
        return cost
    return replace(cost, time=_measured_time(cost.total, throughput) or _time_by(rates, times))


def _left(step: Step, store: Store) -> Unanswered:
    return step.unanswered(partial(finished_steps, store.root), store.folder(step))


def _measured_time(total: CostLine, throughput: Throughput | None) -> Time | None:
    if throughput is None:
        return None
    expected = throughput.seconds(total.generated_expected, total.trained_tokens, total.read_tokens)
    most = throughput.seconds(total.generated_most, total.trained_tokens, total.read_tokens)
    if expected is None or most is None:
        return None
    return Time(expected, most, basis="the finished steps of this plan", within=1.0)


def _time_by(rates: Rates | None, times: Sequence[tuple[float, float] | None]) -> Time | None:
    known = [time for time in times if time is not None]
    if rates is None or len(known) < len(times):
        return None
    expected, most = sum(low for low, _ in known), sum(high for _, high in known)
    return Time(expected, most, basis=rates.basis, within=rates.within)


def _dtype(step: Step) -> str:
    return next((spec.dtype for spec in step.models()), "float32")


def check_contexts(plan: Plan, needed: Collection[str], runtime: Runtime) -> None:
    """Check that prompts and training examples fit the models' contexts, as far as they are known before a run.

    Raises:
        UserError: something does not.
    """
    estimate(plan, needed, runtime=runtime)
