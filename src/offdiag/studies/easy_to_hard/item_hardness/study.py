"""The study item-hardness: how hard each item is for a model."""

from offdiag.figures import StudyFigure
from offdiag.studies.easy_to_hard.analyses.item_hardness import HardnessSummary
from offdiag.studies.easy_to_hard.analyses.measure_correlations import MeasureCorrelations
from offdiag.studies.easy_to_hard.exports.hardness_tables import HardnessTables
from offdiag.studies.easy_to_hard.figures.correlation_heat_map import CorrelationHeatMap
from offdiag.studies.easy_to_hard.figures.hardness_histograms import HardnessHistograms
from offdiag.studies.easy_to_hard.item_hardness.grid import cells, measurements
from offdiag.studies.easy_to_hard.item_hardness.params import CPU, PAPER, QUICK, ItemHardnessParams
from offdiag.study import Design, study

__all__ = ["ItemHardnessParams", "item_hardness"]

MEASURED = HardnessSummary(name="measured", caption="Mean hardness of the items by each measure.")
CORRELATIONS = MeasureCorrelations(name="correlations", caption="Spearman's correlation of every two measures.")


@study("item-hardness", scales={"quick": QUICK, "cpu": CPU, "paper": PAPER})
def item_hardness(p: ItemHardnessParams) -> Design:
    """How hard is each item for a model, and do models agree with people?

    The claim: hardness is not one thing; the measures that people gave, those of the text and those of models correlate
    weakly. The figures correlations test it. The measures of a model are one minus its probability of the right answer
    (untrained, with a probe, fine-tuned) and how unlikely it finds a text. The command export writes them to the tables
    from which the task easy_to_hard takes its levels.
    """
    planned = cells(p)
    return Design(
        cells=planned,
        measurements=measurements(p, planned),
        analyses=(MEASURED, CORRELATIONS),
        figures=tuple(figure for dataset in p.datasets for figure in _figures(dataset)),
        exports=(HardnessTables(),),
    )


def _figures(dataset: str) -> tuple[StudyFigure, ...]:
    heat_map = CorrelationHeatMap(
        name=f"correlations-{dataset}", of=CORRELATIONS, dataset=dataset,
        caption="Rank correlations of the measures of hardness: by people, by the text and by models.",
    )  # fmt: skip
    histograms = HardnessHistograms(
        name=f"histograms-{dataset}", dataset=dataset, caption="Number of items by each measure of hardness."
    )
    return (heat_map, histograms)
