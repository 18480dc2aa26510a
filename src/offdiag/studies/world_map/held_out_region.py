"""Study held-out-region: the new cities are a real region that pre-training never saw."""

from offdiag.studies.world_map.grid import maps, probes, transfer_cells
from offdiag.studies.world_map.outputs import learning, probing, transfer
from offdiag.studies.world_map.params import SMALL, TINY, MapParams, changed
from offdiag.studies.world_map.task import World
from offdiag.study import Design, study

REGIONS = ("north-africa", "north-india", "middle-east")
SMALL_WORLD = World(count=48, sample="random", per_degree=1, id_digits=2, new="china", eval_share=0.2)


@study(
    "held-out-region",
    scales={
        "quick": changed(
            TINY, world=SMALL_WORLD, groups=("china",), singles=("distance", "angle", "compass"), pairs=(), snapshots=0
        ),
        "cpu": changed(SMALL, world=SMALL_WORLD, groups=("china", "africa"), pairs=("angle+compass",), snapshots=0),
        "paper": MapParams(groups=REGIONS),
    },
)
def held_out_region(p: MapParams) -> Design:
    """A real region held out of pre-training: do real cities transfer as made-up ones do?

    The claim: what holds for a made-up Atlantis holds for North Africa, North India and the Middle East, each left out
    of the pre-training of a world of its own (figure single, one panel per region): trained geometries above the
    others, and least transfer from distance. Small scales hold out regions that have enough of a few dozen cities.
    """
    made = learning(p).and_(transfer(p), probing(p))
    return Design(
        cells=transfer_cells(p),
        measurements=(*probes(p), *maps(p)),
        analyses=made.analyses,
        figures=made.figures,
    )
