"""The commands ``studies`` and ``plan``: what there is, what is done, and what the rest will cost."""

from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from typing import Any

import typer

from offdiag.catalogue import load_study, study_names
from offdiag.cli.options import command
from offdiag.cli.tables import show_json, show_table
from offdiag.cost import Cost, estimate, measured
from offdiag.errors import NoDataError
from offdiag.planning import Plan, StepState, make_plan
from offdiag.runtime import available_cores, without_collection
from offdiag.store import State, Store


def study_rows() -> list[dict[str, str]]:
    """One row a study and scale, with its size and cost; without those where its data are not here."""
    named = [(name, scale) for name in study_names() for scale in load_study(name).scales]
    with ProcessPoolExecutor(available_cores()) as pool:
        return list(pool.map(_study_row, *zip(*named, strict=True)))


@without_collection()
def _study_row(name: str, scale: str) -> dict[str, str]:
    row = {"study": name, "scale": scale}
    try:
        plan = make_plan(load_study(name), scale)
    except NoDataError:
        return {**row, "cells": "", "steps": "", "cost": "needs data that are not built in: see its plan"}
    return {**row, "cells": str(len(plan.cells)), "steps": str(len(plan.steps)), "cost": estimate(plan).summary()}


@without_collection()
def show_plan(plan: Plan, store: Store, keyword: str | None, *, as_json: bool) -> None:
    """Print what is done, missing and stale, with reasons, and the cost of what is needed."""
    plan.check()
    survey = plan.survey(store)
    needed = {state.step.fingerprint for state in survey if state.needed}
    cost = estimate(plan, needed, throughput=measured(plan, store))
    if as_json:
        steps = [_step_json(state) for state in survey]
        show_json({**plan.origin, "params": plan.params_json, "cells": len(plan.cells),
                   "measurements": len(plan.measurements), "steps": steps, "cost": cost.to_json()})  # fmt: skip
        return
    typer.echo(f"{plan.study.title}\n{plan.study.name} · {plan.scale} · {plan.size}\n")
    _show_counts(survey)
    _show_reasons(survey)
    if needed:
        _show_cost(cost)
        typer.echo(f"\nNext: {command('run', plan, store, keyword)}")
    else:
        typer.echo(f"\nNothing to run. Next: {command('report', plan, store)}")


def _show_counts(survey: list[StepState]) -> None:
    words = [str(state) for state in State]
    kinds = dict.fromkeys(state.step.kind for state in survey)
    counts = Counter((state.step.kind, _word(state)) for state in survey)
    columns = [word for word in (*words, "not needed") if any(counts[kind, word] for kind in kinds)]
    rows = [[kind, *(str(counts[kind, word] or "") for word in columns)] for kind in kinds]
    show_table("Steps", ["kind", *columns], rows, right=columns)


def _show_reasons(survey: list[StepState]) -> None:
    rows = [[str(s.state), f"{s.step.kind}/{s.step.name}", s.note] for s in survey if s.needed and s.note]
    if rows:
        typer.echo("")
        show_table("Stale or failed", ["state", "step", "why"], rows, prose=["why"])


def _show_cost(cost: Cost) -> None:
    for title, rows in (("Cost of what is to be done", cost.rows()), ("Memory", cost.memory_rows())):
        if rows:
            columns = list(rows[0])
            typer.echo("")
            show_table(title, columns, [list(row.values()) for row in rows], right=columns[1:])
    for note in cost.notes:
        typer.echo(f"  {note}")


def _word(state: StepState) -> str:
    return str(state.state) if state.needed or state.state is State.DONE else "not needed"


def _step_json(state: StepState) -> dict[str, Any]:
    step = state.step
    return {
        "kind": step.kind, "name": step.name, "fingerprint": step.fingerprint, "state": _word(state),
        "why": state.note, "identity": step.canonical(),
    }  # fmt: skip
