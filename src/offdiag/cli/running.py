"""The command ``run``: watch it, and show what came out."""

import typer

from offdiag.cli.tables import show_results, show_table
from offdiag.cli.watch import Lines, watcher_for
from offdiag.engine import Engine, Inline, Pool, Summary, run_plan
from offdiag.engine.pool import limit_threads
from offdiag.errors import UserError
from offdiag.planning import Plan
from offdiag.runtime import Device, Runtime, available_cores
from offdiag.store import Store


def run_and_show(
    plan: Plan, store: Store, *, workers: int, engine: str | None, device: Device, token_budget: int, fail_fast: bool,
    last_failed: bool,
) -> int:  # fmt: skip
    """Run a plan and print the failures, the results and what to type next; returns the exit code."""
    files = () if plan.study.file is None else (plan.study.file,)
    runtime = Runtime(device=device, token_budget=token_budget, study_files=files)
    chosen = _engine(engine, runtime, workers)
    pending = sum(state.needed for state in plan.survey(store))
    if not pending:
        typer.echo(f"{plan.study.name} · {plan.scale}: all {len(plan.cells)} cells are done; nothing to run.")
        typer.echo(f"Next: offdiag report {plan.command}")
        return 0
    with watcher_for(pending) as watcher:
        summary = run_plan(
            plan, store, runtime, engine=chosen, watcher=watcher, fail_fast=fail_fast, last_failed=last_failed
        )
    return _show(plan, store, summary, watcher)


def _engine(name: str | None, runtime: Runtime, workers: int) -> Engine:
    if workers > available_cores():
        raise UserError(
            f"--workers {workers}: this machine has {available_cores()} cores; type --workers 1 or up to that"
        )
    match name or ("pool" if workers > 1 else "inline"):
        case "inline" if workers == 1:
            limit_threads(runtime)
            return Inline(runtime)
        case "inline":
            raise UserError(f"--engine inline runs in one process, not in {workers}: leave --workers out")
        case "pool":
            return Pool(runtime, workers)
    raise UserError(f"unknown engine {name!r}: expected inline or pool")


def _show(plan: Plan, store: Store, summary: Summary, watcher: Lines) -> int:
    from offdiag.gather import gather

    results = gather(plan, store)
    show_results(f"\n{results.title}\n{results.study} · {results.scale}", results.cells)
    if watcher.failures:
        rows = [[state, f"{step.kind}/{step.name}", message] for step, state, message in watcher.failures]
        show_table("\nNot done", ["state", "step", "reason"], rows)
    counts = f"{summary.done} of {summary.planned} steps done"
    lost = [f"{n} {word}" for n, word in zip(summary[2:], ("failed", "busy elsewhere", "blocked"), strict=True) if n]
    typer.echo("\n" + ", ".join([counts, *lost]) + ".")
    again = f"offdiag run {plan.command} --store {store.root}"
    typer.echo(f"Next: offdiag report {plan.command}" if summary.complete else f"To try again: {again}")
    return 0 if summary.complete else 1
