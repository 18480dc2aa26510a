"""Study scattered: new cities in one place against new cities all over the map."""

from offdiag.studies.world_map.grid import maps, probes, transfer_cells
from offdiag.studies.world_map.outputs import learning, probing, transfer
from offdiag.studies.world_map.params import SMALL, TINY, MapParams, changed
from offdiag.study import Design, study

GROUPS = ("clustered", "scattered")


@study(
    "scattered",
    scales={
        "quick": changed(TINY, groups=GROUPS, singles=("distance", "angle", "compass"), pairs=(), snapshots=0),
        "cpu": changed(SMALL, groups=GROUPS, pairs=("distance+compass", "angle+compass"), snapshots=0),
        "paper": MapParams(groups=GROUPS),
    },
)
def scattered(p: MapParams) -> Design:
    """New cities all over the map: do they stay off the map of the others only because they lie in one place?

    The claim: other questions put new cities on the map and distance does not, also where the new cities are scattered
    among the ordinary ones (figures single and probe-errors, one panel per group). Each group of new cities makes a
    world, and models, of its own.
    """
    made = learning(p).and_(transfer(p), probing(p))
    return Design(
        cells=transfer_cells(p),
        measurements=(*probes(p), *maps(p)),
        analyses=made.analyses,
        figures=made.figures,
    )
