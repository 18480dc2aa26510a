"""Commands on studies: studies, plan, run, status, why, show, report, doctor."""

from pathlib import Path
from typing import Annotated

import typer

from offdiag.api import open_store
from offdiag.cli.options import (
    AsJson,
    CellName,
    DeviceName,
    Keyword,
    Scale,
    Sets,
    StoreFolder,
    StudyName,
    command,
    planned,
)
from offdiag.cli.tables import show_json, show_table
from offdiag.runtime import Runtime


def studies(as_json: AsJson = False) -> None:
    """List the studies, with the size and cost of each scale."""
    from offdiag.cli.overview import study_rows

    rows = study_rows()
    if as_json:
        show_json(rows)
        return
    columns = list(rows[0])
    show_table("Studies", columns, [list(row.values()) for row in rows], right=["cells", "steps"],
               prose=["cost"])  # fmt: skip
    typer.echo(f"\nNext: offdiag plan {rows[0]['study']} --scale {rows[0]['scale']}")


def plan(
    study: StudyName, scale: Scale = "quick", sets: Sets = None, keyword: Keyword = None, store: StoreFolder = None,
    as_json: AsJson = False,
) -> None:  # fmt: skip
    """What is done, missing and stale, and what it will cost. Loads and runs nothing."""
    from offdiag.cli.overview import show_plan

    show_plan(planned(study, scale, sets, keyword), open_store(store), keyword, as_json=as_json)


def run(
    study: StudyName, scale: Scale = "quick", sets: Sets = None, keyword: Keyword = None, store: StoreFolder = None,
    workers: Annotated[int, typer.Option(min=1, metavar="N", help="Processes that share the cores.")] = 1,
    engine: Annotated[str | None, typer.Option(metavar="NAME", help="inline or pool [pool if workers > 1].")] = None,
    device: DeviceName = "auto",
    token_budget: Annotated[int, typer.Option(min=1, metavar="N", help="Most padded tokens in a batch.")] = 16_384,
    fail_fast: Annotated[bool, typer.Option("-x", help="Stop at the first failure.")] = False,
    last_failed: Annotated[bool, typer.Option("--last-failed", "--lf", help="Only what failed last time.")] = False,
) -> int:  # fmt: skip
    """Run what is not done yet; always a resume."""
    from offdiag.cli.running import run_and_show

    wanted = planned(study, scale, sets, keyword)
    return run_and_show(
        wanted, open_store(store), keyword, workers=workers, engine=engine, device=device, token_budget=token_budget,
        fail_fast=fail_fast, last_failed=last_failed,
    )  # fmt: skip


def status(
    study: StudyName, scale: Scale = "quick", sets: Sets = None, keyword: Keyword = None, store: StoreFolder = None,
    as_json: AsJson = False,
) -> None:  # fmt: skip
    """One line a step: its state, its folder, and why."""
    from offdiag.gather import gather

    results = gather(planned(study, scale, sets, keyword), open_store(store))
    if as_json:
        show_json(results.steps.to_dict(orient="records"))
        return
    rows = results.steps[["state", "folder", "note"]].values.tolist()
    show_table(f"{results.study} · {results.scale}", ["state", "step", "note"], rows, prose=["note"])


def why(
    cell: CellName,
    store: StoreFolder = None,
    as_json: AsJson = False,
) -> None:
    """Why a step is stale or failed, field by field."""
    from offdiag.inspection import explain

    reason = explain(open_store(store), cell)
    if as_json:
        show_json(reason.to_json())
        return
    typer.echo(f"{reason.state}: {reason.step}")
    for line in reason.lines:
        typer.echo(f"  {line}")


def show(
    cell: CellName,
    n: Annotated[int, typer.Option("--n", min=0, metavar="N", help="How many records.")] = 3,
    store: StoreFolder = None,
    as_json: AsJson = False,
) -> None:
    """A prompt as the model sees it, the loss mask, and records."""
    from offdiag.cli.showing import show_cell

    show_cell(open_store(store), cell, n, as_json=as_json)


def compare(
    study: StudyName, scale: Scale = "quick", sets: Sets = None, store: StoreFolder = None, as_json: AsJson = False
) -> None:
    """What was measured beside what others have published."""
    from offdiag.api import compare as compared
    from offdiag.cli.comparing import show_comparison

    wanted = planned(study, scale, sets)
    frame = compared(wanted, store=open_store(store).root)
    show_comparison(f"{wanted.study.title}\n{wanted.study.name} · {wanted.scale}", frame, as_json=as_json)


def report(
    study: StudyName, scale: Scale = "quick", sets: Sets = None, store: StoreFolder = None,
    folder: Annotated[
        Path | None, typer.Option("--to", "-o", metavar="FOLDER", help="Where to [offdiag-report/STUDY-SCALE].")
    ] = None,
) -> None:  # fmt: skip
    """Write tables, figures and one self-contained page."""
    from offdiag.api import make_report
    from offdiag.cli.results_table import show_results

    wanted, kept = planned(study, scale, sets), open_store(store)
    made = make_report(wanted, kept, folder)
    show_results(made.results, wanted.design.analyses, made.tables)
    typer.echo(f"\nReport: {made.page}")
    if lacking := made.results.lacking():
        steps = ", ".join(f"{n} {state}" for state, n in lacking.items())
        typer.echo(f"Steps that it still lacks: {steps}.\nNext: {command('run', wanted, kept)}")


def doctor(
    model: Annotated[
        str | None, typer.Option(metavar="MODEL", help="Model to try [the embedded one, if it is installed].")
    ] = None,
    store: StoreFolder = None,
    device: DeviceName = "auto",
    as_json: AsJson = False,
) -> int:
    """See whether machine, store and model are as they should be.

    Versions, device, disk, store, and whether answers depend on the batch or the cache here.
    """
    from offdiag.cli.doctoring import examine

    return examine(model, open_store(store), Runtime(device=device), as_json=as_json)


COMMANDS = (studies, plan, run, status, why, show, compare, report, doctor)
