"""Study width-ablation: does a wider model transfer more of what it learns about new cities?"""

from offdiag.studies.world_map.grid import maps, probes, snapshot_cells, transfer_cells
from offdiag.studies.world_map.outputs import learning, probing, transfer
from offdiag.studies.world_map.params import PAPER_PAIRS, SMALL, TINY, MapParams, changed
from offdiag.studies.world_map.published import published
from offdiag.study import Design, study

# Widths differ in heads alone, all of one size; every width sees the same rows, in the same number of updates.
CPU = changed(SMALL, widths=("narrow", "base"))
PAPER = MapParams(widths=("narrow", "base", "wide", "wider"), seeds=(0, 1, 2))


@study("width-ablation", scales={"quick": TINY, "cpu": CPU, "paper": PAPER})
def width_ablation(p: MapParams) -> Design:
    """A map that is never shown: does a wider transformer transfer more from one question about new cities to others?

    The claim: a small transformer that only ever sees ids and answers forms a map of the cities, which linear probes
    decode from its hidden states (figure maps). Fine-tuned on new cities with one question, it answers that one better
    than the others, and distance transfers least (figure single). Two questions do worse than the better of their
    specialists if distance is one of them, and at least as well if not (figure difference), at every width.
    """
    made = learning(p).and_(transfer(p), probing(p))
    return Design(
        cells=(*transfer_cells(p), *snapshot_cells(p)),
        measurements=(*probes(p), *maps(p)),
        analyses=made.analyses,
        figures=made.figures,
        published=published(p, ("base", "wide"), PAPER_PAIRS),
    )
