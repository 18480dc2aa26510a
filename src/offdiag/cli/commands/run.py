"""``offdiag run``: run the steps that are not done, show progress, and print the results."""

from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import typer

from offdiag.cli.data_remarks import warnings
from offdiag.cli.options import (
    AtOnce,
    DeviceName,
    Keyword,
    MostRequests,
    Scale,
    Sets,
    StoreFolder,
    StudyName,
    Timeout,
    Tracker,
    Versions,
    beginning,
    check_device,
    check_workers,
    command,
    planned,
)
from offdiag.cli.tables import say, show_table
from offdiag.errors import UserError, some
from offdiag.runtime import TOKEN_BUDGET, Requests, Runtime

if TYPE_CHECKING:
    from collections.abc import Sequence

    from offdiag.engine import Summary
    from offdiag.live import Lines
    from offdiag.planning import Plan, StepState
    from offdiag.steps import Step
    from offdiag.store import Store


def run(
    study: StudyName, scale: Scale = "quick", sets: Sets = None, keyword: Keyword = None, store: StoreFolder = None,
    workers: Annotated[int | None, typer.Option(min=1, metavar="N", help="Processes that share the cores.")] = None,
    engine: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="inline, pool [by workers], ray.", autocompletion=beginning("offdiag.engines")
        ),
    ] = None,
    address: Annotated[str | None, typer.Option(metavar="A", help="Ray: the cluster, as HOST:PORT.")] = None,
    gpus_per_worker: Annotated[float | None, typer.Option(min=0, metavar="N", help="Ray: such as 0.5.")] = None,
    device: DeviceName = "auto",
    gpus: Annotated[int, typer.Option(min=1, metavar="N", help="GPUs of each of several workers.")] = 1,
    token_budget: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Padded tokens a batch, in float32 [what memory holds].")
    ] = None,
    at_once: AtOnce = 8, requests: MostRequests = None, timeout: Timeout = 120.0,
    fail_fast: Annotated[bool, typer.Option("-x", help="Stop at the first failure.")] = False,
    versions: Versions = "accept",
    last_failed: Annotated[bool, typer.Option("--last-failed", "--lf", help="Only what failed last time.")] = False,
    wait: Annotated[bool, typer.Option(" /--no-wait", help="Leave out what other runners are at work on.")] = True,
    track: Tracker = None,
    worker: Annotated[bool, typer.Option("--worker", help="Be one of many runners, as a batch system starts.")] = False,
    light: Annotated[bool, typer.Option("--light", help="Worker: only steps that need no model.")] = False,
    skip_failed: Annotated[bool, typer.Option("--skip-failed", help="Worker: leave alone what failed before.")] = False,
) -> int:  # fmt: skip
    """Run what is not done yet; always a resume.

    Several runs on one store share the work. One with --worker draws its steps, takes only those that fit its device,
    and on TERM, USR1 or USR2 gives its step back. It exits with 0 when all is done, 1 when something failed, and 75
    when it was told to end or has left the rest to others.
    """
    from offdiag.api import open_store
    from offdiag.engine import Share, Silent, engine_type, run_plan
    from offdiag.live import saying, watcher_for
    from offdiag.trackers import with_tracker

    kind = engine_type(engine, workers)
    if kind.local:
        check_workers(workers or 1)
        check_device(device)
    with saying(f"planning {study}"):
        plan, place = planned(study, scale, sets, keyword), open_store(store, versions)
    runtime = Runtime(
        device=device, gpus=gpus, token_budget=token_budget or TOKEN_BUDGET, fill_memory=token_budget is None,
        requests=Requests(at_once=at_once, most=requests, timeout=timeout),
    )  # fmt: skip
    _check_budget(plan, runtime)
    given = {"address": address, "gpus_per_worker": gpus_per_worker}
    options: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    if foreign := next((name for name in options if name not in kind.options), None):
        raise UserError(f"--{foreign.replace('_', '-')} is for --engine ray: type that, too, or leave it out")
    if worker and ((workers or 1) > 1 or engine is not None or fail_fast or last_failed or not wait):
        raise UserError("--worker is one process among others: leave out --workers, --engine, -x, --lf and --no-wait")
    if not worker and (light or skip_failed):
        raise UserError("--light and --skip-failed are for workers: type --worker, too")
    with saying(f"looking at {some(len(plan.steps), 'step')} in {place.root}"):
        survey = plan.survey(place)
    pending = [state.step for state in survey if state.needed]
    if not pending:
        with with_tracker(track, plan, place, say, Silent()):
            pass  # what is done and not logged yet
        say(f"{plan.study.name} · {plan.scale}: {plan.size} done; nothing to run.")
        say(f"Next: {command('report', plan, place)}")
        return 0
    if worker:
        return _work(plan, place, runtime, survey, light=light, skip_failed=skip_failed, track=track)
    for line in warnings(plan):
        say(line)
    with (
        watcher_for(pending, workers=workers or 1) as watcher,
        with_tracker(track, plan, place, watcher.say, watcher) as told,
    ):
        summary = run_plan(
            plan, place, runtime, workers=workers, engine=partial(kind, **options), watcher=told,
            fail_fast=fail_fast, last_failed=last_failed, share=Share(wait=wait), survey=survey,
        )  # fmt: skip
    return _show(plan, place, keyword, summary, watcher)


def _work(
    plan: "Plan",
    store: "Store",
    runtime: Runtime,
    survey: "Sequence[StepState]",
    *,
    light: bool,
    skip_failed: bool,
    track: str | None,
) -> int:
    """Be a worker; returns the exit code. It prints no results: it is one of many."""
    from offdiag.drain import EXIT_CODE, Drained
    from offdiag.engine.worker import work
    from offdiag.lease import myself
    from offdiag.live import Lines
    from offdiag.trackers import with_tracker

    lines = Lines([state.step for state in survey if state.needed])
    say(f"worker {myself()}: {plan.study.name} · {plan.scale}")
    try:
        with lines, with_tracker(track, plan, store, lines.say, lines) as told:
            summary = work(plan, store, runtime, told, lines.say, survey=survey, light=light, skip_failed=skip_failed)
    except Drained:
        say("told to end: the step at hand is given back, with what is made of it")
        return EXIT_CODE
    say(f"{counts(summary)}.")
    return 0 if summary.complete else 1 if summary.failed else EXIT_CODE


def _check_budget(plan: "Plan", runtime: Runtime) -> None:
    """Refuse a token budget that some model of a plan would not heed."""
    if runtime.token_budget == TOKEN_BUDGET:
        return
    for spec in dict.fromkeys(spec for step in plan.steps for spec in step.models() if spec.rounds_coarsely):
        raise UserError(
            f"--token-budget is for float32, and {spec.source} is in {spec.numbers}, where the budget moves answers "
            f"and belongs to the model: leave it out, or type --set model.token_budget={runtime.token_budget}"
        )


def _show(plan: "Plan", store: "Store", keyword: str | None, summary: "Summary", watcher: "Lines") -> int:
    """Print the results, the failures and what to type next; returns the exit code."""
    from offdiag.cli.results_table import show_results
    from offdiag.gather import gather
    from offdiag.live import saying

    with saying("gathering the results"):
        results = gather(plan, store)
    say()
    show_results(results, plan.design.analyses if keyword is None else ())
    say_counts(summary, watcher)
    if summary.complete:
        say(f"Next: {command('report', plan, store)}")
        return 0
    say(f"To try again: {command('run', plan, store, keyword)}")
    return 1


def say_counts(summary: "Summary", watcher: "Lines") -> None:
    """Print what was not done and why, and how many steps were."""
    if watcher.failures:
        show_table("\nNot done", ["state", "steps", "reason"], _reasons(watcher.failures), prose=["reason"])
    say("", f"{counts(summary)}.")


def counts(summary: "Summary") -> str:
    """Return in words how many steps are done, and what became of the others."""
    done = f"{summary.done} of {some(summary.planned, 'step')} done"
    done += f" ({summary.by_others} by other runners)" if summary.by_others else ""
    lost = ((summary.failed, "failed"), (summary.busy, "busy elsewhere"), (summary.blocked, "blocked"))
    return ", ".join([done, *(f"{n} {word}" for n, word in lost if n)])


def _reasons(failures: "list[tuple[Step, str, str]]") -> list[list[str]]:
    """Return one row per reason with the steps that ended so; tracebacks are in the folders of failed steps."""
    alike: dict[tuple[str, str], list[str]] = {}
    for step, state, message in failures:
        alike.setdefault((state, message), []).append(f"{step.kind}/{step.name}")
    return [
        [state, names[0] + (f" and {len(names) - 1} more" if len(names) > 1 else ""), message]
        for (state, message), names in alike.items()
    ]
