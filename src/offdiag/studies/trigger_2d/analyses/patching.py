"""Table of activation patching: the share of a trigger's effect that is restored, by layer and position."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from offdiag.analyses.frames import Frames
from offdiag.analyses.selection import DONE
from offdiag.stats.replicated import mean_of_replicates
from offdiag.studies.trigger_2d.analyses.contrasts import ContrastAnalysis, ContrastGroup, contrast_groups

if TYPE_CHECKING:
    import pandas as pd

TABLE = "patching"


class PatchingRecovery(ContrastAnalysis):
    """Mean recovered difference at each layer and position, per arm and pair of categories."""

    tag: ClassVar[str] = "patching-recovery"

    def table(self, frames: Frames) -> "pd.DataFrame":
        """Return one row per arm, pair of categories, position and layer, or one row that says why there is none.

        ``recovered`` is the mean over pairs (and seeds), 0 as corrupted and 1 as clean, with the 95 % interval of
        :func:`offdiag.stats.replicated.mean_of_replicates`. ``n_pairs`` counts pairs over all seeds, ``left_out`` says
        how many were left out, and why.

        Raises:
            UserError: a column is missing, nothing is selected, or two measurements of a group have the same seeds.
        """
        import pandas as pd

        groups = contrast_groups(frames, TABLE, self)
        return pd.DataFrame([row for group in groups for row in self._rows(group)])

    def _rows(self, group: ContrastGroup) -> list[dict[str, Any]]:
        seeds = {"n_seeds": group.n_seeds, "n_planned_seeds": group.n_planned}
        if group.state != DONE:
            none = {"n_pairs": 0, "n_left_out": 0, "left_out": ""}
            return [{**group.factors, "state": group.state, **seeds, **none}]
        absent = group.rows[group.rows["left_out"].notna()]
        kept = group.rows.drop(absent.index)
        shared = {
            **group.factors,
            "state": DONE if len(kept) else "no pair",
            **seeds,
            "n_pairs": len(kept[["measurement", "example"]].drop_duplicates()),
            "n_left_out": len(absent),
            "left_out": ", ".join(f"{n} {reason}" for reason, n in absent["left_out"].value_counts().items()),
        }
        return [shared | numbers for numbers in self._recovered(kept)] if len(kept) else [shared]

    def _recovered(self, rows: "pd.DataFrame") -> Iterator[dict[str, Any]]:
        """Yield the mean and its interval at each position and layer."""
        columns, names = rows[["position", "layer"]].drop_duplicates(), ["position", "layer"]
        wide = rows.pivot(index=["measurement", "example"], columns=names, values="recovered")
        wide = wide[list(columns.itertuples(index=False, name=None))]
        seeds, pairs = (wide.index.get_level_values(level) for level in (0, 1))
        grid = np.full((seeds.nunique(), pairs.nunique(), wide.shape[1]), np.nan)
        grid[seeds.factorize()[0], pairs.factorize()[0]] = wide.to_numpy(np.float64, na_value=np.nan)
        for i, (position, layer) in enumerate(columns.itertuples(index=False, name=None)):
            value, low, high = mean_of_replicates(grid[:, :, i])[:3]
            yield {"position": position, "layer": int(layer), "recovered": value, "low": low, "high": high}
