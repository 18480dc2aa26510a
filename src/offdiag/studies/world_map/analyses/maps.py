"""The maps that models have made of their cities, by model and time of training."""

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from offdiag.analyses.frames import Frames
from offdiag.analyses.selection import Where
from offdiag.errors import UserError
from offdiag.stats import FloatArray
from offdiag.studies.world_map.analyses.rows import TRAINED, UPDATE, done_rows, trained_words

if TYPE_CHECKING:
    import pandas as pd

TABLE = "city_maps"
PLACES = ("layer", "city", "region", "country", "new", "x", "y", "pc1", "pc2", "pc3", "pc_share", "probe_x", "probe_y")
WORDY = ("train", "after")  # what they say is in other columns, too
MEASURED = (*PLACES, "rest", "measurement", "state", UPDATE)


class Step(NamedTuple):
    """A model's cities at one time of its training.

    Attributes:
        update: None at the end. layer: of the states. city, region, country: texts ``[n]``. new: ``[n]``.
        true, probed: places ``[n, 2]``, in units. components: ``[n, 3]``. share: of the variance that they hold.
        rest: ``[n]``.
    """

    update: int | None
    layer: int
    city: list[str]
    region: list[str]
    country: list[str]
    new: NDArray[np.bool_]
    true: FloatArray
    probed: FloatArray
    components: FloatArray
    share: float
    rest: FloatArray


def read_maps(frames: Frames, where: Where, name: str) -> dict[str, list[Step]]:
    """The maps of each model by what sets it apart from the others, in the order of its training.

    Raises:
        UserError: the study has no maps, nothing is selected, there are several layers, or two models are alike.
    """
    rows = done_rows(frames, TABLE, where)
    if rows.empty:
        return {}
    if len(layers := rows["layer"].unique()) > 1:
        found = ", ".join(map(str, sorted(layers)))
        raise UserError(f"{name}: maps of layers {found}; choose one with where={{'layer': …}}")
    factors = [str(column) for column in rows.columns if column not in MEASURED]
    varying = [c for c in factors if c not in WORDY and rows[c].nunique(dropna=False) > 1]
    models: dict[str, list[Step]] = {}
    for _, few in rows.groupby(factors, dropna=False, sort=False):
        words = [_word(column, few[column].iloc[0]) for column in varying if few[column].notna().all()]
        if (label := ", ".join(words)) in models:
            raise UserError(f"{name}: two models are both {label or 'alike'}: tell them apart with where=")
        steps = [_step(each) for _, each in few.groupby("measurement", sort=False)]
        models[label] = sorted(steps, key=lambda step: (step.update is None, step.update or 0))
    return models


def _step(rows: "pd.DataFrame") -> Step:
    def array(*names: str) -> FloatArray:
        return rows[list(names)].to_numpy(np.float64)

    update = rows[UPDATE].iloc[0] if UPDATE in rows and rows[UPDATE].notna().any() else None
    city, region, country = (rows[name].astype(str).tolist() for name in ("city", "region", "country"))
    return Step(
        None if update is None else int(update),
        int(rows["layer"].iloc[0]),
        city,
        region,
        country,
        rows["new"].to_numpy(np.bool_),
        array("x", "y"),
        array("probe_x", "probe_y"),
        array("pc1", "pc2", "pc3"),
        float(rows["pc_share"].iloc[0]),
        array("rest")[:, 0],
    )


def turned(step: Step, n: int) -> FloatArray:
    """The first ``n`` components turned (or mirrored) to fit the places of the ordinary cities, ``[n, 2 or 3]``.

    They are scaled as a whole to the same spread, in units; nothing is stretched.
    """
    from scipy.linalg import orthogonal_procrustes

    old = ~step.new
    centre, middle = step.components[old, :n].mean(0), step.true[old].mean(0)
    source = step.components[:, :n] - centre
    goal = np.zeros((len(source), n))
    goal[:, :2] = step.true - middle
    rotation, _ = orthogonal_procrustes(source[old], goal[old])
    size = float(np.linalg.norm(source[old]))
    found: FloatArray = source @ rotation * (float(np.linalg.norm(goal[old])) / size if size else 0.0)
    found[:, :2] += middle
    return found


def _word(column: str, value: object) -> str:
    if column == TRAINED:
        return trained_words(str(value))
    return str(value) if isinstance(value, str) else f"{column.removeprefix('train_')} {value}"
