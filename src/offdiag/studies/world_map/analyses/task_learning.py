"""Table of accuracy or error of pretrained models per geometry, beside the score of a fixed guess."""

from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from offdiag.analyses.frames import Frames
from offdiag.analyses.selection import DONE
from offdiag.stats import Estimate, FloatArray
from offdiag.stats.learner_difference import difference_of_replicates
from offdiag.stats.replicated import accuracy, mean_of_replicates
from offdiag.studies.world_map.analyses.answers import answer_grid, answers_by_cell, as_array, guesses
from offdiag.studies.world_map.analyses.city_cells import CityAnalysis, floats, measure_of, pretrained, state_of_rows

if TYPE_CHECKING:
    import pandas as pd

SIZE = "n_cities"  # stratum of the records: how many cities the question names


class TaskLearning(CityAnalysis):
    """Accuracy or error of the pretrained models, on ordinary and on new cities, beside two ways of guessing.

    ``constant`` is the best fixed answer (the commonest word, or the median number, whose mean error is the smallest),
    ``by_size`` the best one for each number of cities in the question; both are found on the evaluated items
    themselves, which favours them.

    Attributes:
        over_training: snapshots count too: one row per ``update`` at which a model was evaluated.
    """

    tag: ClassVar[str] = "task-learning"
    terminal_columns: ClassVar[tuple[str, ...]] = (
        "model", "cities", "geometry", "result", "low", "high", "constant", "by_size", "learnt", "unparsed", "n_seeds",
    )  # fmt: skip
    over_training: bool = False

    def table(self, frames: Frames) -> "pd.DataFrame":
        """Return one row per pretrained arm, group of cities and geometry.

        ``result`` is the accuracy, or the mean error of the parsed answers, over seeds with the 95 % interval
        ``low, high`` (``median_error`` beside it); ``margin`` is how much better it is than ``by_size`` on the same
        items, with ``margin_low, margin_high``, and ``learnt`` whether that interval is above 0.

        Raises:
            UserError: the frames lack a column, or a finished cell has no records.
        """
        import pandas as pd

        cells = pretrained(frames.cells, self, snapshots=self.over_training)
        if cells.empty:
            return pd.DataFrame()
        columns = [*self.arms, *(("update",) if self.over_training else ()), "eval_cities", "eval_geometry"]
        groups = cells.groupby(columns, sort=False, dropna=False)
        return pd.DataFrame([self._row(key, rows, frames) for key, rows in groups])

    def _row(self, key: tuple[Any, ...], cells: "pd.DataFrame", frames: Frames) -> dict[str, Any]:
        import pandas as pd

        geometry = str(key[-1])
        update = ("update",) if self.over_training else ()
        row = dict(zip((*self.arms, *update, "cities", "geometry"), key, strict=True))
        row |= {"measure": measure_of(geometry), "state": state_of_rows(cells.to_dict("records")), **_NOTHING}
        done = cells[cells["state"] == DONE]
        row |= {"n_seeds": len(done), "n_planned_seeds": len(cells)}
        if done.empty:
            return row
        answers = answers_by_cell(frames, done["cell"], SIZE)
        grid = answer_grid(answers, done["cell"], geometry)
        records = pd.concat(answers.values())
        constant, by_size = (guesses(records, geometry, by).reindex(grid.columns) for by in (None, SIZE))
        # Paired by item: each answer against the guess on the same question, so that hard questions cancel out.
        sign = 1 if measure_of(geometry) == "accuracy" else -1
        result, margin = _result(as_array(grid), sign * (as_array(grid) - by_size.to_numpy(np.float64)), geometry)
        row |= {"result": result.value, "low": result.low, "high": result.high}
        row |= {"median_error": float(floats(done["median_error"]).mean())}
        row |= {"constant": float(constant.mean()), "by_size": float(by_size.mean())}
        row |= {"margin": margin.value, "margin_low": margin.low, "margin_high": margin.high}
        asked = float(done["n"].sum())
        return row | {
            "learnt": bool(margin.low > 0),
            "unparsed": float(done["n_unparsed"].sum()) / asked,
            "n_items": grid.shape[1],
        }


def _result(values: FloatArray, margins: FloatArray, geometry: str) -> tuple[Estimate, Estimate]:
    """Return the means of answers and of margins ``[seeds, items]``, each with its interval."""
    if measure_of(geometry) == "accuracy":
        return accuracy(values), difference_of_replicates(margins)
    return mean_of_replicates(values, low=0), mean_of_replicates(margins)


_NOTHING: dict[str, Any] = dict.fromkeys(
    ("result", "low", "high", "median_error", "constant", "by_size", "margin", "margin_low", "margin_high"), np.nan
) | {"learnt": None, "unparsed": np.nan, "n_items": 0}
