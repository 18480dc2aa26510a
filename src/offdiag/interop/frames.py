"""Runs of other programs as the frames of this one, with numbers by the functions that make our own."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from offdiag.cell_records import CellRecords, Clusters, RecordColumns
from offdiag.columns import CLUSTER, IMPORTED, RECORD_ERROR, RECORDS, STEPS, names
from offdiag.errors import UserError, did_you_mean, some
from offdiag.gather import cells_frame
from offdiag.interop.foreign import ForeignRun, found_in
from offdiag.interop.items import ImportedItems, items_of
from offdiag.notices import not_finite
from offdiag.parameters import placeless_text
from offdiag.results import Results
from offdiag.steps.scoring import MAJORITY

APART = 0.5e-3  # of a stated accuracy and that of the records, beyond rounding


def read_results(paths: Sequence[Path], metric: str = "", baseline: str = "", cluster_by: str = "") -> Results:
    """Read files and folders of results into frames.

    Args:
        paths: of files, or of folders that are looked through. metric: see :meth:`ResultFormat.read`.
        baseline: the name of the arm that all others are compared with. cluster_by: a column of the records, such as
            ``passage``: examples of one value count as one; without it, those that ask the same.

    Raises:
        UserError: a file cannot be read as what its name says, or two have the same cell.
    """
    found = [(file, kind) for path in paths for file, kind in found_in(path)]
    return results_of((run for file, kind in found for run in kind.read(file, metric)), paths, baseline, cluster_by)


def results_of(read: Iterable[ForeignRun], paths: Sequence[Path], baseline: str = "", cluster_by: str = "") -> Results:
    """Return the results of runs; what a file lacks, and what it states otherwise, is among the notices.

    Args:
        read: one per cell; each is let go before the next is read. paths: what was asked for. baseline, cluster_by: see
            :func:`read_results`.

    Raises:
        UserError: two runs are one cell, an example comes twice, or there is no such baseline.
    """
    runs, items = _packed(read)
    factors = _named(runs, [_factors(run, own) for run, own in zip(runs, items, strict=True)])
    _check(runs, factors, baseline)
    whole = {str(row["cell"]): own for row, own in zip(factors, items, strict=True)}
    options = dict(_options(whole))
    by_error = any(own.by_error for own in items)
    told = cluster_by == CLUSTER.name and all(own.in_clusters for own in items)
    records, clusters = RecordColumns(), Clusters("" if told else cluster_by)
    found = {
        str(row["cell"]): records.add(
            row,
            whole[row["cell"]].records,
            partial(_cluster, clusters, row, told or not cluster_by),
            options=options[row["cell"]],
            guessed=_guessed(row, whole[row["cell"]]),
            more=(RECORD_ERROR.name,) if by_error else (),
        )
        for row in factors
    }
    bases = _bases(factors, baseline)
    cells = [
        {
            **row,
            "n_planned": max(run.planned or 0, len(whole[row["cell"]])),
            **_measured(str(row["cell"]), found, bases, by_error=by_error, clustered=clusters.shared),
        }
        for run, row in zip(runs, factors, strict=True)
    ]
    columns = list(dict.fromkeys(name for row in factors for name in row))
    frame = records.frame([*columns, *names(RECORDS)], clustered=clusters.shared)
    return Results(
        study=paths[0].stem if len(paths) == 1 else IMPORTED,
        scale="",
        title=f"Results of others: {', '.join(path.name for path in paths)}",
        claim="",
        params={},
        steps=pd.DataFrame(columns=names(STEPS)),
        cells=cells_frame(cells, frame, columns),
        records=frame,
        read_records=lambda cell: [_record(item) for item in whole[cell].records] if cell in whole else [],
        read_options=lambda cell: options.get(cell, {}),
        notices=(
            *_lacking(runs),
            *_stated(runs, list(found.values())),
            *(run.unfinished for run in runs if run.unfinished),
            *_other_questions(factors, whole),
            *_not_compared(factors, bases, baseline),
            *not_finite(found.values()),
            *_without_verdict(found.values()),
        ),
    )


def _packed(read: Iterable[ForeignRun]) -> tuple[list[ForeignRun], list[ImportedItems]]:
    """Return the runs without their records, and the records packed; a run is let go before the next is read."""
    runs: list[ForeignRun] = []
    items: list[ImportedItems] = []
    for run in read:
        items.append(items_of(run))
        runs.append(replace(run, records=()))
        del run
    return runs, items


def _measured(
    cell: str, found: Mapping[str, CellRecords], bases: Mapping[str, str], *, by_error: bool, clustered: bool
) -> dict[str, Any]:
    """Return what a cell measured, beside its baseline if it has one."""
    own, base = found[cell], bases.get(cell)
    return {
        "state": "done",
        **own.measures(clustered=clustered),
        **(own.error_measures() if by_error else {}),
        **own.against(base, found[base] if base else CellRecords(), clustered=clustered),
        "folder": None,
        "n_errors": own.lost.total(),
        "n_shortened": own.n_shortened,
    }


def _options(whole: Mapping[str, ImportedItems]) -> Iterator[tuple[str, Mapping[str, tuple[str, ...]]]]:
    """Yield the possible answers of each cell by example; those of cells that were asked the same are held once."""
    held: dict[tuple[tuple[str, tuple[str, ...]], ...], Mapping[str, tuple[str, ...]]] = {}
    for cell, own in whole.items():
        found = {item["example"]: item["choices"] for item in own.records if item["choices"]}
        yield cell, held.setdefault(tuple(found.items()), found)


def _record(item: Mapping[str, Any]) -> dict[str, Any]:
    """Return an item as a record of ours, without what only the reading needs."""
    return {name: value for name, value in item.items() if name not in ("content", "choices", "cluster")}


def _cluster(clusters: Clusters, row: Mapping[str, Any], as_told: bool, item: Mapping[str, Any]) -> str:
    """Return the cluster of an item: where it is ``as_told``, the one that the file names."""
    if as_told and (named := item["cluster"]) is not None:
        return clusters.of(row["cell"], row["cell"], {**item, "example": named}, (CLUSTER.name, named))
    return clusters.of(row["cell"], row["cell"], item, (row["task"], item["content"]))


def _guessed(row: Mapping[str, Any], items: ImportedItems) -> bool:
    """Return whether right and wrong are all there is, so that guessing has an accuracy."""
    return not items.scored and row.get("metric") in (None, MAJORITY)


def _factors(run: ForeignRun, items: ImportedItems) -> dict[str, Any]:
    """Return the columns that say what a cell is, with a name of the cell that may be that of another, too."""
    evaluation, model = run.evaluation or run.task, placeless_text(run.model)
    told = {name: value for name, value in run.factors.items() if value is not None}
    k = [f"k{told['k']}"] if told.get("k") else []
    arm = str(told.pop("arm", "") or ".".join([model, *k, *([run.train] if run.train else [])]))
    scored = {"metric": "mean" if items.whole else run.metric or "score"}
    return {
        "study": IMPORTED,
        "scale": "",
        "cell": str(told.pop("cell", f"{arm}--{evaluation}")),
        "arm": arm,
        "task": run.task,
        "model": model,
        "method": run.method,
        "train": run.train,
        "seed": None,
        "eval": evaluation,
        "split": None,
        "prompt": None,
        "matched": None,
        **({"answering": run.answering} if run.answering else {}),
        **({"samples": items.draws} if items.draws else {}),
        **(scored if items.scored else {}),
        **told,
    }


def _named(runs: Sequence[ForeignRun], factors: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the factors with draws of an arm told apart, and a name for each cell: what differs stands behind it."""
    seeds = defaultdict[str, dict[Any, None]](dict)
    for row in factors:
        seeds[row["arm"]][row["seed"]] = None
    rows = []
    for row in factors:
        arm = row["arm"]
        if len(seeds[arm]) > 1:
            first = f"{arm}.s{next(iter(seeds[arm]))}"
            row = {**row, "arm": f"{arm}.s{row['seed']}"}
            row |= {} if row["arm"] == first else {"first_draw": first}
        rows.append(row)
    alike = defaultdict[str, list[dict[str, Any]]](list)
    for row in rows:
        alike[row["cell"]].append(row)
    for group in alike.values():
        every = dict.fromkeys(name for row in group for name in row if name not in ("cell", "arm", "first_draw"))
        differ = [name for name in every if len({str(row.get(name)) for row in group}) > 1]
        for row in group:
            row["cell"] += "".join(f".{name}={row[name]}" for name in differ if row.get(name) is not None)
    return rows


def _bases(factors: Sequence[Mapping[str, Any]], baseline: str) -> dict[str, str]:
    """Return the cell of the baseline that each cell of another arm is compared with, by the names of both.

    Raises:
        UserError: the baseline has several cells that were asked the same, such as one for each k, and not exactly one
            of them agrees with the other cell in what they differ in.
    """
    asked = _asked(factors)
    by_asked = defaultdict[tuple[str, ...], list[Mapping[str, Any]]](list)
    for row, key in zip(factors, asked, strict=True):
        if row["arm"] == baseline:
            by_asked[key].append(row)
    found = {}
    for row, key in zip(factors, asked, strict=True):
        if row["arm"] == baseline or not (bases := by_asked.get(key)):
            continue
        every = dict.fromkeys(name for base in bases for name in base if name != "cell")
        differ = [name for name in every if len({str(base.get(name)) for base in bases}) > 1]
        differ = [name for name in differ if name != "method"] or differ  # which is told by the others
        alike = [base for base in bases if all(str(base.get(name)) == str(row.get(name)) for name in differ)]
        if len(alike) != 1:
            raise UserError(
                f"baseline {baseline!r} has {len(bases)} cells for {row['cell']}, and they differ in "
                f"{', '.join(differ)}: give a baseline with one of them, or leave the others out of the file"[:400]
            )
        found[str(row["cell"])] = str(alike[0]["cell"])
    return found


def _asked(factors: Sequence[Mapping[str, Any]]) -> list[tuple[str, ...]]:
    """Return what makes two cells comparable, for each: what was asked, and how answers were drawn and scored."""
    how = ["task", "eval", "split", "prompt", "answering", "per", "metric", "judge", "samples", "temperature"]
    how += dict.fromkeys(name for row in factors for name in row if name.startswith("eval_"))
    return [tuple(str(row.get(name)) for name in how) for row in factors]


def _check(runs: Sequence[ForeignRun], factors: Sequence[Mapping[str, Any]], baseline: str) -> None:
    first: dict[str, str] = {}
    for run, row in zip(runs, factors, strict=True):
        if row["cell"] in first:
            raise UserError(
                f"{run.source}: {row['cell']} is also in {first[row['cell']]}: give the results of one run, or tables "
                "with an arm for each"
            )
        first[row["cell"]] = run.source
    arms = dict.fromkeys(str(row["arm"]) for row in factors)
    if baseline and baseline not in arms:
        raise UserError(f"baseline {baseline!r}: {did_you_mean(baseline, arms)}the arms are {', '.join(arms)}"[:400])


def _lacking(runs: Sequence[ForeignRun]) -> Iterator[str]:
    """Say which fields of our records the files have not, and which of theirs have no place here."""
    missing = Counter(name for run in runs for name in run.lacking)
    if missing:
        listed = ", ".join(name if n == len(runs) else f"{name} ({n} of {len(runs)})" for name, n in missing.items())
        yield f"The files do not say: {listed}."


def _stated(runs: Sequence[ForeignRun], found: Sequence[CellRecords]) -> Iterator[str]:
    """Say where a file gives another accuracy than its records have."""
    for run, own in zip(runs, found, strict=True):
        ours = sum(own.scores) / len(own.scores) if own.scores else 0.0
        if run.stated is not None and abs(run.stated - ours) > APART:
            yield f"{run.source}: states the accuracy {run.stated:.4f}, its records have {ours:.4f} (shown here)."


def _without_verdict(found: Collection[CellRecords]) -> Iterator[str]:
    """Say how many answers have no verdict."""
    counts = [own.n_ungraded for own in found]
    if sum(counts):
        yield (
            f"Without a verdict (an error, or not scored): answers in {sum(map(bool, counts))} of "
            f"{some(len(counts), 'cell')}, {sum(counts):,} in all. They are in no accuracy; n_errors counts the items "
            "that have no other answer."
        )


def _not_compared(factors: Sequence[Mapping[str, Any]], bases: Mapping[str, str], baseline: str) -> Iterator[str]:
    """Say how many cells have no cell of the baseline although it was asked that evaluation, in another way."""
    asked = {row["eval"] for row in factors if row["arm"] == baseline}
    alone = [row for row in factors if row["eval"] in asked and row["arm"] != baseline and row["cell"] not in bases]
    if alone:
        yield (
            f"Not compared: {len(alone)} of {some(len(factors), 'cell')}, such as {alone[0]['cell']}. {baseline} "
            "was asked the same evaluation in another way (what was asked, drawn or scored stands in the columns of "
            "the cells)."
        )


def _other_questions(factors: Sequence[Mapping[str, Any]], whole: Mapping[str, ImportedItems]) -> Iterator[str]:
    """Say where examples of one id are other questions in another cell, so that pairs by id mean nothing."""
    first = defaultdict[str, dict[str, tuple[bytes, str]]](dict)
    apart = Counter[tuple[str, str, str]]()
    for row in factors:
        of_evaluation = first[row["eval"]]
        for item in whole[row["cell"]].records:
            there, cell = of_evaluation.setdefault(item["example"], (item["content"], row["cell"]))
            if there != item["content"]:
                apart[row["eval"], cell, row["cell"]] += 1
    for (evaluation, one, other), n in apart.items():
        have = some(n, f"example of {other} has", f"examples of {other} have")
        yield f"{evaluation}: {have} the id, and not question and answer, of those of {one}."
