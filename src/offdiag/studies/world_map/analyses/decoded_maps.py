"""Read the maps decoded from hidden states (probes, components), per model and snapshot."""

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from offdiag.analyses.frames import Frames
from offdiag.analyses.selection import Where
from offdiag.errors import UserError
from offdiag.stats import FloatArray
from offdiag.studies.world_map.analyses.city_measurements import (
    TRAINED,
    UPDATE,
    done_rows,
    require_one_layer,
    training_label,
)

if TYPE_CHECKING:
    import pandas as pd

TABLE = "city_maps"
PLACES = ("layer", "city", "region", "country", "new", "x", "y", "pc1", "pc2", "pc3", "pc_share", "probe_x", "probe_y")
REDUNDANT = ("train", "after")  # long texts whose content other columns have, too
MEASURED = (*PLACES, "rest", "measurement", "state", UPDATE)


class MapSnapshot(NamedTuple):
    """The map of a model's ``n`` cities at one time of its training.

    Attributes:
        update: None at the end. layer: of the hidden states.
        city, region, country: texts ``[n]``. new: whether a city is new, ``[n]``.
        true, probed: true places and those that linear probes decode, ``[n, 2]``, in units of the plane.
        components: first three principal components of the states, ``[n, 3]``. share: of the variance, 0 to 1.
        rest: first principal component of what the probes do not see, ``[n]``.
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


def read_maps(frames: Frames, where: Where, who: str) -> dict[str, list[MapSnapshot]]:
    """Return the snapshots of each model in order of training, by what tells the model apart from the others.

    Raises:
        UserError: the study has no maps, nothing is selected, there are several layers, or two models are alike;
            the message begins with ``who``.
    """
    rows = done_rows(frames, TABLE, where)
    if rows.empty:
        return {}
    require_one_layer(rows, who)
    factors = [str(column) for column in rows.columns if column not in MEASURED]
    varying = [c for c in factors if c not in REDUNDANT and rows[c].nunique(dropna=False) > 1]
    models: dict[str, list[MapSnapshot]] = {}
    for _, of_model in rows.groupby(factors, dropna=False, sort=False):
        words = [_word(column, of_model[column].iloc[0]) for column in varying if of_model[column].notna().all()]
        if (label := ", ".join(words)) in models:
            raise UserError(f"{who}: two models are both {label or 'alike'}: tell them apart with where=")
        snapshots = [_snapshot(part) for _, part in of_model.groupby("measurement", sort=False)]
        models[label] = sorted(snapshots, key=lambda snapshot: (snapshot.update is None, snapshot.update or 0))
    return models


def _snapshot(rows: "pd.DataFrame") -> MapSnapshot:
    def array(*names: str) -> FloatArray:
        return rows[list(names)].to_numpy(np.float64)

    update = rows[UPDATE].iloc[0] if UPDATE in rows and rows[UPDATE].notna().any() else None
    city, region, country = (rows[name].astype(str).tolist() for name in ("city", "region", "country"))
    return MapSnapshot(
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


def rotate_to_map(snapshot: MapSnapshot, n: int) -> FloatArray:
    """Rotate (or mirror) the first ``n`` components to fit the places of the ordinary cities, ``[cities, n]``.

    Principal components have an arbitrary orientation, so an orthogonal Procrustes rotation makes them comparable with
    a map. It is fitted to the ordinary cities only, lest it move new ones to where they belong. All components are
    scaled by one factor to the spread of the places, in units; nothing is stretched.
    """
    from scipy.linalg import orthogonal_procrustes

    ordinary = ~snapshot.new
    centre, middle = snapshot.components[ordinary, :n].mean(0), snapshot.true[ordinary].mean(0)
    source = snapshot.components[:, :n] - centre
    goal = np.zeros((len(source), n))
    goal[:, :2] = snapshot.true - middle
    rotation, _ = orthogonal_procrustes(source[ordinary], goal[ordinary])
    size = float(np.linalg.norm(source[ordinary]))
    rotated: FloatArray = source @ rotation * (float(np.linalg.norm(goal[ordinary])) / size if size else 0.0)
    rotated[:, :2] += middle
    return rotated


def _word(column: str, value: object) -> str:
    if column == TRAINED:
        return training_label(str(value))
    return str(value) if isinstance(value, str) else f"{column.removeprefix('train_')} {value}"
