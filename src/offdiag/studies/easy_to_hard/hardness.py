"""The hardness of the items themselves: what is measured of it, and accuracy over it."""

from collections.abc import Iterator

from offdiag.analyses import StudyAnalysis
from offdiag.figures import StudyFigure
from offdiag.studies.easy_to_hard.analyses.accuracy_by_hardness import AccuracyByHardness
from offdiag.studies.easy_to_hard.analyses.measure_correlations import MeasureCorrelations
from offdiag.studies.easy_to_hard.figures.by_hardness import ByHardness
from offdiag.studies.easy_to_hard.figures.correlation_heat_map import CorrelationHeatMap
from offdiag.studies.easy_to_hard.figures.hardness_histograms import HardnessHistograms
from offdiag.studies.easy_to_hard.grid import Setting, methods_for, noises, settings
from offdiag.studies.easy_to_hard.measurements.item_hardness import ItemHardness
from offdiag.studies.easy_to_hard.params import Params
from offdiag.studies.easy_to_hard.selections import Place, Where, most_data, without_untrained
from offdiag.studies.easy_to_hard.settings import measures_of
from offdiag.studies.easy_to_hard.task.measures import NO_MEASURE
from offdiag.studies.easy_to_hard.task.specs import SPECS

MOST_STEPS = {"num_steps": 8.0}  # few items have more


def measurements(p: Params) -> tuple[ItemHardness, ...]:
    """Every measure of every data set: those that need no model, and those that the study is about."""
    return tuple(
        ItemHardness(domain=Setting(p, dataset, measure).domain(n_train=0))
        for dataset in p.datasets
        for measure in _measures(p, dataset)
    )


def correlations() -> StudyAnalysis:
    """Every two measures."""
    caption = "Spearman's rank correlation of every two measures of hardness over the items."
    return MeasureCorrelations(name="correlations", caption=caption)


def of_items(p: Params) -> Iterator[StudyFigure]:
    """Heat map and histograms of the measures of each data set; no model has a part in them."""
    for dataset in p.datasets:
        yield CorrelationHeatMap(
            name=f"correlations-{dataset}", of=correlations(), dataset=dataset,
            caption=f"How the measures of hardness of {dataset} go together; no model has a part in it.",
        )  # fmt: skip
        yield HardnessHistograms(
            name=f"histograms-{dataset}", dataset=dataset,
            caption=f"How many items of {dataset} are how hard by each measure, and where they are cut into levels.",
        )  # fmt: skip


def over_hardness(p: Params, place: Place) -> ByHardness:
    """Accuracy over all measures: untrained, and after each level by the first method."""
    named = " and ".join(["untrained", *methods_for(p, place.dataset)[:1]])
    of = AccuracyByHardness(
        name="by-hardness", dataset=place.dataset, arms=_arms(p, place), where={"model": place.model}, most=MOST_STEPS
    )
    caption = f"Accuracy over each measure of hardness of {place.dataset}, {named}; more than eight values are binned."
    return ByHardness(name=f"by-hardness-{place.slug}", of=of, title=f"Accuracy over hardness, {place.dataset}",
                      caption=caption)  # fmt: skip


def _measures(p: Params, dataset: str) -> tuple[str, ...]:
    free = (*SPECS[dataset].human, *SPECS[dataset].surface)
    return tuple(name for name in dict.fromkeys((*free, *measures_of(p.hardness, dataset))) if name != NO_MEASURE)


def _arms(p: Params, place: Place) -> dict[str, Where]:
    arms: dict[str, Where] = {"untrained": {"method": "zero-shot"}}
    taught = dict.fromkeys(
        level for setting in settings(p) if setting.dataset == place.dataset for level in setting.strata()
    )
    for name in methods_for(p, place.dataset)[:1]:
        for level in taught:
            drawn: Where = {"train_level": level, "noise": noises(p, level)[0]}
            words = f"{name.replace('+', ' + ')}, {level.replace('_', ' ')}"
            arms[words] = {**without_untrained(name), **most_data(p, place, name), **drawn}
    return arms
