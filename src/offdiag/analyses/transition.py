"""Table of phase transitions of k-shot curves: one logistic fit per series, with bootstrap intervals."""

import math
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from offdiag.analyses.analysis import StudyAnalysis
from offdiag.analyses.frames import Frames
from offdiag.analyses.seed_variance import CLUSTER
from offdiag.analyses.selection import require, select_shots, with_shots
from offdiag.analyses.transition_fit import fit_transition
from offdiag.analyses.transition_row import transition_row, transition_table
from offdiag.errors import UserError, some
from offdiag.seeds import stream
from offdiag.stats import FloatArray, item_counts
from offdiag.stats.bootstrap import MOST_RESAMPLES

if TYPE_CHECKING:
    import pandas as pd


NOTHING_DONE = "no cell is done"


class Transition(StudyAnalysis):
    """:func:`transition` as part of a study: every planned series gets its row.

    Attributes:
        series: column whose values are the curves. n_resamples: bootstrap resamples. seed: of the bootstrap.
    """

    tag: ClassVar[str] = "transition"
    series: str = "eval"
    n_resamples: int = Field(default=2000, ge=0, le=MOST_RESAMPLES)
    seed: int = 0

    def table(self, frames: Frames) -> "pd.DataFrame":
        """Return one row per planned series; where no cell is done, ``note`` says so."""
        planned = select_shots(frames.cells, self.where, self.match_on)
        require(planned, self.series)
        done = planned.loc[planned["state"] == "done", "cell"]
        answers = frames.answers(done)
        found = transition(
            answers,
            series=self.series,
            cluster=CLUSTER if CLUSTER in answers else None,
            n_resamples=self.n_resamples,
            seed=self.seed,
        )
        names = planned[self.series].drop_duplicates().sort_values()
        table = found.set_index(self.series).reindex(names.tolist()).rename_axis(self.series).reset_index()
        return table.assign(note=table["note"].fillna(NOTHING_DONE))


class _Curve(NamedTuple):
    """k ``[K]``, verdicts ``[items, K]`` (means over seeds), the unit ``[items]`` of each item, and remarks."""

    k: FloatArray
    verdicts: FloatArray
    units: NDArray[np.intp]
    remarks: list[str]


def transition(
    records: "pd.DataFrame",
    series: str = "eval",
    k: str = "k",
    correct: str = "correct",
    item: str = "example",
    cluster: str | None = None,
    *,
    n_resamples: int = 2000,
    level: float = 0.95,
    seed: int = 0,
) -> "pd.DataFrame":
    """Fit one transition to each value of ``series`` in a table with one row per answered item.

    Zero-shot rows count as k = 0; methods other than zero-shot and in-context are left out. A k counts only if it
    has all items of its series. Verdicts of several seeds are averaged item by item. The intervals are percentiles
    over resamples of the items (of the values of column ``cluster``, whole), the same for all k, each refitted from
    the point fit (Efron and Tibshirani 1993, chapter 13). A saturated curve has an interval for its plateau only.
    Where more refits fail than the tails of the interval hold, there is none.

    Returns:
        One row per series, sorted: the series' value, the fields of :class:`TransitionFit`, ``<name>_low`` and
        ``<name>_high`` for plateau, slope, midpoint, widths and k50 and for the numbers of the fit with a floor (an
        infinite end means: not bounded by these data), ``n_items``, ``n_failed_refits`` and ``n_failed_refits_4p``.

    Raises:
        UserError: a column is missing, verdicts are not booleans or numbers, or an item is there twice.
    """
    if records.empty:
        return transition_table([], series)
    for column in (series, k, correct, item, *filter(None, [cluster])):
        require(records, column)
    rows = []
    for value, group in with_shots(records, k).groupby(series):
        curve = _curve(group, k, correct, item, cluster)
        n_items = len(curve.verdicts)
        fit = fit_transition(curve.k, curve.verdicts.mean(axis=0), n_items)
        sizes = np.bincount(curve.units)
        counts = item_counts(len(sizes), n_resamples, seed, "transition", str(value))
        resampled = counts[:, curve.units] @ curve.verdicts / (counts @ sizes)[:, None]
        rows.append(transition_row(value, fit, curve.k, resampled, level, n_items, "; ".join(curve.remarks)))
    return transition_table(rows, series)


def transition_from_accuracies(
    table: "pd.DataFrame",
    series: str = "eval",
    k: str = "k",
    accuracy: str = "accuracy",
    n: str = "n",
    *,
    n_resamples: int = 2000,
    level: float = 0.95,
    seed: int = 0,
) -> "pd.DataFrame":
    """Fit transitions as :func:`transition` does where only accuracies are known, such as published ones.

    The intervals come from parametric draws, Binomial(n, accuracy) / n, independent over k. A series without the
    numbers of items (no column ``n``, or gaps in it) has no intervals, and its note says so. Rows without an accuracy
    are left out. Rows that differ in ``seed`` are averaged; their n does not add up, as seeds share the items.

    Raises:
        UserError: a column is missing, or a k is there twice in one series (and seed).
    """
    for column in (series, k, accuracy):
        require(table, column)
    rows = []
    for value, group in with_shots(table[table[accuracy].notna()], k).groupby(series):
        seeds = ["seed"] if "seed" in group else []
        twice = group.duplicated([k, *seeds])
        if twice.any():
            raise UserError(f"{series} {value}: {k} = {group[twice][k].iloc[0]:g} is there more than once")
        by_k = group.groupby(k)
        means = by_k[accuracy].mean()
        x, y = means.index.to_numpy(np.float64), means.to_numpy(np.float64)
        known = n in group and bool(group[n].notna().all())
        items = by_k[n].min().to_numpy(np.int64) if known else np.zeros(x.size, np.int64)
        remarks = [] if known else ["no intervals: the numbers of items are unknown"]
        if (n_seeds := group["seed"].nunique() if seeds else 1) > 1:
            remarks.append(_averaged(n_seeds))
        fit = fit_transition(x, y, int(items.min()) if known else None)
        drawn = np.empty((0, x.size))
        if known:
            generator = stream(seed, "bootstrap", "transition", str(value))
            drawn = generator.binomial(items, y, (n_resamples, y.size)) / items
        smallest = float(items.min()) if known else math.nan
        rows.append(transition_row(value, fit, x, drawn, level, smallest, "; ".join(remarks)))
    return transition_table(rows, series)


def _curve(group: "pd.DataFrame", k: str, correct: str, item: str, cluster: str | None) -> _Curve:
    """Return the curve of one series; verdicts are averaged over seeds, and a k that lacks items is left out."""
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
        remarks.append(_averaged(n_seeds))
    kept = wide.loc[:, whole]
    units = _units(group, item, cluster, wide.index)
    if len(units) and (n_units := int(units.max()) + 1) < len(units):
        remarks.append(f"{len(units)} items in {n_units} clusters, which the intervals resample")
    return _Curve(kept.columns.to_numpy(np.float64), kept.to_numpy(np.float64), units, remarks)


def _units(group: "pd.DataFrame", item: str, cluster: str | None, items: "pd.Index[Any]") -> NDArray[np.intp]:
    """Return for each item the number of its cluster; an item without one is a unit of its own.

    Raises:
        UserError: an item is in two clusters.
    """
    if cluster is None:
        return np.arange(len(items))
    named = group.dropna(subset=[cluster]).drop_duplicates([item, cluster]).set_index(item)[cluster]
    if named.index.has_duplicates:
        twice = named.index[named.index.duplicated()][0]
        raise UserError(f"{item} {twice!r} has {cluster} {' and '.join(map(str, named[[twice]]))}: expected one")
    labels = [("cluster", named[one]) if one in named.index else ("item", one) for one in items]
    codes = {label: code for code, label in enumerate(dict.fromkeys(labels))}
    return np.array([codes[label] for label in labels], np.intp)


def _averaged(n_seeds: int) -> str:
    return f"averaged over {some(n_seeds, 'seed')}; the intervals do not contain the spread between them"
