"""How hard each item is for a model."""

from offdiag.figures import StudyFigure
from offdiag.studies.easy_to_hard.analyses.hardness_summary import HardnessSummary
from offdiag.studies.easy_to_hard.analyses.measure_correlations import MeasureCorrelations
from offdiag.studies.easy_to_hard.exports.hardness_tables import HardnessTables
from offdiag.studies.easy_to_hard.figures.correlation_heat_map import CorrelationHeatMap
from offdiag.studies.easy_to_hard.figures.hardness_histograms import HardnessHistograms
from offdiag.studies.easy_to_hard.item_hardness.grid import cells, measurements
from offdiag.studies.easy_to_hard.item_hardness.params import CPU, PAPER, QUICK, Params
from offdiag.study import Design, study

__all__ = ["Params", "item_hardness"]

MEASURED = HardnessSummary(name="measured", caption="Mean hardness of the items by each measure.")
CORRELATIONS = MeasureCorrelations(name="correlations", caption="Spearman's correlation of every two measures.")


@study("item-hardness", scales={"quick": QUICK, "cpu": CPU, "paper": PAPER})
def item_hardness(p: Params) -> Design:
    """How hard is each item for a model, and do models agree with people?

    The claim: measures of hardness are many things; those that people gave, those of the text and those of models go
    together weakly. Figures correlations test it. A model's own are the probability that it does not give to the right
    answer (untrained, with a probe, fine-tuned) and how unlikely it finds a text. The command export puts them where
    the task easy_to_hard cuts its levels from.
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
        caption="Rank correlations of the measures of hardness: of people, of the text and of models.",
    )  # fmt: skip
    histograms = HardnessHistograms(
        name=f"histograms-{dataset}", dataset=dataset, caption="How many items are how hard by each measure."
    )
    return (heat_map, histograms)
