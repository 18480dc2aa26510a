"""Table of accuracy by strata of the items, such as their length or their number of steps."""

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from offdiag.analyses.analysis import StudyAnalysis
from offdiag.analyses.estimates import CellEstimate
from offdiag.analyses.frames import Frames, scores_of
from offdiag.analyses.seed_variance import clusters_of, seed_variances, usable
from offdiag.analyses.selection import DONE, Where, one_method, one_per, require, select_final, state_of
from offdiag.stats.components import SeedVariance
from offdiag.stats.replicated import accuracy

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = ("arm", "stratum", "state", "n_items", "n_seeds", "n_planned_seeds", "accuracy", "ci_low", "ci_high")


class AccuracyByStratum(StudyAnalysis):
    """:func:`accuracy_by_stratum` as part of a study.

    Attributes:
        stratum: column of the records whose values are the strata.
        by: column whose values are tables of their own, one below the other; None for one table.
        arms: the arms to compare: name -> (column -> value). Each must leave one cell per seed and value of ``by``.
            By default each learner, its draws together.
    """

    tag: ClassVar[str] = "by-stratum"
    takes_scores: ClassVar[bool] = True
    stratum: str
    by: str | None = "eval"
    arms: Mapping[str, Where] = {}

    def table(self, frames: Frames) -> "pd.DataFrame":
        """Return one row per arm, value of ``by`` and stratum."""
        return accuracy_by_stratum(frames, self.stratum, self.by, self.arms, self.where, self.match_on)


def accuracy_by_stratum(
    frames: Frames,
    stratum: str,
    by: str | None,
    arms: Mapping[str, Where],
    where: Where | None = None,
    match_on: tuple[str, ...] = (),
) -> "pd.DataFrame":
    """Return the accuracy of each arm on the items of each stratum.

    Intervals are those of :func:`offdiag.stats.replicated.accuracy`: cells that differ in their seed are averaged, with
    the variance between seeds that arms which are taught something else have in common on these items. The items of a
    stratum are those that any finished cell with the same value of ``by`` was asked.

    Returns:
        One row per arm, value of ``by`` and stratum, with :data:`COLUMNS` (and ``by``): ``n_items`` is the number of
        items in the stratum, ``state`` is ``done`` or why there is no number. Where no arm has a
        finished cell, each arm is one row with the stratum NA.

    Raises:
        UserError: an arm selects nothing, or several cells of one seed and value of ``by``; the records of finished
            cells have no such stratum.
    """
    import pandas as pd

    chosen = {name: select_final(frames.cells, {**(where or {}), **wanted}, match_on) for name, wanted in arms.items()}
    chosen = chosen or _learners(select_final(frames.cells, where or {}, match_on))
    places = _places(chosen, by)
    done = {cell for cells in chosen.values() for cell in cells.loc[cells["state"] == DONE, "cell"]}
    records = frames.answers(done)
    if done:
        require(records, stratum)
    variances: dict[Any, Mapping[str, SeedVariance | None]] = {}
    for value in records[stratum].dropna().unique().tolist() if done else ():
        variances[value] = seed_variances(frames.cells, frames.records[frames.records[stratum] == value])
    rows = []
    for name, cells in chosen.items():
        for place in places:
            here = cells if by is None else cells[cells[by] == place]
            if here.empty:
                continue
            among = records if by is None else records[records[by] == place]
            for value in sorted(among[stratum].dropna().unique().tolist(), key=_in_order) if done else [None]:
                asked = among[among[stratum] == value] if done else among
                spot = _estimate(here, asked, f"{name}, {by} = {place}", variances.get(value, {}))
                row = dict(zip(COLUMNS, (name, value, *_numbers(spot)), strict=True))
                rows.append(row if by is None else {by: place, **row})
    return pd.DataFrame(rows, columns=[*([by] if by else []), *COLUMNS])


def _learners(cells: "pd.DataFrame") -> dict[str, "pd.DataFrame"]:
    """Return the cells of each learner, its draws together, apart by the ways in which it is asked the same."""
    names = cells["first_draw"].fillna(cells["arm"]) if "first_draw" in cells else cells["arm"]
    for way in ("prompt", "metric", "format"):
        if way in cells and cells[way].nunique(dropna=False) > 1:
            names = names + ", " + cells[way].astype("string").fillna({"format": "chat"}.get(way, "accuracy"))
    return {str(name): rows for name, rows in cells.groupby(names.to_numpy(), sort=False)}


def _in_order(value: Any) -> tuple[bool, Any]:
    """Return by what a value stands in its order: numbers before texts, where a column has both."""
    return isinstance(value, str), value


def _places(chosen: Mapping[str, "pd.DataFrame"], by: str | None) -> list[Any]:
    if by is None:
        return [None]
    for cells in chosen.values():
        require(cells, by)
    return sorted({value for cells in chosen.values() for value in cells[by].dropna().tolist()})


def _estimate(
    cells: "pd.DataFrame", asked: "pd.DataFrame", place: str, variances: Mapping[str, SeedVariance | None]
) -> CellEstimate:
    """Return the accuracy of the finished ones of ``cells`` among the answers ``asked`` in this stratum."""
    one_per(cells, ("seed",), f"arm {place}", "where= or arms=")
    one_method(cells, f"arm {place}", "where= or arms=")
    n_items = int(asked["example"].nunique())
    answers = asked[asked["cell"].isin(cells.loc[cells["state"] == DONE, "cell"])]
    n_done = int(answers["cell"].nunique())
    if not n_done:
        state = state_of(cells["state"], "no item")
        return CellEstimate(math.nan, math.nan, math.nan, state, 0, len(cells), n_items)
    wide = answers.assign(score=scores_of(answers)).pivot(index="cell", columns="example", values="score")
    by_seed = tuple(wide.mean(axis=1).tolist())
    pooled = usable(variances.get(str(wide.index[0]))) if len(cells) > 1 else None
    clusters = clusters_of(answers, wide.columns.tolist())
    found = accuracy(wide.to_numpy(np.float64), clusters=clusters, pooled=pooled)
    return CellEstimate(*found[:3], DONE, n_done, len(cells), n_items, by_seed)


def _numbers(spot: CellEstimate) -> tuple[Any, ...]:
    return spot.state, spot.n_items, spot.n_done, spot.n_planned, spot.value, spot.low, spot.high
