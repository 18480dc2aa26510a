"""What a curve over the layers of a model comes to."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike


class Curve(NamedTuple):
    """What a layer-wise curve of scores comes to.

    Attributes:
        highest: the largest score over layers, S_max; NaN if none is defined. layer: index at which it stands; -1 if
            none is.
        area: AUSN, see :func:`summarise_layers`.
        n_undefined: layers without a score.
    """

    highest: float
    layer: int
    area: float
    n_undefined: int


def summarise_layers(scores: ArrayLike) -> Curve:
    """S_max and AUSN of the scores ``[layers]`` from the embeddings (index 0) to the last layer.

    AUSN, the normalised area under the layer-wise curve, is the integral of S over relative depth (0 at the embeddings,
    1 at the last layer) by the trapezoidal rule, so models of any depth compare; it has the unit of S and equals S for
    a flat curve. Where layers have no score the line joins their neighbours, and the area is divided by the depth from
    the first to the last layer that has one; NaN with fewer than two.

    Raises:
        ValueError: ``scores`` is not one-dimensional.
    """
    curve = np.asarray(scores, np.float64)
    if curve.ndim != 1:
        raise ValueError(f"summarise_layers: expected [layers], got {curve.ndim} dimensions")
    known = np.flatnonzero(np.isfinite(curve))
    if not known.size:
        return Curve(np.nan, -1, np.nan, curve.size)
    layer = int(known[np.argmax(curve[known])])
    span = known[-1] - known[0]
    area = float(np.trapezoid(curve[known], known) / span) if span else np.nan
    return Curve(float(curve[layer]), layer, area, curve.size - known.size)
