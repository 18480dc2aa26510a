"""Study new-cities: fine-tune on new cities with every geometry and every pair of them."""

from itertools import combinations

from offdiag.studies.world_map.grid import alignments, maps, probes, snapshot_cells, transfer_cells
from offdiag.studies.world_map.outputs import aligned, learning, probing, transfer
from offdiag.studies.world_map.params import SMALL, TINY, MapParams, changed
from offdiag.studies.world_map.published import published
from offdiag.studies.world_map.task import NAMES
from offdiag.study import Design, study

ALL_PAIRS = tuple("+".join(pair) for pair in combinations(NAMES, 2))
QUICK = changed(TINY, pairs=("distance+compass", "angle+compass", "distance+angle"))
CPU = changed(SMALL, pairs=ALL_PAIRS)
PAPER = MapParams(pairs=ALL_PAIRS, alone=NAMES, snapshots=40)


@study("new-cities", scales={"quick": QUICK, "cpu": CPU, "paper": PAPER})
def new_cities(p: MapParams) -> Design:
    """New cities learnt through every question and every pair: which question transfers to the others?

    The claim: how far what a model learns of new cities through one question serves the others depends on the
    question: most for angle, least for distance, which also leaves the new cities off the map that the ordinary ones
    lie on (figure probe-errors). The 21 pairs differ by distance: those with it fall behind their better specialist.
    Figure alignment-transfer asks whether geometries whose models represent cities alike transfer more to each other.
    """
    alignment = (aligned(p),) if p.alone else ()
    made = learning(p).and_(transfer(p), probing(p), *alignment)
    return Design(
        cells=(*transfer_cells(p), *snapshot_cells(p)),
        measurements=(*probes(p), *maps(p), *alignments(changed(p, taught=p.alone))),
        analyses=made.analyses,
        figures=made.figures,
        published=published(p, ("base",), ALL_PAIRS),
    )
