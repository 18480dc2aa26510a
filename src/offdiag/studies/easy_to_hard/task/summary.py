"""Summary of a data set: items, levels and cut-offs of each measure, and correlations of the measures."""

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np

from offdiag.identity import Json
from offdiag.studies.easy_to_hard.task import library
from offdiag.studies.easy_to_hard.task.items import Dataset, Item, copy_key
from offdiag.studies.easy_to_hard.task.measures import CUTOFFS
from offdiag.studies.easy_to_hard.task.strata import Pool, pool_items, stratify

_COUNTED = 12  # values of a measure with no more than this many are counted one by one
_NO_OVERRIDE = (None, None)


def summary(data: Dataset, pool: Pool, overridden: Mapping[str, tuple[float | None, float | None]]) -> dict[str, Json]:
    """Return counts over a pool as plain values: items, content hash, measures, Spearman correlations and remarks.

    Args:
        overridden: cut-offs to use instead of a measure's own. Model-based measures beside the data are described
            where all items of the pool have a value.
    """
    items = pool_items(data, pool)
    named = [*data.human, *data.spec.surface, *library.measured(data)]
    tables = {name: library.table(data, name) for name in named}
    covering = {name: table for name, table in tables.items() if all(item.id in table for item in items)}
    remarks = [*data.remarks, *_remarks(data, items)]
    remarks += [f"{name}: not measured for all items of the pool" for name in tables if name not in covering]
    measures: dict[str, Json] = {}
    for name, table in covering.items():
        strata = stratify(data, items, name, table, overridden.get(name, _NO_OVERRIDE))
        measures[name] = {
            "cut": "fixed" if (data.spec.family, name) in CUTOFFS else "quantiles 0.3, 0.7",
            "easy_max": strata.cutoffs.easy_max,
            "hard_min": strata.cutoffs.hard_min,
            **strata.counts(),
            "values": _values(strata.values),
        }
        remarks += [f"{name}: no item is {level}" for level, count in strata.counts().items() if not count]
    ranked = {name: [table[item.id] for item in items] for name, table in covering.items()}
    return {
        "dataset": data.spec.name, "pool": pool, "items": len(items), "content": data.content, "measures": measures,
        "spearman": spearman(ranked), "remarks": list(remarks),
    }  # fmt: skip


def spearman(columns: Mapping[str, Sequence[float]]) -> dict[str, Json]:
    """Return rank correlations of all pairs of columns, ties at average rank; None where a column is constant."""
    ranks = {name: _ranks(np.asarray(values)) for name, values in columns.items()}
    names = list(ranks)
    return {
        one: {other: _correlation(ranks[one], ranks[other]) for other in names[place + 1 :]}
        for place, one in enumerate(names[:-1])
    }


def _ranks(values: np.ndarray) -> np.ndarray:
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    return (np.cumsum(counts) - (counts - 1) / 2)[inverse]


def _correlation(one: np.ndarray, other: np.ndarray) -> float | None:
    if np.ptp(one) == 0 or np.ptp(other) == 0:
        return None
    return float(np.corrcoef(one, other)[0, 1])


def _values(values: Sequence[float]) -> dict[str, Json]:
    counts = Counter(values)
    if len(counts) <= _COUNTED:
        return {f"{value:g}": counts[value] for value in sorted(counts)}
    return {"min": min(values), "median": float(np.median(values)), "max": max(values), "distinct": len(counts)}


def _remarks(data: Dataset, items: Sequence[Item]) -> list[str]:
    found: list[str] = []
    if len(data.items) != data.spec.official:
        found.append(f"{len(data.items)} items, where the official release gives {data.spec.official}")
    copies = len(items) - len({copy_key(data.spec, item) for item in items})
    if copies:
        found.append(f"items with question and answer of another one: {copies}; none is tested after the other trained")
    return found
