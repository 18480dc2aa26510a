"""The anchoring score as a table: one row a series, k, form and pooling."""

from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from offdiag.analyses.analysis import StudyAnalysis
from offdiag.analyses.frames import Frames
from offdiag.studies.base_addition.analyses.anchoring_curves import PLANNED, LayerCurve, layer_curves

if TYPE_CHECKING:
    import pandas as pd

NUMBERS = (
    "score", "score_low", "score_high", "density", "mismatch", "k50_ratio",
    "score_max", "score_max_low", "score_max_high", "max_layer", "n_layers", "ausn",
    "n_queries", "n_seeds", "n_undefined_layers",
)  # fmt: skip


class AnchoringScores(StudyAnalysis):
    """S at the last layer, its largest value over layers and the area under its curve.

    ``score, density, mismatch, k50_ratio`` are those of the last layer, after the final norm; ``k50_ratio`` is d / rho,
    to which the midpoint of accuracy over k should be proportional. ``score_max`` is the highest point of the averaged
    curve, at ``max_layer`` (0: the embeddings) of ``n_layers``; its interval is that of this layer and does not know
    that it was picked. ``ausn`` is defined at :func:`summarise_layers`. Layers without a score
    (``n_undefined_layers``; ``note`` says why) are left out of both.

    Attributes:
        series: column with one row a value.
    """

    tag: ClassVar[str] = "anchoring-scores"
    series: str = "eval_base"

    def table(self, frames: Frames) -> "pd.DataFrame":
        """One row a curve; a measurement that is not done is one row without numbers."""
        import pandas as pd

        rows = [_row(curve) for curve in layer_curves(frames, self.where, self.match_on, self.series)]
        keys = [self.series, *(name for name in PLANNED if name != self.series)]
        table = pd.DataFrame(rows, columns=[*keys, "pooling", "k", *NUMBERS, "state", "note"])
        return table.astype({"k": "Int64", "max_layer": "Int64", "n_layers": "Int64"})


def _row(curve: LayerCurve) -> dict[str, Any]:
    row: dict[str, Any] = {**curve.factors, "state": curve.state, "note": curve.note}
    if curve.state != "done":
        return row
    highest, index, area, undefined = curve.summary
    numbers = {
        **dict(zip(("score", "score_low", "score_high"), curve.at("last"), strict=True)),
        "density": curve.density[-1],
        "mismatch": curve.mismatch[-1],
        "k50_ratio": curve.k50_ratio[-1],
        **dict(zip(("score_max", "score_max_low", "score_max_high"), curve.at("max"), strict=True)),
        "max_layer": curve.layers[index] if np.isfinite(highest) else None,
        "n_layers": curve.layers[-1],
        "ausn": area,
        "n_queries": curve.n_queries,
        "n_seeds": curve.n_seeds,
        "n_undefined_layers": undefined,
    }
    return row | numbers
