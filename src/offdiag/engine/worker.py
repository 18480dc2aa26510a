"""A worker: a runner among many of one plan, which takes what no other has and fits its device, until all is done."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from offdiag.cost import memory_size
from offdiag.cost.probe import plan_probe
from offdiag.drain import drain_on_signals
from offdiag.engine.engine import Silent, Watcher
from offdiag.engine.execute import Ended
from offdiag.engine.inline import Inline, settle
from offdiag.engine.others import CHANCE
from offdiag.engine.run import Share, Summary, run_plan
from offdiag.engine.scheduler import Scheduler, Takes
from offdiag.errors import UserError
from offdiag.identity import Json
from offdiag.planning import Plan, StepState
from offdiag.runtime import Runtime, available_memory
from offdiag.steps import Step
from offdiag.store import State, Store


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
        return run_plan(plan, store, runtime, engine=Inline, watcher=watcher, share=share, survey=survey)


def pull(
    steps: Sequence[Step], store: Store, runtime: Runtime, origin: dict[str, Json], takes: Takes, patience: float
) -> None:
    """Work as :func:`work` does on steps that another process has planned and checked.

    Args:
        steps: inputs first. store, runtime, origin: see :class:`offdiag.engine.Engine`. takes: what can be done here.
        patience: seconds that it stays where it can take nothing of what is left, and nobody works.

    Raises:
        Drained: this process is to end.
    """
    scheduler, watcher = Scheduler.of(steps, draw=CHANCE, takes=takes), Silent()
    for step, state in zip(steps, store.states(steps).values(), strict=True):
        if state in _ENDED and scheduler.known(step):
            settle(scheduler, watcher, step, _ENDED[state], "", by_others=True)
    Inline(runtime, patience=patience).run(scheduler, store, origin, watcher, fail_fast=False)


_ENDED = {State.DONE: Ended.DONE, State.BUSY: Ended.BUSY, State.FAILED: Ended.FAILED}


def _never_a_model(step: Step) -> bool:
    return step.group is None


@dataclass
class Fit:
    """Whether the model of a step fits the device of this process, as far as the plan can tell.

    ``share`` is the part of its GPU that is for this process; ``say`` takes a line on what does not fit.
    """

    runtime: Runtime
    say: Callable[[str], None]
    share: float = 1.0
    _known: dict[tuple[str, str], bool] = field(default_factory=dict)
    _room: float | None = None

    def __call__(self, step: Step) -> bool:
        """Return whether it fits; of steps of one kind with the same model the first speaks for all."""
        if step.group is None:
            return True
        asked = (step.kind, step.group)
        if asked not in self._known:
            self._known[asked] = self._fits(step)
        return self._known[asked]

    def _fits(self, step: Step) -> bool:
        needed = memory_of(step, self.runtime)
        if needed is None:
            return True
        self._room = self._room or room(self.runtime, self.share)
        if self._room is None or needed <= self._room:
            return True
        self.say(
            f"leaving {step.kind} with the model of {step.name} to others: "
            f"{memory_size(needed)} are needed, {memory_size(self._room)} are here"
        )
        return False


def memory_of(step: Step, runtime: Runtime) -> float | None:
    """Return the bytes that a step needs of its device by the plan's estimate; None where they are not known."""
    with plan_probe(runtime) as probe:
        try:
            probe.line(step)
        except UserError:  # its own message comes when it is run
            return None
        return max((phase.total for phase in probe.memory() if phase.total), default=None)


def memory_of_groups(steps: Sequence[Step], runtime: Runtime) -> list[float | None]:
    """Return for each model that steps load the most bytes that a kind of step needs with it, or None."""
    firsts = {(step.group, step.kind): step for step in reversed(steps) if step.group is not None}
    found: dict[str | None, float | None] = {}
    for (group, _), step in firsts.items():
        needed = memory_of(step, runtime)
        found[group] = max((size for size in (needed, found.get(group)) if size is not None), default=None)
    return list(found.values())


def room(runtime: Runtime, share: float = 1.0) -> float | None:
    """Return the bytes of the device, or the ``share`` of all visible GPUs; None if they are not known. Loads torch."""
    import torch

    from offdiag.models.loading import device_of

    device = device_of(runtime)
    if device.type == "cuda":
        return share * sum(torch.cuda.get_device_properties(i).total_memory for i in range(torch.cuda.device_count()))
    return available_memory()
