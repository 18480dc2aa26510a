"""Two learners compared item by item, wherever both were asked, by the functions that the report is made with."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from offdiag.analyses.selection import DONE
from offdiag.errors import UserError, did_you_mean
from offdiag.reporting.matrix import EVALUATION
from offdiag.reporting.means import LearnerEstimates, learner_estimates
from offdiag.results import Results
from offdiag.stats import holm
from offdiag.stats.learner_difference import LENT, is_lent
from offdiag.stats.power import measured_gap_variance, minimum_detectable_gap

NOTHING = "nothing"  # what an untrained learner was taught
Chosen = str | Mapping[str, Any]


def compared(results: Results, arm_a: Chosen, arm_b: Chosen) -> pd.DataFrame:
    """Return a row for each evaluation that finished cells of both learners have: a minus b, paired by example.

    The numbers are those of the report: two learners of one draw each are compared as these very models (mid-p McNemar,
    Tango's interval); where one has several draws, for new draws and new items.

    Args:
        arm_a, arm_b: the name of an arm, which stands for the learner with all of its draws; or words that the name,
            the method and the training domain of one learner have, such as ``"lora plain"`` or ``"zero-shot"``; or
            values of columns, such as ``{"method": "fine-tuning", "train": "plain", "seed": 1}``.

    Returns:
        What was asked; ``accuracy_a, a_low, a_high`` and those of b, as fractions; ``difference, diff_low, diff_high``
        (fractions from -1 to 1), ``p_value`` (two-sided), ``p_holm`` (adjusted for the rows of this table);
        ``detectable``: the smallest true difference that so many items and draws find with a chance of 80 %;
        ``n_items``: examples that both answered; ``draws_a, draws_b``; ``remark``, where the interval holds more or
        less often than it says.

    Raises:
        UserError: no learner or several fit, both are the same, or they share no evaluation that is done.
    """
    cells = results.cells.assign(learner=_learners(results.cells))
    if "tested_on" in cells:
        cells["eval"] = cells["tested_on"].fillna(cells["eval"])
    ours, theirs = (_chosen(cells, arm, which) for arm, which in ((arm_a, "arm_a"), (arm_b, "arm_b")))
    if set(ours["cell"]) & set(theirs["cell"]):
        raise UserError(f"arm_a and arm_b are both {ours['learner'].iloc[0]}: give two learners")
    names = (ours["learner"].iloc[0], theirs["learner"].iloc[0])
    asked = ["eval", *(name for name in EVALUATION if name in cells and name != "tested_on")]
    rows = []
    planned = [frame.groupby(_keys(frame, asked), sort=False).size().to_dict() for frame in (ours, theirs)]
    done = [frame[frame["state"] == DONE] for frame in (ours, theirs)]
    by_place = [dict(iter(frame.groupby(_keys(frame, asked), sort=False))) for frame in done]
    for key in (key for key in by_place[0] if key in by_place[1]):
        pair = [groups[key].drop(columns="learner") for groups in by_place]
        alone = all(sizes[key] == 1 for sizes in planned)
        found = _pair(results, pair[0], pair[1], alone=alone)
        if found is not None:
            rows.append({name: pair[0][name].iloc[0] for name in asked} | found)
    if not rows:
        raise UserError(f"{names[0]} and {names[1]} share no evaluation that is done: look at results.cells")
    frame = pd.DataFrame(rows)
    frame.insert(list(frame).index("p_value") + 1, "p_holm", holm(frame["p_value"].to_numpy(np.float64)))
    frame.attrs |= {"arm_a": names[0], "arm_b": names[1]}
    return frame.dropna(axis="columns", how="all").convert_dtypes()


def _learners(cells: pd.DataFrame) -> "pd.Series[str]":
    """Return the learner of each cell: the first of its draws."""
    return cells["first_draw"].fillna(cells["arm"]) if "first_draw" in cells else cells["arm"]


def _keys(cells: pd.DataFrame, asked: list[str]) -> "list[pd.Series[str]]":
    keys = cells[asked].astype("string").fillna("")
    return [keys[name] for name in asked]


def _chosen(cells: pd.DataFrame, arm: Chosen, which: str) -> pd.DataFrame:
    """Return the cells of one learner, or of those of its draws that have the values."""
    if isinstance(arm, Mapping):
        if unknown := [name for name in arm if name not in cells]:
            raise UserError(
                f"{which}: no column {unknown[0]!r}: {did_you_mean(unknown[0], map(str, cells))}see docs/columns.md"
            )
        fits = np.all([(cells[name] == value).fillna(False) for name, value in arm.items()], axis=0)
        found = cells[fits]
    else:
        named = cells.loc[cells["arm"] == arm, "learner"]
        if named.empty:
            told = (
                cells["learner"].astype(str)
                + " "
                + cells["method"].astype("string").fillna("")
                + " "
                + cells["train"].astype("string").fillna(NOTHING)
            )
            found = cells[[all(word in text for word in str(arm).split()) for text in told]]
        else:
            found = cells[cells["learner"] == named.iloc[0]]
    learners = list(found["learner"].unique())
    if len(learners) == 1:
        return found
    every = [str(name) for name in learners or cells["learner"].unique()]
    near = "" if learners or isinstance(arm, Mapping) else did_you_mean(arm, every)
    shown = ", ".join(every[:6])
    raise UserError(f"{which}={arm!r} fits {len(learners) or 'no'} learners: {near}give one, such as {shown}")


def _pair(results: Results, ours: pd.DataFrame, theirs: pd.DataFrame, *, alone: bool) -> dict[str, Any] | None:
    """Return the numbers of one row; None where no example was answered by both.

    ``alone``: both are of one draw by design, and are compared as these very models.
    """
    untrained = (True, True) if alone else (bool(ours["seed"].isna().all()), bool(theirs["seed"].isna().all()))
    found = learner_estimates(ours, theirs, results, untrained)
    if not found.difference.n:
        return None
    one, other = (learner_estimates(cells, None, results) for cells in (ours, theirs))
    numbers = {"accuracy_a": one.accuracy.value, "a_low": one.accuracy.low, "a_high": one.accuracy.high,
               "accuracy_b": other.accuracy.value, "b_low": other.accuracy.low, "b_high": other.accuracy.high,
               "difference": found.difference.value, "diff_low": found.difference.low,
               "diff_high": found.difference.high, "p_value": found.difference.p_value}  # fmt: skip
    return numbers | {
        "detectable": _detectable(found, untrained),
        "n_items": found.difference.n,
        "draws_a": len(ours),
        "draws_b": len(theirs),
        "remark": LENT if is_lent(found.grids[0], found.grids[1], untrained, found.pooled) else None,
    }


def _detectable(found: LearnerEstimates, untrained: tuple[bool, bool]) -> float:
    """Return the smallest true difference that these items and draws find with a chance of 80 %; NaN of one item."""
    shared = np.all([(~np.isnan(grid)).any(axis=0) for grid in found.grids], axis=0)
    if shared.sum() < 2:
        return float("nan")
    kept = None if found.clusters is None else [c for c, both in zip(found.clusters, shared, strict=True) if both]
    grids = [grid[:, shared] for grid in found.grids]
    told: dict[str, Any] = {"untrained": untrained, "clusters": kept, "pooled": found.pooled}
    variance, n_items, n_seeds = measured_gap_variance(grids[0], grids[1], **told)
    return minimum_detectable_gap(variance, n_items, n_seeds)
