"""Run the steps of a plan that the store lacks."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from random import Random
from typing import NamedTuple

from offdiag.cost import check_contexts
from offdiag.engine.engine import MakesEngine, Silent, Watcher, engine_type
from offdiag.engine.execute import Ended
from offdiag.engine.inline import settle
from offdiag.engine.scheduler import Scheduler, Takes
from offdiag.errors import UserError
from offdiag.models import ModelSource
from offdiag.models.answers import TrialQuestion
from offdiag.models.files_check import check_files
from offdiag.planning import Plan, StepState, models_of, with_its_data
from offdiag.runtime import Runtime, Spent
from offdiag.steps import Step, in_order
from offdiag.store import State, Store
from offdiag.tasks.data import DataPlace


@dataclass(frozen=True)
class Share:
    """How a runner shares the steps of a plan with other runners of the store.

    Attributes:
        wait: for steps that others have; else they are left out, and so is what needs them.
        takes: whether this runner can do a step; None for any. draw: takes steps in a random order, as one of many.
        skip_failed: leave alone what has failed before.
    """

    wait: bool = True
    takes: Takes | None = None
    draw: Random | None = None
    skip_failed: bool = False


class Summary(NamedTuple):
    """Numbers of steps by how they ended.

    Attributes:
        planned: those that were needed when the run began. done: here or by other runners.
        failed, blocked: here or by other runners. busy: other runners still have them.
        by_others: those of ``done`` that other runners did.
    """

    planned: int
    done: int
    failed: int
    busy: int
    blocked: int
    by_others: int = 0

    @property
    def complete(self) -> bool:
        """Whether everything that was needed is done."""
        return self.done == self.planned


@with_its_data
def run_plan(
    plan: Plan,
    store: Store,
    runtime: Runtime | None = None,
    *,
    workers: int | None = None,
    engine: MakesEngine | str | None = None,
    watcher: Watcher | None = None,
    fail_fast: bool = False,
    last_failed: bool = False,
    share: Share = Share(),
    survey: Sequence[StepState] | None = None,
) -> Summary:
    """Run every step that the plan needs and the store lacks; always a resume.

    Args:
        plan: what is wanted. store: where it goes. runtime: device, batches, threads.
        workers: processes; None leaves it to the engine, which is this process alone if none is named.
        engine: another engine, by name, or what makes one.
        watcher: hears of every step. fail_fast: stop at the first failure. last_failed: only what failed last time.
        share: how it shares the steps with other runners.
        survey: what the store has of the plan, by somebody who has just looked; None looks.

    Raises:
        UserError: the engine cannot be had, the runtime names other data than the plan was made of, a pool is too
            small, a training set overlaps an evaluation set, a prompt is longer than the context, or the hub is out of
            reach for a model that is not downloaded; found before anything runs.
        StoreError: the store cannot be written.
    """
    runtime = _of_plan(runtime or Runtime(), plan)
    runs = (engine_type(engine, workers) if engine is None or isinstance(engine, str) else engine)(runtime, workers)
    plan, needed = prepare(plan, store, runtime, last_failed=last_failed, survey=survey)
    if not needed:
        return Summary(0, 0, 0, 0, 0)
    for step in [state.step for state in needed if state.step.fingerprint in dict(store.outdated)]:
        store.discard(step)
    watcher = watcher or Silent()
    scheduler = _scheduler(needed, share, store, watcher)
    runs.run(scheduler, store, plan.origin, watcher, fail_fast=fail_fast)
    return _summary(len(needed), scheduler)


@with_its_data
def prepare(
    plan: Plan,
    store: Store,
    runtime: Runtime,
    *,
    last_failed: bool = False,
    survey: Sequence[StepState] | None = None,
) -> tuple[Plan, list[StepState]]:
    """Check all that can be known before a run, and fetch the models; see :func:`run_plan`.

    Returns:
        The plan, made anew if a model turned out to be another one than was known, and the steps that it needs.
    """
    needed = [state for state in (plan.survey(store) if survey is None else survey) if state.needed]
    if last_failed:
        needed = _failed_only(needed)
    if not needed:
        return plan, needed
    plan.check()
    check_contexts(plan, {state.step.fingerprint for state in needed}, runtime)
    origins = models_of([state.step for state in needed])
    if _fetch_models(origins):
        return prepare(plan.again(), store, runtime, last_failed=last_failed)
    for origin in origins:
        check_files(origin)
    for state in needed:
        state.step.require()
    _try_servers([state.step for state in needed], runtime)
    return plan, needed


def _scheduler(needed: Sequence[StepState], share: Share, store: Store, watcher: Watcher) -> Scheduler:
    """Return a scheduler that knows what other runners have, and what is not to be tried."""
    steps = [state.step for state in needed]
    scheduler = Scheduler.of(steps, patient=share.wait, draw=share.draw, takes=share.takes)
    for step, state, *_ in needed:
        if state is State.BUSY:
            settle(scheduler, watcher, step, Ended.BUSY, "")
        elif state is State.FAILED and share.skip_failed and scheduler.known(step):
            settle(scheduler, watcher, step, Ended.FAILED, store.error(step))
    return scheduler


def _summary(planned: int, scheduler: Scheduler) -> Summary:
    return Summary(
        planned,
        len(scheduler.done),
        len(scheduler.failed),
        len(scheduler.busy) + len(scheduler.waiting),
        len(scheduler.blocked),
        len(scheduler.by_others),
    )


def _fetch_models(origins: Sequence[ModelSource]) -> bool:
    """Fetch the models that are not here, before anything runs; returns whether an identity is another one now.

    Raises:
        UserError: one cannot be had; nothing is fetched then.
    """
    for origin in origins:
        origin.require_available()
    changed = [origin.fetch() for origin in origins]
    return any(changed)


def _try_servers(steps: Sequence[Step], runtime: Runtime) -> None:
    """Ask each server one question of each kind that the steps will ask, before anything runs.

    Raises:
        UserError: one cannot be asked.
    """
    trials: dict[ModelSource, dict[object, TrialQuestion]] = {}
    for spec, trial in filter(None, (step.trial() for step in steps)):
        trials.setdefault(spec.origin, {}).setdefault(trial.kind, trial)
    for origin, kinds in trials.items():
        origin.try_out(list(kinds.values()), runtime.requests)


def _of_plan(runtime: Runtime, plan: Plan) -> Runtime:
    """Return the runtime with the plan's data folder, the file that defines its study, and no request sent yet."""
    if runtime.data_dir and plan.data_dir and str(DataPlace.of(runtime.data_dir)) != plan.data_dir:
        raise UserError(
            f"the plan was made of the data in {plan.data_dir}, and the runtime says data_dir={runtime.data_dir}: "
            "leave that out, or make the plan with the same"
        )
    files = (*runtime.study_files, *([plan.study.file] if plan.study.file is not None else []))
    return replace(
        runtime,
        data_dir=runtime.data_dir or plan.data_dir,
        study_files=tuple(dict.fromkeys(files)),
        requests=replace(runtime.requests, spent=Spent()),
    )


def _failed_only(needed: Sequence[StepState]) -> list[StepState]:
    """Return the failed steps, what they need and what needs them."""
    failed = {state.step.fingerprint for state in needed if state.state is State.FAILED}
    wanted = {step.fingerprint for step in in_order(s.step for s in needed if s.step.fingerprint in failed)}
    return [
        state
        for state in needed
        if state.step.fingerprint in wanted or any(step.fingerprint in failed for step in state.step.walk())
    ]
