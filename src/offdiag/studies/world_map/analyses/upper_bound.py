"""Table of the upper bound: models that met the new cities in pre-training already."""

from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

from offdiag.analyses.frames import Frames
from offdiag.errors import NotPlannedError
from offdiag.studies.world_map.analyses.city_cells import met_new_cities
from offdiag.studies.world_map.analyses.transfer_improvement import TransferImprovement

if TYPE_CHECKING:
    import pandas as pd

SAME = ("model", "seed", "train_new", "train_geometry")


class UpperBound(TransferImprovement):
    """Normalised improvement of models that were pre-trained on all cities, new ones among them.

    Beside :class:`TransferImprovement`, of which it has the columns, it says what fine-tuning could reach: 0 is the
    model that was pre-trained on ordinary cities alone, on new ones, and 1 the same on ordinary ones.
    """

    tag: ClassVar[str] = "upper-bound"

    def table(self, frames: Frames) -> "pd.DataFrame":
        """Return one row per arm and geometry.

        Raises:
            NotPlannedError: no model met the new cities in pre-training.
        """
        import pandas as pd

        cells = frames.cells
        met = met_new_cities(cells)
        if not met.any():
            raise NotPlannedError("no model is pre-trained on new cities, too (upper_bound=true)")
        known = [name for name in SAME if name in cells]
        alone = cells[~met & cells.get("after", pd.Series(pd.NA, index=cells.index)).isna()]
        starts = alone.drop_duplicates("arm").set_index(known)["arm"]
        starts = starts[~starts.index.duplicated()]
        places = pd.MultiIndex.from_frame(cells.loc[met, known])
        beside = cells[met].assign(after=starts.reindex(places).to_numpy())
        return super().table(replace(frames, cells=pd.concat([alone, beside]), records=frames.held))
