"""Several geometries against the better specialist, which is chosen by other answers than those that score it.

The best of noisy scores is too high: a model equal to both of its specialists falls behind the better one of their
scores. Chosen by one half of the items (and by the other seeds, where there are any) and scored on the other half, the
specialist has no such advantage.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from offdiag.analyses.frames import Frames
from offdiag.analyses.transfer_matrix import SEPARATOR
from offdiag.stats import FloatArray
from offdiag.studies.world_map.analyses.city_cells import measure_of
from offdiag.studies.world_map.analyses.improvement import CELLS, ArmScores, floor_of, normalised_improvement
from offdiag.studies.world_map.analyses.resamples import CityResamples

if TYPE_CHECKING:
    import pandas as pd

    from offdiag.studies.world_map.analyses.city_cells import TransferAnalysis


def specialists_of(scores: Sequence[ArmScores]) -> list[tuple[ArmScores, list[ArmScores | None]]]:
    """Return each score of a model of several geometries with those of its specialists, None if not planned."""
    singles = {(of.key, of.trained, of.evaluated): of for of in scores if SEPARATOR not in of.trained}
    return [
        (of, [singles.get((of.key, task, of.evaluated)) for task in of.trained.split(SEPARATOR)])
        for of in scores
        if SEPARATOR in of.trained
    ]


def shared_seeds(several: ArmScores, specialists: Sequence[ArmScores | None]) -> list[int]:
    """Return the seeds in which a model and all of its specialists have an improvement."""
    return [seed for seed in several.done if all(one is not None and seed in one.done for one in specialists)]


def held_out_differences(
    several: ArmScores,
    specialists: Sequence[ArmScores],
    seeds: Sequence[int],
    resamples: CityResamples,
    settings: "TransferAnalysis",
    *,
    resampled: bool = True,
) -> FloatArray:
    """Return the improvement of a model minus that of the specialist chosen by other answers, for each seed.

    Returns:
        ``[seeds, 1 + n_resamples]``: of the items as they are, then of each resample of them; without ``resampled``
        only the former. It is the mean over random halves of the items, each of which chooses once and scores once.
        NaN where a model has no answer in a half that chooses or scores.
    """
    scores = [
        np.stack([_of_halves(of, seed, resamples, settings, resampled=resampled) for seed in seeds])
        for of in (several, *specialists)
    ]  # [seeds, splits, halves, resamples] each
    ours, theirs = scores[0], np.stack(scores[1:])
    n = len(seeds)
    deciding = theirs if n < 2 else (theirs.sum(axis=1, keepdims=True) - theirs) / (n - 1)
    other_half = deciding[:, :, :, ::-1]
    by_chosen = np.take_along_axis(theirs, other_half.argmax(axis=0)[None], axis=0)[0]
    undecided = np.isnan(other_half).any(axis=0)  # argmax would choose the specialist without an answer
    return np.asarray(np.where(undecided, np.nan, ours - by_chosen).mean(axis=(1, 2)))


def held_out_by_cell(
    table: "pd.DataFrame", scores: Sequence[ArmScores], frames: Frames, settings: "TransferAnalysis"
) -> FloatArray:
    """Return the held-out difference of each row of :func:`cell_scores`; NaN of single geometries, or without one."""
    found: dict[str, float] = {}
    wanted = [
        (several, [one for one in planned if one is not None], seeds)
        for several, planned in specialists_of(scores)
        if (seeds := shared_seeds(several, planned))
    ]
    cells = {str(of.done[seed][name]) for several, singles, seeds in wanted for of in (several, *singles)
             for seed in seeds for name in CELLS}  # fmt: skip
    resamples = CityResamples(frames, cells, settings.n_resamples, settings.seed)
    for several, singles, seeds in wanted:
        values = held_out_differences(several, singles, seeds, resamples, settings, resampled=False)[:, 0]
        found |= {str(several.done[seed]["cell"]): float(value) for seed, value in zip(seeds, values, strict=True)}
    return np.array([found.get(str(cell), np.nan) for cell in table["cell"]], np.float64)


def _of_halves(
    of: ArmScores, seed: int, resamples: CityResamples, settings: "TransferAnalysis", *, resampled: bool
) -> FloatArray:
    """Return the improvement by each half of the items ``[splits, halves, resamples]``, on the scale of all items."""
    row, geometry = of.done[seed], of.evaluated
    value = resamples.halves(str(row["cell"]), settings.centre, resampled=resampled)
    more = ("before", "reference") if resampled else ()
    drawn = {name: resamples.of(str(row[f"{name}_cell"]), settings.centre) for name in more}
    before, reference = (
        np.concatenate([[float(row[name])], drawn.get(name, np.empty(0))]) for name in ("before", "reference")
    )
    known = np.nan_to_num(value, nan=1.0)
    score = normalised_improvement(known, before, reference, measure=measure_of(geometry), floor=floor_of(geometry))
    return np.where(np.isnan(value), np.nan, score.clipped if settings.clipped else score.unclipped)
