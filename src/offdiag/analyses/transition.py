"""Phase transitions of k-shot curves, one row a series, with bootstrap intervals."""

import math
from collections.abc import Hashable, Iterable
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import numpy as np
from pydantic import Field

from offdiag.analyses.analysis import StudyAnalysis
from offdiag.analyses.frames import Frames
from offdiag.analyses.logistic import fit_logistic
from offdiag.analyses.selection import require, select, with_shots
from offdiag.analyses.transition_fit import TransitionFit, derived, fit_transition, usable
from offdiag.errors import UserError
from offdiag.seeds import stream
from offdiag.stats import FloatArray, item_counts, percentile_ends

if TYPE_CHECKING:
    import pandas as pd

INTERVALS = ("plateau", "slope", "midpoint", "width_10_90", "fwhm", "k50")


class Transition(StudyAnalysis):
    """:func:`transition` as part of a study: every planned series gets its row.

    Attributes:
        series: column whose values are the curves. n_resamples: bootstrap resamples. seed: of the bootstrap.
    """

    tag: ClassVar[str] = "transition"
    series: str = "eval_base"
    n_resamples: int = Field(default=2000, ge=0)
    seed: int = 0

    def table(self, frames: Frames) -> "pd.DataFrame":
        """One row a planned series; where no cell is done, ``note`` says so."""
        records = frames.records
        planned = with_shots(select(frames.cells, self.where, self.own))
        require(planned, self.series)
        done = planned.loc[planned["state"] == "done", "cell"]
        found = transition(
            records[records["cell"].isin(done)] if len(records) else records,
            series=self.series,
            n_resamples=self.n_resamples,
            seed=self.seed,
        )
        names = planned[self.series].drop_duplicates().sort_values()
        table = found.set_index(self.series).reindex(names.tolist()).rename_axis(self.series).reset_index()
        return table.assign(note=table["note"].fillna("no cell is done"))


class _Curve(NamedTuple):
    """k ``[K]``, verdicts ``[items, K]`` (means over seeds), and remarks on what was left out."""

    k: FloatArray
    verdicts: FloatArray
    remarks: list[str]


def transition(
    records: "pd.DataFrame",
    series: str = "eval_base",
    k: str = "k",
    correct: str = "correct",
    item: str = "example",
    *,
    n_resamples: int = 2000,
    level: float = 0.95,
    seed: int = 0,
) -> "pd.DataFrame":
    """Fit one transition to each value of ``series`` in a table with one row an answered item.

    Zero-shot rows count as k = 0; methods other than zero-shot and in-context are left out. A k counts only if it has
    all items of its series. Verdicts of several seeds are averaged item by item. The intervals are percentiles over
    resamples of the items, the same resample for all k, each refitted from the point fit (Efron and Tibshirani 1993,
    chapter 13). A saturated curve has an interval for its plateau only. Where more refits fail than the tails of the
    interval hold, there is none.

    Returns:
        One row a series, sorted: the series' value, the fields of :class:`TransitionFit`, ``<name>_low`` and
        ``<name>_high`` for plateau, slope, midpoint, width_10_90, fwhm and k50 (an infinite end means: not bounded by
        these data), ``n_items`` and ``n_failed_refits``.

    Raises:
        UserError: a column is missing, verdicts are not booleans or numbers, or an item is there twice.
    """
    if records.empty:
        return _table([], series)
    for column in (series, k, correct, item):
        require(records, column)
    rows = []
    for value, group in with_shots(records, k).groupby(series):
        curve = _curve(group, k, correct, item)
        n_items = len(curve.verdicts)
        fit = fit_transition(curve.k, curve.verdicts.mean(axis=0), n_items)
        counts = item_counts(n_items, n_resamples, seed, "transition", str(value))
        resampled = counts @ curve.verdicts / n_items
        note = "; ".join(filter(None, [fit.note, *curve.remarks]))
        rows.append(_row(value, fit, curve.k, resampled, level) | {"n_items": n_items, "note": note})
    return _table(rows, series)


def transition_from_accuracies(
    table: "pd.DataFrame",
    series: str = "eval_base",
    k: str = "k",
    accuracy: str = "accuracy",
    n: str = "n",
    *,
    n_resamples: int = 2000,
    level: float = 0.95,
    seed: int = 0,
) -> "pd.DataFrame":
    """As :func:`transition` where only accuracies and numbers of items are known, such as published ones.

    The intervals come from parametric draws, Binomial(n, accuracy) / n, independent over k. Rows without an accuracy
    are left out.

    Raises:
        UserError: a column is missing, or a k is there twice.
    """
    for column in (series, k, accuracy, n):
        require(table, column)
    rows = []
    for value, group in with_shots(table[table[accuracy].notna()], k).groupby(series):
        x, y = group[k].to_numpy(np.float64), group[accuracy].to_numpy(np.float64)
        items = group[n].to_numpy(np.int64)
        fit = fit_transition(x, y, int(items.min()))
        drawn = stream(seed, "bootstrap", "transition", str(value)).binomial(items, y, (n_resamples, y.size)) / items
        rows.append(_row(value, fit, x, drawn, level) | {"n_items": int(items.min())})
    return _table(rows, series)


def _curve(group: "pd.DataFrame", k: str, correct: str, item: str) -> _Curve:
    verdict = group[correct]
    if verdict.isna().any() or verdict.map(lambda v: isinstance(v, str)).any():
        raise UserError(f"column {correct!r}: expected True and False (or 1 and 0) without gaps, not text")
    group = group.assign(**{correct: verdict.astype(float)})
    seeds = ["seed"] if "seed" in group else []
    twice = group.duplicated([item, k, *seeds])
    if twice.any():
        row = group[twice].iloc[0]
        raise UserError(
            f"{item} {row[item]!r} at {k} = {row[k]:g} is there more than once in a series: "
            "name a column that tells the rows apart in where="
        )
    wide = group.pivot_table(index=item, columns=k, values=correct, aggfunc="mean", sort=True)
    whole = wide.notna().all(axis=0)
    remarks = [f"k = {shots:g} left out: {wide[shots].count()} of {len(wide)} items" for shots in wide.columns[~whole]]
    n_seeds = group["seed"].nunique() if seeds else 1
    if n_seeds > 1:
        remarks.append(f"averaged over {n_seeds} seeds; the intervals know nothing of the spread between them")
    kept = wide.loc[:, whole]
    return _Curve(kept.columns.to_numpy(np.float64), kept.to_numpy(np.float64), remarks)


def _row(value: Hashable, fit: TransitionFit, x: FloatArray, resampled: FloatArray, level: float) -> dict[str, Any]:
    """A row of the table; ``resampled`` is ``[B, K]``."""
    point = asdict(fit)
    ends: dict[str, float] = {f"{name}_{end}": math.nan for name in INTERVALS for end in ("low", "high")}
    failed = 0
    if len(resampled) and fit.identified:
        start = np.array([[0.0, fit.plateau, fit.slope, fit.midpoint]])
        refits = fit_logistic(x, resampled, floor=False, starts=start)
        good = usable(refits, x)
        failed = int(np.sum(~good))
        if failed <= (1 - level) * len(resampled):
            for name, values in derived(refits.parameters[good]).items():
                if not math.isnan(point[name]):
                    ends[f"{name}_low"], ends[f"{name}_high"] = percentile_ends(values, level)
    elif len(resampled) and not math.isnan(fit.plateau):
        plateaus = resampled.mean(axis=1)
        if not math.isnan(fit.r_squared):
            plateaus = fit_logistic(x, resampled, floor=False).parameters[:, 1]
        ends["plateau_low"], ends["plateau_high"] = percentile_ends(plateaus, level)
    return {"value": value, **point, **ends, "n_failed_refits": failed}


def _table(rows: Iterable[dict[str, Any]], series: str) -> "pd.DataFrame":
    import pandas as pd

    names = []
    for name in asdict(TransitionFit()):
        names += [name, f"{name}_low", f"{name}_high"] if name in INTERVALS else [name]
    names.remove("note")
    columns = ["value", *names, "n_items", "n_failed_refits", "note"]
    return pd.DataFrame(list(rows), columns=columns).rename(columns={"value": series})
