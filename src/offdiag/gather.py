"""Gather the results of a plan from the store, as the frames that every shown number comes from."""

import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from offdiag.analyses.frames import Records
from offdiag.analyses.seed_variance import with_seed_variance
from offdiag.cell_records import CellRecords, Clusters, RecordColumns
from offdiag.columns import (
    CELLS,
    DTYPES,
    ERRORS,
    LOSSES,
    MEASURES,
    RECORD_ERROR,
    RECORDS,
    SANITY,
    SEED_VARIANCE,
    names,
)
from offdiag.errors import StoreError
from offdiag.notices import flips, not_finite, shortened, ungraded
from offdiag.planning import Plan
from offdiag.results import Results
from offdiag.stats import holm
from offdiag.steps import Grades, Measurement, Step, load_rows
from offdiag.steps.examples import load_examples
from offdiag.steps.grades import each_record
from offdiag.steps.jsonl import recover_jsonl
from offdiag.store import State, Store
from offdiag.study import Cell
from offdiag.tasks import get_task


def gather(plan: Plan, store: Store) -> Results:
    """Return the results of a study as far as the store has them; missing and failed cells are rows, too."""
    survey = plan.survey(store, closely=True)
    states = {state.step.fingerprint: state.state for state in survey}
    named = {name: cell for cell, name in plan.cell_names.items()}
    columns, clusters = RecordColumns(), Clusters(plan.design.clusters)
    found = {cell: _cell_records(plan, store, cell, states, columns, clusters) for cell in plan.cells}
    cells = [_cell_row(plan, store, cell, found, states, clustered=clusters.shared) for cell in plan.cells]
    factors = list(dict.fromkeys(name for cell in plan.cells for name in _factors(plan, cell)))
    records = columns.frame([*factors, *names(RECORDS)], clustered=clusters.shared)
    return Results(
        study=plan.study.name,
        scale=plan.scale,
        title=plan.study.title,
        claim=plan.study.claim,
        params=plan.params_json,
        steps=pd.DataFrame([state.row(store) for state in survey]),
        cells=cells_frame(cells, records, factors),
        records=records,
        measurements=_measurements(store, plan.measurements, states),
        read_records=lambda name: list(_records(store, plan.cells[named[name]], states)) if name in named else [],
        read_options=lambda name: _options(store, plan.cells[named[name]], states) if name in named else {},
        notices=(
            *not_finite(found.values()),
            *ungraded(found.values()),
            *shortened(found.values()),
            *([mixed] if (mixed := plan.mixture(store, survey)) else []),
            *flips(plan, store),
        ),
    )


def _cell_records(
    plan: Plan, store: Store, cell: Cell, states: Mapping[str, State], columns: RecordColumns, clusters: Clusters
) -> CellRecords:
    """Add a cell's records to the columns, and return what they say."""
    step = plan.cells[cell]
    by_error = (RECORD_ERROR.name,) if get_task(cell.evaluation.domain.task).graded_by_error else ()
    return columns.add(
        _factors(plan, cell),
        _records(store, step, states),
        partial(_cluster, plan, clusters, cell),
        options=_options(store, step, states),
        guessed=cell.evaluation.right_or_wrong,
        losses=step.answers.gives_losses,
        more=by_error,
    )


def _records(store: Store, step: Grades, states: Mapping[str, State]) -> Iterator[dict[str, Any]]:
    """Yield the full records of a cell one after the other; none unless it is done."""
    if states[step.fingerprint] is not State.DONE:
        return
    folder, met = store.folder(step), set[str]()
    for record in each_record(folder):
        if record["example"] in met:
            raise StoreError(
                f"{folder} has two records of one example, so no difference can be paired: delete it and run again"
            )
        met.add(record["example"])
        yield record


def _factors(plan: Plan, cell: Cell) -> dict[str, Any]:
    first, arm = plan.first_replicates[cell.arm], plan.cells[cell].arm_name
    return {
        "study": plan.study.name,
        "scale": plan.scale,
        "cell": plan.cell_names[cell],
        "arm": arm,
        **({} if first == arm else {"first_draw": first}),
        **cell.factors(),
    }


def _cell_row(
    plan: Plan,
    store: Store,
    cell: Cell,
    found: Mapping[Cell, CellRecords],
    states: Mapping[str, State],
    *,
    clustered: bool,
) -> dict[str, Any]:
    step, own = plan.cells[cell], found[cell]
    base = plan.design.baseline_of(cell)
    known = base is not None and base in plan.cells
    name, theirs = (plan.cell_names[base], found[base]) if known and base is not None else (None, CellRecords())
    by_error = get_task(cell.evaluation.domain.task).graded_by_error
    return {
        **_factors(plan, cell),
        "state": _cell_state(store, step, states),
        "n_planned": cell.evaluation.n,
        **own.measures(clustered=clustered),
        **(own.error_measures() if by_error else {}),
        **(own.loss_measures(clustered=clustered) if step.answers.gives_losses else {}),
        **own.against(name, theirs, clustered=clustered),
        "folder": store.folder(step).relative_to(store.root).as_posix(),
        "n_errors": own.lost.total(),
        "n_shortened": own.n_shortened,
    }


def _options(store: Store, step: Grades, states: Mapping[str, State]) -> dict[str, tuple[str, ...]]:
    """Return the possible answers by example; empty where the task has none, or the examples are not in the store."""
    examples = step.answers.examples
    if states[step.fingerprint] is not State.DONE or states.get(examples.fingerprint) is not State.DONE:
        return {}
    return _options_in(store.folder(examples))


@lru_cache(maxsize=256)
def _options_in(folder: Path) -> dict[str, tuple[str, ...]]:
    return {example.id: example.choices for example in load_examples(folder) if example.choices}


def _measurements(
    store: Store, measurements: Sequence[Measurement], states: Mapping[str, State]
) -> dict[str, pd.DataFrame]:
    rows: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
    for step in measurements:
        state = states[step.fingerprint]
        word = "done" if state is State.DONE else "failed" if _failed(step, states) else "missing"
        shared = {**step.factors(), "measurement": step.name, "state": word}
        measured = load_rows(store.folder(step)) if state is State.DONE else [{}]
        rows[step.table] += [{**shared, **row} for row in measured]
    return {table: _tidy(pd.DataFrame(found)) for table, found in rows.items()}


def _failed(step: Step, states: Mapping[str, State]) -> bool:
    return any(states[s.fingerprint] is State.FAILED for s in step.walk())


def _cell_state(store: Store, step: Grades, states: Mapping[str, State]) -> str:
    if states[step.fingerprint] is State.DONE:
        return "done"
    if states[step.fingerprint] is State.DAMAGED:
        return "damaged"
    if _failed(step, states):
        return "failed"
    begun = recover_jsonl(store.folder(step.answers) / "answers.partial.jsonl", repair=False)
    return "partial" if begun or states[step.answers.fingerprint] is State.DONE else "missing"


def _cluster(plan: Plan, clusters: Clusters, cell: Cell, record: Mapping[str, Any]) -> str:
    content = (cell.evaluation.domain.task, sys.intern(str(record["problem"])), sys.intern(str(record["target"])))
    return clusters.of(cell, plan.cell_names[cell], record, content)


def cells_frame(rows: list[dict[str, Any]], records: Records, factors: Sequence[str]) -> pd.DataFrame:
    """Return the frame of the cells, with what only all of them together say: adjusted p and variance of seeds."""
    if not rows:
        return _tidy(pd.DataFrame(columns=names(CELLS)))
    frame = pd.DataFrame(rows)
    frame.insert(list(frame).index("p_value") + 1, "p_holm", holm(frame["p_value"].to_numpy(np.float64)))
    frame = with_seed_variance(_tidy(frame), records, factors)
    kinds = {
        c.name: DTYPES[c.kind]
        for c in (*MEASURES, *SANITY, *ERRORS, *LOSSES, *SEED_VARIANCE)
        if c.name in frame.columns
    }
    return frame.astype(kinds)


def _tidy(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the frame with nullable types, so that an absent factor is NA and an integer stays one."""
    return frame.convert_dtypes()
