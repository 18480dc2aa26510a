"""``offdiag plan``: show which steps are done, and what the rest will cost."""

from collections import Counter
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from offdiag.cli.data_remarks import overlaps, remarks_by_domain
from offdiag.cli.options import (
    AsJson,
    Keyword,
    OnDevice,
    Prices,
    Scale,
    Sets,
    StoreFolder,
    StudyName,
    Versions,
    command,
    planned,
)
from offdiag.cli.tables import fits, folded, say, show_json, show_stacked, show_table
from offdiag.runtime import without_collection

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from offdiag.cost import Cost, Price
    from offdiag.planning import Plan, StepState
    from offdiag.store import Store


@without_collection()
def plan(
    study: StudyName,
    scale: Scale = "quick",
    sets: Sets = None,
    keyword: Keyword = None,
    store: StoreFolder = None,
    versions: Versions = "accept",
    price: Prices = None,
    on: OnDevice = "",
    as_json: AsJson = False,
) -> None:
    """List done, missing and stale steps, and the cost of the rest.

    The command loads no model and runs nothing.
    """
    from offdiag.api import open_store
    from offdiag.cost import parse_prices

    wanted, place = planned(study, scale, sets, keyword), open_store(store, versions)
    wanted.check()
    if as_json:
        survey, cost = _looked_at(wanted, place, on)
        show_json(_json(wanted, survey, cost))
        return
    say(*folded(wanted.study.title, indent=0), f"{wanted.study.name} · {wanted.scale} · {wanted.size}", "")
    _show_data(wanted)
    if show_plan(wanted, place, parse_prices(price or ()), on):
        say("", f"Next: {command('run', wanted, place, keyword)}")
    else:
        say("", f"Nothing to run. Next: {command('report', wanted, place)}")


def show_plan(wanted: "Plan", place: "Store", prices: "Mapping[str, Price] | None" = None, device: str = "") -> bool:
    """Print the states of the steps and the cost of what is to be done; returns whether there is something to do."""
    survey, cost = _looked_at(wanted, place, device)
    needed = any(state.needed for state in survey)
    _show_counts(survey)
    _show_reasons(survey)
    if mixed := wanted.mixture(place, survey, beside_here=needed):
        say("", f"! {mixed}")
    if needed:
        _show_cost(cost, prices or {})
    return needed


def _show_data(wanted: "Plan") -> None:
    """Print what should be known of the data; of most tasks there is nothing."""
    for name, lines in remarks_by_domain(wanted).items():
        say(name, *(f"  {line}" for line in lines), "")
    if shared := overlaps(wanted):
        say(*shared, "")


def _looked_at(wanted: "Plan", place: "Store", device: str) -> "tuple[list[StepState], Cost]":
    from offdiag.cost import estimate, measured, rates_here

    survey = wanted.survey(place)
    needed = {state.step.fingerprint for state in survey if state.needed}
    throughput, rates = None if device else measured(wanted, place), rates_here(device=device)
    return survey, estimate(wanted, needed, throughput=throughput, rates=rates, store=place)


def _show_counts(survey: "list[StepState]") -> None:
    from offdiag.store import State

    words = [str(state) for state in State]
    kinds = dict.fromkeys(state.step.kind for state in survey)
    counts = Counter((state.step.kind, state.word) for state in survey)
    columns = [word for word in (*words, "not needed") if any(counts[kind, word] for kind in kinds)]
    rows = [[kind, *(str(counts[kind, word] or "") for word in columns)] for kind in kinds]
    show_table("Steps", ["kind", *columns], rows, right=columns)


def _show_reasons(survey: "list[StepState]") -> None:
    rows = [[str(s.state), f"{s.step.kind}/{s.step.name}", s.note] for s in survey if s.needed and s.note]
    if rows:
        say()
        show_table("Stale or failed", ["state", "step", "why"], rows, prose=["why"])


def _show_cost(cost: "Cost", prices: "Mapping[str, Price]") -> None:
    from offdiag.cost import count

    tables = (
        ("Cost of what is to be done", "steps", cost.rows()),
        ("Memory", "model", cost.memory_rows()),
        ("Asked of servers", "model", cost.served_rows(prices)),
    )
    for title, heading, rows in tables:
        if rows:
            columns = _columns(rows)
            values = [[row[name] for name in columns] for row in rows]
            narrow = [name for name in columns if name != heading]
            say()
            show_stacked(title, columns, values, narrow, itemgetter(heading), right=columns[1:])
    if cost.total.flops_most != 0:
        say("", *folded(f"Time: {_time(cost)}", indent=0))
    if cost.held:
        judged = any(line.kind == "judgements" for line in cost.lines)
        read = any(line.kind == "states" for line in cost.lines)
        answers = "Answers, and what judges say of them" if judged else "Answers and states" if read else "Answers"
        said = f"{answers}: {count(cost.held)} from the store, {count(cost.new)} new ones, which alone are counted here"
        say(*folded(said))
    for note in cost.notes:
        say(*folded(note))


def _columns(rows: "Sequence[Mapping[str, str]]") -> list[str]:
    """Return the columns of a table; where they are too wide, those in which something is."""
    columns = list(rows[0])
    if fits(columns, [list(row.values()) for row in rows]):
        return columns
    return [name for name in columns if any(row[name] not in ("", "0") for row in rows)]


def _time(cost: "Cost") -> str:
    if cost.time is not None:
        return str(cost.time)
    if cost.total.flops_expected is None:
        return "not known, as the size of a model is not"
    return (
        "not known: no finished step of this plan tells it, this machine was never timed, and its device is not in the "
        "table; type: offdiag doctor --calibrate (or offdiag plan STUDY --on H100 for another machine)"
    )


def _json(plan: "Plan", survey: "list[StepState]", cost: "Cost") -> dict[str, Any]:
    counts = {"cells": len(plan.cells), "measurements": len(plan.measurements)}
    steps = [_step_json(state) for state in survey]
    return {**plan.origin, "params": plan.params_json, **counts, "steps": steps, "cost": cost.to_json()}


def _step_json(state: "StepState") -> dict[str, Any]:
    step = state.step
    return {
        "kind": step.kind, "name": step.name, "fingerprint": step.fingerprint, "state": state.word,
        "why": state.note, "identity": step.canonical(),
    }  # fmt: skip
