"""Study convergence: do models of different questions come to represent cities alike?"""

from offdiag.studies.world_map.grid import alignments, maps, pretrained_cells, probes, snapshot_cells
from offdiag.studies.world_map.outputs import converging, learning
from offdiag.studies.world_map.params import SMALL, TINY, MapParams, changed
from offdiag.studies.world_map.task import NAMES
from offdiag.study import Design, study
from offdiag.training import PretrainingRecipe

PAIRS = tuple(f"{NAMES[2 * i % 7]}+{NAMES[(2 * i + 1) % 7]}" for i in range(7))
TRIPLES = tuple(f"{NAMES[3 * i % 7]}+{NAMES[(3 * i + 1) % 7]}+{NAMES[(3 * i + 2) % 7]}" for i in range(7))
TAUGHT = (*NAMES, *PAIRS, *TRIPLES)
NO_TUNING = {"singles": (), "pairs": ()}

QUICK = changed(
    TINY, taught=("distance", "compass", "distance+angle", "compass+perimeter"), seeds=(0,), snapshots=4,
    pretraining=PretrainingRecipe(updates=600, batch_size=96, learning_rate=4e-3), **NO_TUNING,
)  # fmt: skip
CPU = changed(
    SMALL, taught=TAUGHT, snapshots=0,
    pretraining=PretrainingRecipe(updates=1500, batch_size=128, learning_rate=3e-3), **NO_TUNING,
)  # fmt: skip
PAPER = changed(MapParams(), taught=TAUGHT, seeds=(0, 1, 2), snapshots=12, **NO_TUNING)


@study("convergence", scales={"quick": QUICK, "cpu": CPU, "paper": PAPER})
def convergence(p: MapParams) -> Design:
    """Different questions, one map: do models without a common task agree more, the more tasks each has?

    The claim: models trained on one question represent the cities each in a way of their own; with two or three
    questions each, models that share none of them come to agree. Figure convergence tests it by centred kernel
    alignment (CKA) over pairs of models without a common task; figure alignment shows every two trainings. Every model
    sees equally many rows, however many questions they are spread over.
    """
    made = learning(p).and_(converging(p))
    return Design(
        cells=(*pretrained_cells(p), *snapshot_cells(p)),
        measurements=(*probes(p), *alignments(p), *maps(p)),
        analyses=made.analyses,
        figures=made.figures,
    )
