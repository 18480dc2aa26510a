"""Remarks on the intervals of a matrix: whose seeds are pooled, which say nothing of other seeds, what repeats."""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from offdiag.analyses.frames import Frames, Records
from offdiag.analyses.seed_variance import CLUSTER, SEED_COLUMNS
from offdiag.analyses.selection import DONE
from offdiag.errors import some
from offdiag.stats.components import UNEQUAL
from offdiag.stats.learner_difference import LENT_COVERS
from offdiag.stats.replicated import interval_kind

FEW_DRAWS = 4  # below which intervals are too long where draws do not differ (docs/statistics.md)
FEW = 5  # right or wrong answers, below which the coverage of an interval jumps with every answer


def remarks_on(frames: Frames) -> tuple[str, ...]:
    """Return what a reader must know of the intervals of these cells, one sentence each, without full stops."""
    done = frames.cells[frames.cells["state"] == DONE]
    return (*_of_draws(done), *_of_two_against_one(frames.cells, done), *remarks_on_cells(frames))


def remarks_on_cells(frames: Frames) -> tuple[str, ...]:
    """Return those of the remarks that hold for cells one by one, without means over draws."""
    done = frames.cells[frames.cells["state"] == DONE]
    return (*_of_kind(), *_of_one_draw(frames.cells, done), *_of_clusters(frames.held), *_of_few(done))


def _of_kind() -> Iterator[str]:
    """Say that intervals are not the usual ones."""
    if interval_kind() == "bayes":
        yield (
            "Intervals of accuracies are Bayesian: the central 95 % of the Beta posterior under Jeffreys’ prior; "
            "differences and their tests are as always"
        )


def _of_draws(done: pd.DataFrame) -> Iterator[str]:
    """Say what of the variance between draws is pooled, after which test."""
    if "seed_arms" not in done or done["seed_arms"].isna().all():
        return
    kinds = done[done["seed_arms"].notna()].drop_duplicates(list(SEED_COLUMNS))
    several = kinds[kinds["seed_arms"] > 1]
    apart = (several["seed_p_equal"] < UNEQUAL).fillna(False).to_numpy(bool)
    if len(pooled := several[~apart]):
        arms, tests = pooled["seed_arms"].astype(int), pooled["seed_p_equal"].dropna().astype(float)
        number = str(arms.min()) if arms.min() == arms.max() else f"{arms.min()} to {arms.max()}"
        tested = f" (Bartlett’s test that they vary alike: p ≥ {tests.min():.2g})" if len(tests) else ""
        yield (
            f"The variance between draws is pooled over the {number} learners of a column that differ in what they are "
            f"taught alone{tested}; the interval by a learner’s own draws stands below"
        )
    if apart.any():
        yield f"In {apart.sum()} of {len(kinds)} sets of learners draws vary differently (p < {UNEQUAL}): not pooled"
    if (kinds["seed_arms"] == 1).any():
        yield (
            "A learner alone of its kind has the variance of its own draws: of two or three its interval is long, and "
            "covers 90 to 99 %, not just 95 %"
        )
    shares, draws = kinds["seed_share"].astype(float), kinds["seed_freedom"] / kinds["seed_arms"].clip(lower=1) + 1
    if flat := int(((shares <= 0) & (draws < FEW_DRAWS)).sum()):
        yield (
            f"In {flat} of {len(kinds)} sets of learners draws differ no more than chance makes them: so few draws "
            "cannot show that there is no spread, and these intervals cover 97 to 99 %"
        )


def _of_one_draw(cells: pd.DataFrame, done: pd.DataFrame) -> Iterator[str]:
    """Say how many learners that could be drawn again were drawn once."""
    learners = cells["first_draw"].fillna(cells["arm"]) if "first_draw" in cells else cells["arm"]
    n_draws = cells["arm"].groupby(learners).nunique()
    single = done["seed"].notna() & (learners[done.index].map(n_draws) == 1)
    if single.any():
        yield (
            f"{int(single.sum())} of {len(done)} results are of one draw: their intervals are for other examples, and "
            "say nothing of other seeds"
        )


def _of_two_against_one(cells: pd.DataFrame, done: pd.DataFrame) -> Iterator[str]:
    """Say how many differences have the spread of draws from two draws of one learner, and one of the other."""
    if "baseline" not in done or "first_draw" not in cells:
        return
    learners = cells["first_draw"].fillna(cells["arm"])
    draws = cells["arm"].groupby(learners).transform("nunique").where(cells["seed"].notna()).set_axis(cells["cell"])
    pooled = done["seed_arms"].astype(float) > 1 if "seed_arms" in done else pd.Series(data=False, index=done.index)
    alone = done[~pooled.fillna(value=False) & done["baseline"].notna()]
    own, other = (draws.reindex(alone[name]).astype(float).to_numpy() for name in ("cell", "baseline"))
    lent = alone[(np.minimum(own, other) == 1) & (np.maximum(own, other) == 2)]
    if few := len(set(zip(learners[lent.index], lent["baseline"], strict=True))):  # draws of a learner share one
        told = some(few, "difference compares", "differences compare")
        yield (
            f"{told} a learner of two draws with one of one draw, with the spread of draws from those two alone: such "
            f"intervals cover {LENT_COVERS}, not just 95 %"
        )


def _of_clusters(records: Records) -> Iterator[str]:
    """Say that examples repeat."""
    if CLUSTER not in records.columns or not records.sizes:
        return
    parts = (part.groupby("cell")[CLUSTER] for part in records.parts(("cell", CLUSTER)))
    sizes = pd.concat([by_cell.agg(["size", "nunique"]).astype(int) for by_cell in parts])
    least = sizes.iloc[int(np.argmin(sizes["nunique"] / sizes["size"]))]
    yield (
        "Examples that repeat or belong together are not independent, and intervals count them as one "
        f"({least['nunique']} different ones of {least['size']} at the least)"
    )


def _of_few(done: pd.DataFrame) -> Iterator[str]:
    """Say where so few answers are right, or wrong, that no interval covers 95 %."""
    done = done[done["n_correct"].notna()]  # scores between right and wrong tell their variance by themselves
    right, wrong = done["n_correct"].astype(float), (done["n"] - done["n_correct"]).astype(float)
    rare = int((np.minimum(right, wrong) < FEW).sum())
    if rare:
        yield (
            f"{rare} of {len(done)} results have fewer than {FEW} right or fewer than {FEW} wrong answers: so few "
            "cannot give an interval that covers just 95 % (it covers 90 to 99 %)"
        )
