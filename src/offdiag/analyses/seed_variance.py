"""The variance between seeds that arms have in common which differ in what they are taught alone."""

from collections.abc import Hashable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from offdiag.analyses.frames import FramedRecords, Records, scores_of
from offdiag.stats import FloatArray
from offdiag.stats.components import Components, SeedVariance, components, pooled_seed_variance

if TYPE_CHECKING:
    import pandas as pd

SEED_COLUMNS = ("seed_share", "seed_residual", "seed_freedom", "seed_arms", "seed_p_equal")
CLUSTER = "cluster"  # column of the records: items of one value are not independent
# What arms of one kind may differ in: names, seeds, and what is taught. All other factors they share.
_OWN = ("study", "scale", "cell", "arm", "first_draw", "seed", "data_seed", "train", "matched", "eval", "proxy")
_OWN_PREFIXES = ("train_", "proxy_", "eval_")


def with_seed_variance(
    cells: "pd.DataFrame", records: "pd.DataFrame | Records", factors: Sequence[str]
) -> "pd.DataFrame":
    """Return the cells with :data:`SEED_COLUMNS`, if a learner has several draws; NaN where none tells a variance.

    Args:
        cells: of a whole study. records: theirs. factors: the columns of the cells that are no results.
    """
    found = seed_variances(cells, records, factors)
    if not found:
        return cells
    rows = [found.get(str(name)) for name in cells["cell"]]
    nothing = (np.nan,) * len(SEED_COLUMNS)
    table = np.array([nothing if row is None else tuple(row) for row in rows], np.float64)
    return cells.assign(**{name: table[:, i] for i, name in enumerate(SEED_COLUMNS)})


def seed_variances(
    cells: "pd.DataFrame", records: "pd.DataFrame | Records", factors: Sequence[str] | None = None
) -> Mapping[str, SeedVariance | None]:
    """Return what each cell's kind has in common, by the cell's name; nothing where no learner has several draws.

    ``factors`` are by default the columns that cells and records share; fewer records are fewer items.
    """
    held = records if isinstance(records, Records) else FramedRecords(records)
    if "first_draw" not in cells or not held.sizes:
        return {}
    every = [str(name) for name in cells if name in held.columns] if factors is None else factors
    shared = [name for name in every if name not in _OWN and not name.startswith(_OWN_PREFIXES)]
    tested = cells["tested_on"].fillna(cells["eval"]) if "tested_on" in cells else cells["eval"]
    keys = cells[shared].assign(tested_on=tested).astype("string").fillna("")
    learner = cells["first_draw"].fillna(cells["arm"])
    needed = [name for name in ("cell", "example", "score", "correct", CLUSTER) if name in held.columns]
    found: dict[str, SeedVariance | None] = {}
    for _, group in cells.groupby([keys[name] for name in keys], sort=False):
        names = group["cell"].astype(str)
        answers = held.of(names, needed)  # of one kind at a time: all of them may not fit into memory
        verdicts = dict(_verdicts(answers))
        draws = [[verdicts[name] for name in of if name in verdicts] for _, of in names.groupby(learner[group.index])]
        variance = pooled_seed_variance([_components(of, answers) for of in draws if len(of) > 1])
        found |= dict.fromkeys(names, variance)
    return found


def common_variance(cells: "pd.DataFrame") -> SeedVariance | None:
    """Return the variance that the kind of these cells has in common, from their own columns.

    None where the cells know none, where a single arm tells it, or where the arms differ
    (:attr:`SeedVariance.usable`): the seeds of the cells themselves then count alone.
    """
    if "seed_share" not in cells or cells.empty:
        return None
    share, residual, freedom, n_arms, p_equal = (
        cells[list(SEED_COLUMNS)].iloc[:1].to_numpy(np.float64, na_value=np.nan)[0].tolist()
    )
    return usable(SeedVariance(share, residual, freedom, int(n_arms), p_equal) if n_arms > 0 else None)


def usable(variance: SeedVariance | None) -> SeedVariance | None:
    """Return the variance if arms have it in common, else None."""
    return variance if variance is not None and variance.usable else None


def clusters_of(answers: "pd.DataFrame", examples: Sequence[Hashable]) -> list[Hashable] | None:
    """Return the cluster of each example; None where the records name none, or each example is its own."""
    if CLUSTER not in answers:
        return None
    named: dict[Any, Any] = dict(zip(answers["example"], answers[CLUSTER], strict=True))
    labels: list[Hashable] = [named.get(example, example) for example in examples]
    return labels if len(set(labels)) < len(labels) else None


def _verdicts(records: "pd.DataFrame") -> "Iterator[tuple[str, pd.Series[float]]]":
    """Yield the verdicts of each cell, by example."""
    columns = records.assign(score=scores_of(records)).set_index("example")
    for name, part in columns.groupby("cell", sort=False):
        yield str(name), part["score"]


def _components(draws: "Sequence[pd.Series[float]]", records: "pd.DataFrame") -> Components:
    """Return the components of one learner from the verdicts of its draws, by example."""
    import pandas as pd

    wide = pd.concat(list(draws), axis=1)
    grid: FloatArray = wide.to_numpy(np.float64).T
    return components(grid, clusters_of(records, wide.index.tolist()))
