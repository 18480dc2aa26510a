"""A worker: a runner among many of one plan, which takes what no other has and fits its device, until all is done."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from offdiag.cost import memory_size
from offdiag.cost.probe import plan_probe
from offdiag.drain import drain_on_signals
from offdiag.engine.engine import Watcher
from offdiag.engine.inline import Inline
from offdiag.engine.others import CHANCE
from offdiag.engine.run import Share, Summary, run_plan
from offdiag.errors import UserError
from offdiag.planning import Plan, StepState
from offdiag.runtime import Runtime, available_memory
from offdiag.steps import Step
from offdiag.store import Store


def work(
    plan: Plan,
    store: Store,
    runtime: Runtime,
    watcher: Watcher,
    say: Callable[[str], None],
    *,
    survey: Sequence[StepState] | None = None,
    light: bool = False,
    skip_failed: bool = False,
) -> Summary:
    """Take steps until the plan is done, until only failed ones are left, or until this process is to end.

    Args:
        plan, store, runtime, watcher, survey: see :func:`offdiag.engine.run_plan`.
        say: takes a line on what is left to others.
        light: take only steps that need no model.
        skip_failed: leave alone what has failed before; else it is tried again.

    Raises:
        Drained: the process got a signal to end. The step at hand is given back, with what is made of it.
    """
    fits = _never_a_model if light else Fit(runtime, say)
    share = Share(takes=fits, draw=CHANCE, skip_failed=skip_failed)
    with drain_on_signals():
        return run_plan(plan, store, runtime, engine=Inline(runtime), watcher=watcher, share=share, survey=survey)


def _never_a_model(step: Step) -> bool:
    return step.group is None


@dataclass
class Fit:
    """Whether the model of a step fits the device of this process, as far as the plan can tell."""

    runtime: Runtime
    say: Callable[[str], None]
    _known: dict[tuple[str, str], bool] = field(default_factory=dict)
    _room: int | None = None

    def __call__(self, step: Step) -> bool:
        """Return whether it fits; of steps of one kind with the same model the first speaks for all."""
        if step.group is None:
            return True
        asked = (step.kind, step.group)
        if asked not in self._known:
            self._known[asked] = self._fits(step)
        return self._known[asked]

    def _fits(self, step: Step) -> bool:
        with plan_probe(self.runtime) as probe:
            try:
                probe.line(step)
            except UserError:  # its own message comes when it is run
                return True
            needed = [phase.total for phase in probe.memory() if phase.total]
        if not needed:
            return True
        self._room = self._room or room(self.runtime)
        if self._room is None or max(needed) <= self._room:
            return True
        self.say(
            f"leaving {step.kind} with the model of {step.name} to others: "
            f"{memory_size(max(needed))} are needed, {memory_size(self._room)} are here"
        )
        return False


def room(runtime: Runtime) -> int | None:
    """Return the bytes of memory of the device, or of all visible GPUs; None where they are not known. Loads torch."""
    import torch

    from offdiag.models.loading import device_of

    device = device_of(runtime)
    if device.type == "cuda":
        return sum(torch.cuda.get_device_properties(i).total_memory for i in range(torch.cuda.device_count()))
    return available_memory()
