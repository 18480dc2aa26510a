"""Collect the answers of cells per item, and score the best fixed guess on the same items."""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

import numpy as np

from offdiag.analyses.frames import Frames
from offdiag.errors import UserError
from offdiag.stats import FloatArray
from offdiag.studies.world_map.analyses.city_cells import floats, measure_of

if TYPE_CHECKING:
    import pandas as pd

ANSWERED = ("example", "target", "correct", "error")


def answers_by_cell(frames: Frames, cells: Iterable[str], *more: str) -> "dict[str, pd.DataFrame]":
    """Return the records of each of the named cells: ``example, target, correct, error`` and ``more`` columns.

    Raises:
        UserError: one has none, or a column is missing.
    """
    names = [str(cell) for cell in cells]
    require_answers(frames, names)
    for column in more:
        if column not in frames.held.columns:
            raise UserError(f"no column {column!r}: the records have {', '.join(frames.held.columns)}")
    return {cell: frames.answers([cell], (*ANSWERED, *more)) for cell in names}


def require_answers(frames: Frames, cells: Iterable[str]) -> None:
    """Raise a UserError if a cell has no records."""
    if absent := {*cells} - set(frames.held.sizes):
        raise UserError(f"no records of {', '.join(sorted(absent))}: an average over items needs them")


def answer_grid(answers: "Mapping[str, pd.DataFrame]", cells: "pd.Series[str]", geometry: str) -> "pd.DataFrame":
    """Return verdicts (0 or 1) or errors ``[cells, items]``, items as columns; NaN where an item has none."""
    import pandas as pd

    column = "correct" if measure_of(geometry) == "accuracy" else "error"
    rows = [answers[str(name)].set_index("example")[column] for name in cells]
    return pd.DataFrame([pd.Series(floats(row), index=row.index) for row in rows])


def guesses(records: "pd.DataFrame", geometry: str, by: str | None = None) -> "pd.Series[float]":
    """Score the best fixed answer on each item (by ``example``): 0 or 1 for words, its error for numbers.

    It is the commonest word or the median of the right answers of these very items, or of those with the same ``by``.
    """
    import pandas as pd

    items = records.drop_duplicates("example").set_index("example")
    groups = pd.Series(0, index=items.index) if by is None else items[by]
    if measure_of(geometry) == "accuracy":
        best = items["target"].groupby(groups).transform(lambda words: words.mode().iloc[0])
        return (items["target"] == best).astype(float)
    targets = items["target"].astype(float)
    return (targets - targets.groupby(groups).transform("median")).abs()


def as_array(grid: "pd.DataFrame") -> FloatArray:
    """Return an answer grid as float64 ``[cells, items]``."""
    return grid.to_numpy(np.float64)
