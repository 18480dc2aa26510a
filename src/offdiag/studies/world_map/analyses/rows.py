"""Rows of what is measured on cities."""

from typing import TYPE_CHECKING

import numpy as np

from offdiag.analyses.frames import Frames
from offdiag.analyses.selection import Where, select
from offdiag.stats import FloatArray, normal_quantile
from offdiag.studies.world_map.task import NAMES

if TYPE_CHECKING:
    import pandas as pd

TRAINED = "train_geometry"
UPDATE = "update"


def done_rows(frames: Frames, table: str, where: Where) -> "pd.DataFrame":
    """The rows of the finished measurements of a table; none if nothing is finished.

    Raises:
        UserError: the study has no such measurement, or nothing is selected.
    """
    frame = frames.measured(table)
    done = frame[frame["state"] == "done"]
    return done if done.empty else select(done, where)


def ended_rows(frames: Frames, table: str, where: Where) -> "pd.DataFrame":
    """As :func:`done_rows`, without the snapshots unless ``where`` asks for one."""
    rows = done_rows(frames, table, where)
    if UPDATE in where or UPDATE not in rows:
        return rows
    return rows[rows[UPDATE].isna()]


def tasks_of(trained: str) -> tuple[str, ...]:
    """The geometries of ``distance+angle``, in their usual order."""
    return tuple(name for name in NAMES if name in trained.split("+"))


def trained_words(trained: str) -> str:
    """``distance + angle``, or ``all tasks``."""
    tasks = tasks_of(trained)
    return "all tasks" if tasks == NAMES else " + ".join(tasks) or trained


def over_seeds(rows: "pd.DataFrame", column: str, by: str) -> "pd.DataFrame":
    """A measured number averaged over seeds: one row a value of ``by``, with ``value, low, high`` and ``n_seeds``.

    Two variances are added, that between seeds and that over cities (from the measured ``_low`` and ``_high``), which
    seeds share; degrees of freedom are Satterthwaite's. Of one seed it is the measured interval, which seeds are no
    part of.
    """
    import pandas as pd

    names = (column, f"{column}_low", f"{column}_high")
    found = []
    for key, few in rows.groupby(by, sort=True):
        value, low, high = (few[name].to_numpy(np.float64, na_value=np.nan) for name in names)
        ends = (value[0], low[0], high[0]) if len(few) == 1 else _with_seeds(value, high - low, int(few["n"].max()))
        found.append({by: key, **dict(zip(("value", "low", "high"), ends, strict=True)), "n_seeds": len(few)})
    return pd.DataFrame(found, columns=[by, "value", "low", "high", "n_seeds"])


def _with_seeds(values: FloatArray, widths: FloatArray, n: int) -> tuple[float, float, float]:
    from scipy.special import stdtrit

    mean, of_seeds = float(values.mean()), float(values.var(ddof=1)) / len(values)
    of_cities = float(np.mean((widths / (2 * normal_quantile(0.95))) ** 2))
    terms = of_seeds**2 / (len(values) - 1) + of_cities**2 / max(n - 1, 1)
    freedom = (of_seeds + of_cities) ** 2 / terms if terms > 0 else 1.0
    half = float(stdtrit(freedom, 0.975)) * float(np.sqrt(of_seeds + of_cities)) if terms > 0 else 0.0
    return mean, mean - half, mean + half
