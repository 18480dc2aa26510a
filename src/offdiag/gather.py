"""Gather the results of a plan from the store, as the frames that every shown number comes from."""

import sys
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from offdiag.analyses.seed_variance import with_seed_variance
from offdiag.cell_records import CellRecords, RecordColumns
from offdiag.columns import (
    CELLS,
    DTYPES,
    ERRORS,
    MEASURES,
    RECORD_ERROR,
    RECORDS,
    SANITY,
    SEED_VARIANCE,
    names,
)
from offdiag.errors import StoreError, UserError
from offdiag.models.finite import NOT_FINITE
from offdiag.models.flips import FILE, FlipRate, kept_rates
from offdiag.planning import Plan
from offdiag.results import Results
from offdiag.stats import holm, median_interval
from offdiag.stats.learner_difference import learner_difference
from offdiag.stats.replicated import accuracy
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
    columns, clusters = RecordColumns(), _Clusters(plan)
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
        cells=_cells(cells, records, factors),
        records=records,
        measurements=_measurements(store, plan.measurements, states),
        read_records=lambda name: list(_records(store, plan.cells[named[name]], states)) if name in named else [],
        notices=(
            *_not_finite(plan, found.values()),
            *_ungraded(plan, found.values()),
            *([mixed] if (mixed := plan.mixture(store, survey)) else []),
            *_flips(plan, store),
        ),
    )


def _cell_records(
    plan: Plan, store: Store, cell: Cell, states: Mapping[str, State], columns: RecordColumns, clusters: "_Clusters"
) -> CellRecords:
    """Add a cell's records to the columns, and return what they say."""
    step = plan.cells[cell]
    by_error = (RECORD_ERROR.name,) if get_task(cell.evaluation.domain.task).graded_by_error else ()
    return columns.add(
        _factors(plan, cell),
        _records(store, step, states),
        partial(clusters.of, cell),
        options=_options(store, step, states),
        guessed=cell.evaluation.right_or_wrong,
        more=by_error,
    )


def _not_finite(plan: Plan, found: Collection[CellRecords]) -> tuple[str, ...]:
    """Return a line on items that are errors, if there are any."""
    spoilt = [n for one in found if (n := one.lost[NOT_FINITE])]
    if not spoilt:
        return ()
    return (
        f"{sum(spoilt)} items in {len(spoilt)} of {len(plan.cells)} cells are errors: the model gave numbers that are "
        "not finite (NaN or infinite). They are in no accuracy; column n_errors counts them.",
    )


def _ungraded(plan: Plan, found: Collection[CellRecords]) -> tuple[str, ...]:
    """Return a line on answers that the grader failed on, with its commonest error, if there are any."""
    failed = [one for one in found if one.n_ungraded]
    if not failed:
        return ()
    n = sum(one.n_ungraded for one in failed)
    said: Counter[str] = Counter()
    for one in failed:
        said.update(one.failures)
    why = f" (mostly: {said.most_common(1)[0][0]})" if said else ""
    items = sum(one.lost["ungraded"] for one in failed)
    counted = "column n_errors counts them" if items == n else f"they leave {items} items without any, see n_errors"
    return (
        f"{n} answers in {len(failed)} of {len(plan.cells)} cells are ungraded: the grader failed on them"
        f"{why}. They are in no accuracy; {counted}.",
    )


def _flips(plan: Plan, store: Store) -> Iterator[str]:
    """Yield a line on each model in 16 bits or int8: how many of its answers change with the token budget."""
    specs = dict.fromkeys(step.answers.weights.spec for step in plan.cells.values())
    rates = kept_rates(store.root / FILE)
    for spec in specs:
        if spec.rounds_coarsely:
            rate = FlipRate.kept(rates, spec)
            how = f"offdiag doctor --model {spec.source} --dtype {spec.dtype}"
            how += "" if spec.quantization == "none" else f" --quantization {spec.quantization}"
            unknown = f"single answers may change with the batch; to measure it, type: {how}"
            yield f"{spec.source} computes in {spec.numbers}: " + (f"{rate} ({how})" if rate else unknown)


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
    n = len(own.scores)
    measured = accuracy([own.scores], clusters=own.clusters if clustered else None)
    return {
        **_factors(plan, cell),
        "state": _cell_state(store, step, states),
        "n_planned": cell.evaluation.n,
        "n": n,
        "n_correct": own.n_correct,
        "n_unparsed": own.n_unparsed,
        "accuracy": sum(own.scores) / n if n else np.nan,
        "ci_low": measured.low,
        "ci_high": measured.high,
        "unparsed_rate": own.n_unparsed / own.n_answers if n else np.nan,
        **own.sanity,
        **_errors(cell, own.errors),
        **_against_baseline(plan, cell, found, clustered=clustered),
        "folder": store.folder(step).relative_to(store.root).as_posix(),
        "n_errors": own.lost.total(),
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


def _errors(cell: Cell, errors: Sequence[float]) -> dict[str, float]:
    """Return mean and median error (with its interval) of the parsed answers; ``n_unparsed`` counts the others."""
    if not get_task(cell.evaluation.domain.task).graded_by_error:
        return {}
    centres = (np.mean(errors), np.median(errors)) if errors else (np.nan, np.nan)
    return dict(zip(names(ERRORS), map(float, (*centres, *median_interval(errors))), strict=True))


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


class _Clusters:
    """Tells the cluster of each record: examples of one value count as one.

    It is the value of the column that the design names (an example without one is alone), or else the first example
    with the same question and answer.

    Attributes:
        shared: whether examples of a cell so far share one; else each stands for itself.
    """

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._first: dict[tuple[str, ...], str] = {}
        self._met: tuple[Cell | None, set[str]] = (None, set())
        self.shared = False

    def of(self, cell: Cell, record: Mapping[str, Any]) -> str:
        """Return the cluster of a record of this cell.

        Raises:
            UserError: the design names a column that the record lacks.
        """
        cluster = self._named(cell, record) if self._plan.design.clusters else self._same(cell, record)
        if self._met[0] is not cell:
            self._met = (cell, set())
        self.shared |= cluster in self._met[1]
        self._met[1].add(cluster)
        return cluster

    def _named(self, cell: Cell, record: Mapping[str, Any]) -> str:
        name, strata = self._plan.design.clusters, record["strata"]
        if name not in strata:
            known = ", ".join(strata) or "none"
            raise UserError(f"clusters={name!r}: the examples of {self._plan.cell_names[cell]} have {known}")
        value = strata[name]
        return str(record["example"]) if value is None else f"{name}={value}"

    def _same(self, cell: Cell, record: Mapping[str, Any]) -> str:
        content = (cell.evaluation.domain.task, sys.intern(str(record["problem"])), sys.intern(str(record["target"])))
        return self._first.setdefault(content, str(record["example"]))


def _against_baseline(plan: Plan, cell: Cell, found: Mapping[Cell, CellRecords], *, clustered: bool) -> dict[str, Any]:
    base, ours = plan.design.baseline_of(cell), found[cell]
    row: dict[str, Any] = {
        "baseline": None, "n_paired": 0, "difference": np.nan, "diff_low": np.nan, "diff_high": np.nan,
        "p_value": np.nan,
    }  # fmt: skip
    if base is None or base not in plan.cells:
        return row
    row["baseline"] = plan.cell_names[base]
    reference = dict(zip(found[base].examples, found[base].scores, strict=True))
    theirs = [reference.get(example, np.nan) for example in ours.examples]
    fixed = (True, True)  # these very models
    clusters = ours.clusters if clustered else None
    paired = learner_difference([ours.scores], [theirs], untrained=fixed, clusters=clusters).difference
    if not paired.n:
        return row
    return row | {
        "n_paired": paired.n,
        "difference": paired.value,
        "diff_low": paired.low,
        "diff_high": paired.high,
        "p_value": paired.p_value,
    }


def _cells(rows: list[dict[str, Any]], records: pd.DataFrame, factors: Sequence[str]) -> pd.DataFrame:
    """Return the frame of the cells, with what only all of them together say: adjusted p and variance of seeds."""
    if not rows:
        return _tidy(pd.DataFrame(columns=names(CELLS)))
    frame = pd.DataFrame(rows)
    frame.insert(list(frame).index("p_value") + 1, "p_holm", holm(frame["p_value"].to_numpy(np.float64)))
    frame = with_seed_variance(_tidy(frame), records, factors)
    kinds = {c.name: DTYPES[c.kind] for c in (*MEASURES, *SANITY, *ERRORS, *SEED_VARIANCE) if c.name in frame.columns}
    return frame.astype(kinds)


def _tidy(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the frame with nullable types, so that an absent factor is NA and an integer stays one."""
    return frame.convert_dtypes()
