"""Gather the results of a plan from the store, as the frames that every shown number comes from."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from offdiag.analyses.sanity import options_of, sanity
from offdiag.analyses.seed_variance import with_seed_variance
from offdiag.columns import (
    CELLS,
    CLUSTER,
    DTYPES,
    ERRORS,
    MEASURES,
    OPTIONS,
    RECORD_CONFIDENCE,
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
from offdiag.stats.calibration import confidence
from offdiag.stats.learner_difference import learner_difference
from offdiag.stats.replicated import accuracy
from offdiag.steps import Grades, Measurement, Step, load_records, load_rows
from offdiag.steps.examples import load_examples
from offdiag.steps.grades import n_answers, n_ungraded, n_unparsed, record_score
from offdiag.steps.jsonl import recover_jsonl
from offdiag.store import State, Store
from offdiag.study import Cell
from offdiag.tasks import get_task
from offdiag.tasks.task import UNRATED

_LONG = ("prompt", "completion", "samples", "verdict")  # texts of a record that no number is made of


def gather(plan: Plan, store: Store) -> Results:
    """Return the results of a study as far as the store has them; missing and failed cells are rows, too."""
    survey = plan.survey(store, closely=True)
    states = {state.step.fingerprint: state.state for state in survey}
    once = _Once()  # cells of one evaluation have the same problems, targets and strata
    whole = {cell: once.slim(_records(store, step, states)) for cell, step in plan.cells.items()}
    found = {cell: [record for record in records if record["status"] not in UNRATED] for cell, records in whole.items()}
    named = {name: cell for cell, name in plan.cell_names.items()}
    clusters = _clusters(plan, found)
    cells = [
        _cell_row(plan, store, cell, step, found, states, clusters) | {"n_errors": len(whole[cell]) - len(found[cell])}
        for cell, step in plan.cells.items()
    ]
    factors = dict.fromkeys(name for cell, step in plan.cells.items() for name in _factors(plan, cell, step))
    rows = (
        row
        for cell, step in plan.cells.items()
        for row in _record_rows(plan, cell, step, found[cell], clusters.get(cell), _options(store, step, states))
    )
    records = _frame(rows, [*factors, *names(RECORDS)])
    return Results(
        study=plan.study.name,
        scale=plan.scale,
        title=plan.study.title,
        claim=plan.study.claim,
        params=plan.params_json,
        steps=pd.DataFrame([state.row(store) for state in survey]),
        cells=_cells(cells, records, list(factors)),
        records=records,
        measurements=_measurements(store, plan.measurements, states),
        read_records=lambda name: _records(store, plan.cells[named[name]], states) if name in named else [],
        notices=(
            *_not_finite(plan, whole),
            *_ungraded(plan, whole),
            *([mixed] if (mixed := plan.mixture(store, survey)) else []),
            *_flips(plan, store),
        ),
    )


class _Once:
    """Keeps equal values once: of many records each is in memory a few times else."""

    def __init__(self) -> None:
        self._kept: dict[Any, Any] = {}

    def slim(self, records: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """Return records without their long texts, which are read again where they are shown."""
        return [
            {
                **{name: self._of(value) for name, value in r.items() if name not in _LONG},
                "score": record_score(r),
                "n_unparsed": n_unparsed(r),
                "n_ungraded": n_ungraded(r),
                "n_answers": n_answers(r),
            }
            for r in records
        ]

    def _of(self, value: Any) -> Any:
        if isinstance(value, str):
            return self._kept.setdefault(value, value)
        if isinstance(value, list) and not value:
            return self._kept.setdefault((), value)
        if isinstance(value, dict):
            return self._kept.setdefault(("strata", *((name, type(v), v) for name, v in value.items())), value)
        return value


def _frame(rows: Iterable[Mapping[str, Any]], columns: Sequence[str]) -> pd.DataFrame:
    """Return rows as a frame with nullable types, made column by column; ``columns`` are its own if there is no row."""
    found: dict[str, list[Any]] = {}
    n = 0
    for row in rows:
        for name, value in row.items():
            if (column := found.get(name)) is None:
                column = found[name] = [None] * n
            column.append(value)
        n += 1
        if len(row) < len(found):
            for column in found.values():
                if len(column) < n:
                    column.append(None)
    if not n:
        return _tidy(pd.DataFrame(columns=list(columns)))
    series = {name: pd.Series(found.pop(name)).convert_dtypes() for name in list(found)}
    if "correct" in series:  # where all are NA, or all scores are whole, too
        series["correct"], series["score"] = series["correct"].astype("boolean"), series["score"].astype("Float64")
    return pd.DataFrame(series, copy=False)


def _not_finite(plan: Plan, records: Mapping[Cell, Sequence[Mapping[str, Any]]]) -> tuple[str, ...]:
    """Return a line on items that are errors, if there are any."""
    errors = [sum(record["status"] == NOT_FINITE for record in own) for own in records.values()]
    spoilt = sum(map(bool, errors))
    if not spoilt:
        return ()
    return (
        f"{sum(errors)} items in {spoilt} of {len(plan.cells)} cells are errors: the model gave numbers that are not "
        "finite (NaN or infinite). They are in no accuracy; column n_errors counts them.",
    )


def _ungraded(plan: Plan, records: Mapping[Cell, Sequence[Mapping[str, Any]]]) -> tuple[str, ...]:
    """Return a line on answers that the grader failed on, with its commonest error, if there are any."""
    failed = [[record for record in own if record["n_ungraded"]] for own in records.values()]
    if not (n := sum(record["n_ungraded"] for own in failed for record in own)):
        return ()
    said = Counter(record["flags"][0] for own in failed for record in own if record["flags"])
    why = f" (mostly: {said.most_common(1)[0][0]})" if said else ""
    items = sum(record["status"] == "ungraded" for own in failed for record in own)
    counted = "column n_errors counts them" if items == n else f"they leave {items} items without any, see n_errors"
    return (
        f"{n} answers in {sum(map(bool, failed))} of {len(plan.cells)} cells are ungraded: the grader failed on them"
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


def _records(store: Store, step: Grades, states: dict[str, State]) -> list[dict[str, Any]]:
    if states[step.fingerprint] is not State.DONE:
        return []
    records = load_records(store.folder(step))
    if len({record["example"] for record in records}) < len(records):
        folder = store.folder(step)
        raise StoreError(
            f"{folder} has two records of one example, so no difference can be paired: delete it and run again"
        )
    return records


def _factors(plan: Plan, cell: Cell, step: Grades) -> dict[str, Any]:
    first = plan.first_replicates[cell.arm]
    return {
        "study": plan.study.name,
        "scale": plan.scale,
        "cell": plan.cell_names[cell],
        "arm": step.arm_name,
        **({} if first == step.arm_name else {"first_draw": first}),
        **cell.factors(),
    }


def _cell_row(
    plan: Plan,
    store: Store,
    cell: Cell,
    step: Grades,
    found: dict[Cell, list[dict[str, Any]]],
    states: dict[str, State],
    clusters: Mapping[Cell, list[str]],
) -> dict[str, Any]:
    records = found[cell]
    n, whole = len(records), all(record["correct"] is not None for record in records)
    unparsed, answers = (sum(record[name] for record in records) for name in ("n_unparsed", "n_answers"))
    measured = accuracy([[record["score"] for record in records]], clusters=clusters.get(cell))
    return {
        **_factors(plan, cell, step),
        "state": _cell_state(store, step, states),
        "n_planned": cell.evaluation.n,
        "n": n,
        "n_correct": sum(record["correct"] for record in records) if whole else None,
        "n_unparsed": unparsed,
        "accuracy": sum(record["score"] for record in records) / n if n else np.nan,
        "ci_low": measured.low,
        "ci_high": measured.high,
        "unparsed_rate": unparsed / answers if n else np.nan,
        **sanity(records, _options(store, step, states), guessed=cell.evaluation.right_or_wrong),
        **_errors(cell, records),
        **_against_baseline(plan, cell, found, clusters),
        "folder": store.folder(step).relative_to(store.root).as_posix(),
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


def _errors(cell: Cell, records: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """Return mean and median error (with its interval) of the parsed answers; ``n_unparsed`` counts the others."""
    if not get_task(cell.evaluation.domain.task).graded_by_error:
        return {}
    errors = [record["error"] for record in records if record["error"] is not None]
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


def _cell_state(store: Store, step: Grades, states: dict[str, State]) -> str:
    if states[step.fingerprint] is State.DONE:
        return "done"
    if states[step.fingerprint] is State.DAMAGED:
        return "damaged"
    if _failed(step, states):
        return "failed"
    begun = recover_jsonl(store.folder(step.answers) / "answers.partial.jsonl", repair=False)
    return "partial" if begun or states[step.answers.fingerprint] is State.DONE else "missing"


def _clusters(plan: Plan, found: Mapping[Cell, list[dict[str, Any]]]) -> dict[Cell, list[str]]:
    """Return the cluster of each record, by cell; nothing where no example of any cell shares one.

    It is the value of the column that the design names (an example without one is alone), or else the first example
    with the same question and answer.

    Raises:
        UserError: the design names a column that the records of a cell lack.
    """
    first: dict[tuple[str, ...], str] = {}
    labels: dict[Cell, list[str]] = {}
    repeated = False
    for cell, records in found.items():
        here = []
        for record in records:
            if name := plan.design.clusters:
                if name not in record["strata"]:
                    known = ", ".join(record["strata"]) or "none"
                    raise UserError(f"clusters={name!r}: the examples of {plan.cell_names[cell]} have {known}")
                value = record["strata"][name]
                here.append(str(record["example"]) if value is None else f"{name}={value}")
            else:
                content = (cell.evaluation.domain.task, str(record["problem"]), str(record["target"]))
                here.append(first.setdefault(content, str(record["example"])))
        labels[cell] = here
        repeated |= len(set(here)) < len(here)
    return labels if repeated else {}


def _against_baseline(
    plan: Plan, cell: Cell, found: dict[Cell, list[dict[str, Any]]], clusters: Mapping[Cell, list[str]]
) -> dict[str, Any]:
    base = plan.design.baseline_of(cell)
    row: dict[str, Any] = {
        "baseline": None, "n_paired": 0, "difference": np.nan, "diff_low": np.nan, "diff_high": np.nan,
        "p_value": np.nan,
    }  # fmt: skip
    if base is None or base not in plan.cells:
        return row
    row["baseline"] = plan.cell_names[base]
    reference = {record["example"]: record["score"] for record in found[base]}
    ours = [record["score"] for record in found[cell]]
    theirs = [reference.get(record["example"], np.nan) for record in found[cell]]
    fixed = (True, True)  # these very models
    paired = learner_difference([ours], [theirs], untrained=fixed, clusters=clusters.get(cell)).difference
    if not paired.n:
        return row
    return row | {
        "n_paired": paired.n,
        "difference": paired.value,
        "diff_low": paired.low,
        "diff_high": paired.high,
        "p_value": paired.p_value,
    }


def _record_rows(
    plan: Plan,
    cell: Cell,
    step: Grades,
    records: list[dict[str, Any]],
    clusters: Sequence[str] | None,
    options: Mapping[str, tuple[str, ...]],
) -> Iterator[dict[str, Any]]:
    factors = _factors(plan, cell, step)
    by_error = (RECORD_ERROR,) if get_task(cell.evaluation.domain.task).graded_by_error else ()
    kept = names((*RECORDS, *by_error))
    for place, record in enumerate(records):
        short = {name: record[name] for name in kept}
        shared: dict[str, Any] = {} if clusters is None else {CLUSTER.name: clusters[place]}
        if scores := record.get("scores"):
            shared[RECORD_CONFIDENCE.name] = confidence(scores)
        chosen = dict(zip(names(OPTIONS), options_of(record, options), strict=True)) if options else {}
        yield {**factors, **short, "flags": ",".join(record["flags"]), **record["strata"], **shared, **chosen}


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
