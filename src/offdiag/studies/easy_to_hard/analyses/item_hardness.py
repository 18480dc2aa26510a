"""Measured hardness of items: rows of one data set, values by measure, and the mean of each measure."""

from typing import TYPE_CHECKING, ClassVar

from offdiag.analyses.analysis import StudyAnalysis
from offdiag.analyses.frames import Frames
from offdiag.analyses.selection import DONE
from offdiag.errors import NotPlannedError, UserError

if TYPE_CHECKING:
    import pandas as pd

TABLE = "item_hardness"
COLUMNS = ("dataset", "measure", "state", "items", "mean", "low", "high", "sd")


def hardness_of(frames: Frames, dataset: str) -> "pd.DataFrame":
    """Return the rows of a data set: ``measure, state, item, value, level``.

    A measure that is not done is one row without an item.

    Raises:
        UserError: no hardness of the data set is planned, or an item has two values of one measure.
    """
    table = frames.measured(TABLE)
    rows = table[(table["dataset"] == dataset).fillna(False).astype(bool)]
    if rows.empty:
        known = ", ".join(map(str, dict.fromkeys(table["dataset"])))
        raise NotPlannedError(f"no measure of hardness of {dataset!r}: there is {known}")
    for name in ("item", "value", "level"):  # the frame lacks these columns as long as no measure is done
        if name not in rows:
            rows = rows.assign(**{name: None})
    if rows[rows["state"] == DONE].duplicated(["measure", "item"]).any():
        raise UserError(f"hardness of {dataset}: an item has two values of one measure; measure one pool only")
    return rows


def measured_values(hardness: "pd.DataFrame") -> "pd.DataFrame":
    """Return values by item (rows) and measure (columns, in order of appearance), as far as they are measured."""
    done = hardness[hardness["state"] == DONE]
    wide = done.astype({"value": float}).pivot(index="item", columns="measure", values="value")
    return wide[[name for name in dict.fromkeys(done["measure"]) if name in wide]]


class HardnessSummary(StudyAnalysis):
    """The mean of each measure of hardness over the items of each data set."""

    tag: ClassVar[str] = "hardness-summary"
    terminal_columns: ClassVar[tuple[str, ...]] = COLUMNS

    def table(self, frames: Frames) -> "pd.DataFrame":
        """Return one row per data set and measure.

        Columns: ``dataset, measure, state`` (``done``, ``missing``, ``failed``), ``items``, ``mean`` with its 95 %
        interval ``low, high`` (Student's t over items; NaN where nothing is measured) and ``sd`` over items.
        """
        import numpy as np
        import pandas as pd

        from offdiag.stats.means import mean_interval

        rows = []
        for key, group in frames.measured(TABLE).groupby(["dataset", "measure", "state"], sort=False):
            m = mean_interval(group["value"].to_numpy(float, na_value=np.nan) if "value" in group else np.array([]))
            rows.append((*key, int(m.n), float(m.mean), float(m.low), float(m.high), float(m.sd)))
        return pd.DataFrame(rows, columns=COLUMNS)
