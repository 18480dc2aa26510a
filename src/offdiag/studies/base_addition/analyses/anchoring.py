"""Table of the anchoring score: one row per series, k, form and pooling."""

from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from offdiag.analyses.analysis import StudyAnalysis
from offdiag.analyses.frames import Frames
from offdiag.analyses.selection import DONE
from offdiag.stats import Estimate
from offdiag.studies.base_addition.analyses.anchoring_curves import PLANNED, LayerCurve, layer_curves

if TYPE_CHECKING:
    import pandas as pd

NUMBERS = (
    "score", "score_low", "score_high", "density", "mismatch", "k50_ratio",
    "score_max", "score_max_low", "score_max_high", "max_layer", "n_layers", "ausn",
    "n_queries", "n_seeds", "n_undefined_layers",
)  # fmt: skip


class AnchoringScores(StudyAnalysis):
    """The anchoring score S at the last layer, its largest value over layers, and the area under its curve.

    ``score, density, mismatch, k50_ratio`` are those of the last layer, after the final norm; ``k50_ratio`` is d / rho,
    to which the midpoint of accuracy over k should be proportional. ``score_max`` is the highest point of the averaged
    curve, at ``max_layer`` (0: the embeddings) of ``n_layers``; its interval is that of this layer and does not know
    that it was picked. ``ausn`` is defined at :func:`summarise_layers`. Layers without a score
    (``n_undefined_layers``; ``note`` says why) are left out of both.

    Attributes:
        series: column with one row per value.
    """

    tag: ClassVar[str] = "anchoring-scores"
    series: str = "eval_base"

    def table(self, frames: Frames) -> "pd.DataFrame":
        """Return one row per curve; a measurement that is not done is one row without numbers."""
        import pandas as pd

        rows = [_row(curve) for curve in layer_curves(frames, self.where, self.match_on, self.series)]
        keys = [self.series, *(name for name in PLANNED if name != self.series)]
        table = pd.DataFrame(rows, columns=[*keys, "pooling", "k", *NUMBERS, "state", "note"])
        return table.astype({"k": "Int64", "max_layer": "Int64", "n_layers": "Int64"})


def _row(curve: LayerCurve) -> dict[str, Any]:
    row: dict[str, Any] = {**curve.factors, "state": curve.state, "note": curve.note}
    if curve.state != DONE:
        return row
    highest, index, area, undefined = curve.summary
    numbers = {
        **_columns("score", curve.at("last")),
        "density": curve.density[-1],
        "mismatch": curve.mismatch[-1],
        "k50_ratio": curve.k50_ratio[-1],
        **_columns("score_max", curve.at("max")),
        "max_layer": curve.layers[index] if np.isfinite(highest) else None,
        "n_layers": curve.layers[-1],
        "ausn": area,
        "n_queries": curve.n_queries,
        "n_seeds": curve.n_seeds,
        "n_undefined_layers": undefined,
    }
    return row | numbers


def _columns(name: str, estimate: Estimate) -> dict[str, float]:
    return {name: estimate.value, f"{name}_low": estimate.low, f"{name}_high": estimate.high}
