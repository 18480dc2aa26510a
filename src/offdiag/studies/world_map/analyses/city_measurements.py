"""Select finished measurements of cities (probes, maps, alignment); average over seeds."""

from typing import TYPE_CHECKING

import numpy as np

from offdiag.analyses.frames import Frames
from offdiag.analyses.selection import DONE, Where, select
from offdiag.errors import UserError
from offdiag.stats import Estimate, FloatArray, normal_quantile
from offdiag.studies.world_map.task import NAMES

if TYPE_CHECKING:
    import pandas as pd

TRAINED = "train_geometry"
UPDATE = "update"


def done_rows(frames: Frames, table: str, where: Where) -> "pd.DataFrame":
    """Return the rows of the finished measurements of a table; none if nothing is finished.

    Raises:
        UserError: the study has no such measurement, or nothing is selected.
    """
    frame = frames.measured(table)
    done = frame[frame["state"] == DONE]
    return done if done.empty else select(done, where)


def final_rows(frames: Frames, table: str, where: Where) -> "pd.DataFrame":
    """Return finished measurements at the end of training, or of the snapshot in ``where``.

    Raises:
        UserError: as :func:`done_rows`.
    """
    rows = done_rows(frames, table, where)
    if UPDATE in where or UPDATE not in rows:
        return rows
    return rows[rows[UPDATE].isna()]


def require_one_layer(rows: "pd.DataFrame", who: str) -> None:
    """Raise a UserError if rows of more than one layer are left; ``who`` begins the message."""
    if len(layers := sorted(rows["layer"].unique())) > 1:
        raise UserError(f"{who}: layers {', '.join(map(str, layers))}; choose one with where={{'layer': …}}")


def tasks_of(trained: str) -> tuple[str, ...]:
    """Return the geometries of a training such as ``distance+angle``, in the order of ``NAMES``."""
    return tuple(name for name in NAMES if name in trained.split("+"))


def training_label(trained: str) -> str:
    """Return a training in words: ``distance + angle``, or ``all tasks``."""
    tasks = tasks_of(trained)
    return "all tasks" if tasks == NAMES else " + ".join(tasks) or trained


def mean_over_seeds(rows: "pd.DataFrame", column: str, by: str) -> "pd.DataFrame":
    """Average a measured number over seeds: ``by, value, low, high, n_seeds`` per value of ``by``.

    The squared standard error is the sum of two: that between seeds, and that over cities (from the measured ``_low``
    and ``_high``), which is not divided by the number of seeds, since all seeds share the cities. The interval is
    Student's t with Satterthwaite's degrees of freedom. Of one seed it is the measured interval, over cities only.
    """
    import pandas as pd

    names = (column, f"{column}_low", f"{column}_high")
    found = []
    for key, group in rows.groupby(by, sort=True):
        value, low, high = (group[name].to_numpy(np.float64, na_value=np.nan) for name in names)
        if len(group) == 1:
            mean = Estimate(value[0], low[0], high[0])
        else:
            mean = _mean_of_seeds(value, high - low, int(group["n"].max()))
        found.append({by: key, "value": mean.value, "low": mean.low, "high": mean.high, "n_seeds": len(group)})
    return pd.DataFrame(found, columns=[by, "value", "low", "high", "n_seeds"])


def _mean_of_seeds(values: FloatArray, widths: FloatArray, n_cities: int) -> Estimate:
    """Return the mean of ``values`` with 95 % intervals over cities of ``widths``, ``[seeds]`` each."""
    from scipy.special import stdtrit

    mean, of_seeds = float(values.mean()), float(values.var(ddof=1)) / len(values)
    of_cities = float(np.mean((widths / (2 * normal_quantile(0.95))) ** 2))
    terms = of_seeds**2 / (len(values) - 1) + of_cities**2 / max(n_cities - 1, 1)
    if not terms > 0:  # nothing varies, or an interval is unknown
        return Estimate(mean, mean, mean, len(values))
    freedom = (of_seeds + of_cities) ** 2 / terms
    half = float(stdtrit(freedom, 0.975)) * float(np.sqrt(of_seeds + of_cities))
    return Estimate(mean, mean - half, mean + half, len(values))
