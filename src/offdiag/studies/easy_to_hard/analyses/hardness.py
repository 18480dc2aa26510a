"""The hardness of items, as the measurement of it says."""

from typing import TYPE_CHECKING

from offdiag.analyses.frames import Frames
from offdiag.errors import UserError

if TYPE_CHECKING:
    import pandas as pd

TABLE = "item_hardness"


def hardness_of(frames: Frames, dataset: str) -> "pd.DataFrame":
    """The rows of a data set: ``measure, state, item, value, level``; one without an item for what is not measured.

    Raises:
        UserError: nothing is planned to be measured of the data set, or an item has two values of one measure.
    """
    table = frames.measured(TABLE)
    found = table[(table["dataset"] == dataset).fillna(False).astype(bool)]
    if found.empty:
        known = ", ".join(map(str, dict.fromkeys(table["dataset"])))
        raise UserError(f"no measure of hardness of {dataset!r}: there is {known}")
    for name in ("item", "value", "level"):  # columns that nothing has as long as nothing is measured
        if name not in found:
            found = found.assign(**{name: None})
    measured = found[found["state"] == "done"]
    if measured.duplicated(["measure", "item"]).any():
        raise UserError(f"hardness of {dataset}: an item has two values of one measure; measure one pool only")
    return found


def measured_values(hardness: "pd.DataFrame") -> "pd.DataFrame":
    """Values by item (rows) and measure (columns, in order of appearance) as far as they are measured."""
    done = hardness[hardness["state"] == "done"]
    wide = done.astype({"value": float}).pivot(index="item", columns="measure", values="value")
    return wide[[name for name in dict.fromkeys(done["measure"]) if name in wide]]
