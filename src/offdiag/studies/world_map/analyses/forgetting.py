"""Table of forgetting: results on ordinary cities before and after fine-tuning on new ones."""

from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from offdiag.analyses.frames import Frames
from offdiag.analyses.selection import DONE
from offdiag.stats import FloatArray
from offdiag.stats.bootstrap import seeds_and_items_ends
from offdiag.stats.learner_difference import difference_of_replicates
from offdiag.stats.paired import smallest_margin
from offdiag.stats.replicated import mean_of_replicates
from offdiag.studies.world_map.analyses.answers import answer_grid, answers_by_cell, as_array
from offdiag.studies.world_map.analyses.city_cells import (
    REAL,
    CityAnalysis,
    fine_tuned,
    floats,
    measure_of,
    state_of_rows,
)
from offdiag.studies.world_map.analyses.improvement import is_taught
from offdiag.studies.world_map.analyses.resamples import CityResamples
from offdiag.studies.world_map.analyses.scale import SMALLEST_ERROR

if TYPE_CHECKING:
    import pandas as pd

MEDIANS = {"before": "before_median_error", "after": "median_error"}


class Forgetting(CityAnalysis):
    """Accuracy or error on ordinary cities before and after fine-tuning, for every geometry."""

    tag: ClassVar[str] = "forgetting"

    def table(self, frames: Frames) -> "pd.DataFrame":
        """Return one row per fine-tuned arm and geometry, averaged over seeds.

        ``before, after`` are accuracies or mean errors of the parsed answers; ``change`` is after minus before on the
        items that both answered, with the 95 % interval ``low, high`` over items and seeds: below 0 is forgetting
        for an accuracy, above 0 for an error. ``factor`` is the error after over that before (geometric mean over
        seeds, errors below half a unit count as that), empty for accuracies. ``unparsed`` is the share of answers
        after fine-tuning that could not be read. ``equal_within`` is the smallest margin within which two one-sided
        tests show at 5 % that ``change`` lies: nothing is forgotten but for that much.

        Raises:
            UserError: as :func:`offdiag.studies.world_map.analyses.city_cells.fine_tuned`, or a finished cell has no
                records.
        """
        import pandas as pd

        cells = fine_tuned(frames.cells, self, REAL, (("before", REAL),))
        if cells.empty:
            return pd.DataFrame()
        done = (cells[["state", "before_state"]] == DONE).all(axis=1)
        asked = {str(name) for column in ("cell", "before_cell") for name in cells.loc[done, column]}
        resamples = CityResamples(frames, asked, self.n_resamples, self.seed)
        groups = cells.assign(done=done).groupby(
            [*self.arms, "train_geometry", "eval_geometry"], sort=False, dropna=False
        )
        return pd.DataFrame([self._row(key, rows, frames, resamples) for key, rows in groups])

    def _row(
        self, key: tuple[Any, ...], cells: "pd.DataFrame", frames: Frames, resamples: CityResamples
    ) -> dict[str, Any]:
        trained, geometry = str(key[-2]), str(key[-1])
        row = dict(zip((*self.arms, "trained", "geometry"), key, strict=True))
        row |= {"taught": is_taught(trained, geometry), "measure": measure_of(geometry)}
        row |= {"state": state_of_rows(cells.to_dict("records"), ("state", "before_state")), **_NOTHING}
        done = cells[cells["done"]]
        row |= {"n_seeds": len(done), "n_planned_seeds": len(cells)}
        if done.empty:
            return row
        answers = answers_by_cell(frames, {*done["cell"], *done["before_cell"]})
        after, before = (answer_grid(answers, done[name], geometry) for name in ("cell", "before_cell"))
        items = after.columns.intersection(before.columns)
        after_values, before_values = as_array(after[items]), as_array(before[items])
        of_replicates = difference_of_replicates if measure_of(geometry) == "accuracy" else mean_of_replicates
        change, at_90 = (of_replicates(after_values - before_values, level=level) for level in (0.95, 0.9))
        row |= {"before": _mean(before_values), "after": _mean(after_values)}
        row |= {"change": change.value, "low": change.low, "high": change.high}
        row |= {"equal_within": smallest_margin(at_90)}
        row |= {f"{when}_median": _mean(floats(done[name])) for when, name in MEDIANS.items()}
        if measure_of(geometry) == "error":
            row |= _factor(done, resamples)
        asked = float(done["n"].sum())
        return row | {"unparsed": float(done["n_unparsed"].sum()) / asked, "n_items": len(items)}


_NOTHING: dict[str, Any] = dict.fromkeys(
    ("before", "after", "change", "low", "high", "equal_within", "before_median", "after_median", "factor",
     "factor_low", "factor_high", "unparsed"), np.nan,
) | {"n_items": 0}  # fmt: skip


def _factor(done: "pd.DataFrame", resamples: CityResamples) -> dict[str, float]:
    """Return the factor by which the error grew, with its interval; nothing where no seed has both errors.

    Computed on the logarithm, on which an interval of a ratio is symmetric.
    """

    def logarithm(after: Any, before: Any) -> FloatArray:
        return np.asarray(np.log(np.maximum(after, SMALLEST_ERROR) / np.maximum(before, SMALLEST_ERROR)))

    values = logarithm(floats(done["mean_error"]), floats(done["before_mean_error"]))
    known = ~np.isnan(values)
    rows = [row for row, there in zip(done.to_dict("records"), known, strict=True) if there]
    by_seed = [logarithm(*(resamples.of(str(row[name])) for name in ("cell", "before_cell"))) for row in rows]
    if not rows:
        return {}
    low, high = seeds_and_items_ends(values[known], by_seed)
    mean = float(values[known].mean())
    return {"factor": float(np.exp(mean)), "factor_low": float(np.exp(low)), "factor_high": float(np.exp(high))}


def _mean(values: FloatArray) -> float:
    return float(np.nanmean(values)) if not np.isnan(values).all() else np.nan
