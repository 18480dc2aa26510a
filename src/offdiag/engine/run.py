"""Run the steps of a plan that the store lacks."""

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from offdiag.cost import check_contexts
from offdiag.engine.engine import Engine, Silent, Watcher, engine_type
from offdiag.engine.scheduler import Scheduler
from offdiag.errors import UserError
from offdiag.models import ModelSource
from offdiag.models.answers import TrialQuestion
from offdiag.models.files_check import check_files
from offdiag.planning import Plan, StepState, models_of, with_its_data
from offdiag.runtime import Runtime, Spent
from offdiag.steps import Step, in_order
from offdiag.store import State, Store
from offdiag.tasks.data import DataPlace


class Summary(NamedTuple):
    """Numbers of steps by how they ended; ``planned`` counts those that were needed when the run began."""

    planned: int
    done: int
    failed: int
    busy: int
    blocked: int

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
    workers: int = 1,
    engine: Engine | str | None = None,
    watcher: Watcher | None = None,
    fail_fast: bool = False,
    last_failed: bool = False,
    survey: Sequence[StepState] | None = None,
) -> Summary:
    """Run every step that the plan needs and the store lacks; always a resume.

    Args:
        plan: what is wanted. store: where it goes. runtime: device, batches, threads.
        workers: processes; 1 runs everything in this one. engine: another engine, by name or made already.
        watcher: hears of every step. fail_fast: stop at the first failure. last_failed: only what failed last time.
        survey: what the store has of the plan, by somebody who has just looked; None looks.

    Raises:
        UserError: the runtime names other data than the plan was made of, a pool is too small, a training set overlaps
            an evaluation set, a prompt is longer than the context, or the hub is out of reach for a model that is not
            downloaded; found before anything runs.
        StoreError: the store cannot be written.
    """
    runtime = _of_plan(runtime or Runtime(), plan)
    needed = [state for state in (plan.survey(store) if survey is None else survey) if state.needed]
    if last_failed:
        needed = _failed_only(needed)
    if not needed:
        return Summary(0, 0, 0, 0, 0)
    plan.check()
    check_contexts(plan, {state.step.fingerprint for state in needed}, runtime)
    origins = models_of([state.step for state in needed])
    if _fetch_models(origins):
        return run_plan(
            plan.again(), store, runtime, workers=workers, engine=engine, watcher=watcher, fail_fast=fail_fast,
            last_failed=last_failed,
        )  # fmt: skip
    for origin in origins:
        check_files(origin)
    _try_servers([state.step for state in needed], runtime)
    for step in [state.step for state in needed if state.step.fingerprint in dict(store.outdated)]:
        store.discard(step)
    scheduler = Scheduler.of([state.step for state in needed])
    if not isinstance(engine, Engine):
        engine = engine_type(engine, workers)(runtime, workers)
    engine.run(scheduler, store, plan.origin, watcher or Silent(), fail_fast=fail_fast)
    return Summary(len(needed), len(scheduler.done), len(scheduler.failed), len(scheduler.busy), len(scheduler.blocked))


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
